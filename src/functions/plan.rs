//! What the environments of one version of a function are made after: its process, its variables, its directory.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use super::keeper::Order;
use super::log::Logs;
use super::runtimes::Launch;
use super::settings::User;
use crate::model::function::{FunctionName, Version};
use crate::model::rest::Strings;
use crate::observe::clock::Clock;

/// Names that Lambda sets itself: a function's configuration may not have them.
pub const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
];

/// How environments of one version are made.
pub(super) struct Plan {
    pub(super) name: FunctionName,
    pub(super) label: String,
    pub(super) version: Version,
    pub(super) launch: Launch,
    pub(super) package: PathBuf,
    pub(super) runtimes: PathBuf,
    /// Where environments have their own directories.
    pub(super) run: PathBuf,
    pub(super) user: Option<User>,
    pub(super) region: String,
    /// The function's own variables: they are secrets.
    pub(super) own: Strings,
    pub(super) logs: Logs,
    pub(super) clock: Clock,
}

/// Without the variables.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("name", &self.name).field("label", &self.label).finish_non_exhaustive()
    }
}

impl Plan {
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.version.timeout))
    }

    pub(super) fn memory_mb(&self) -> u32 {
        self.version.memory
    }

    /// The bytes of memory that an environment may use.
    pub(super) fn memory(&self) -> u64 {
        u64::from(self.version.memory) << 20
    }

    /// When a call that begins now must have ended, in milliseconds since 1970.
    pub(super) fn deadline_ms(&self) -> u64 {
        u64::try_from((self.clock.since_epoch() + self.timeout()).as_millis()).unwrap_or(u64::MAX)
    }

    /// Now, as AWS's log has it.
    pub(super) fn stamp(&self) -> String {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        self.now().format(format).unwrap_or_default()
    }

    fn now(&self) -> OffsetDateTime {
        let nanos = i128::try_from(self.clock.since_epoch().as_nanos()).unwrap_or_default();
        OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// The first line of an environment's log.
    pub(super) fn init_start(&self) -> Option<String> {
        match &self.launch {
            Launch::Bootstrap => None,
            Launch::Interpreter { version, .. } => {
                let family =
                    self.version.runtime.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == 'x');
                Some(format!("INIT_START Runtime Version: {family}:{version}"))
            }
        }
    }

    /// Whether there is something to start, as far as that can be seen before.
    pub(super) fn check(&self) -> std::io::Result<()> {
        let bootstrap = self.package.join("bootstrap");
        if self.launch == Launch::Bootstrap && !bootstrap.is_file() {
            let path = bootstrap.display();
            return Err(std::io::Error::other(format!("Couldn't find valid bootstrap(s): [{path}]")));
        }
        Ok(())
    }

    /// A directory for an environment, and what its log is called.
    pub(super) fn make_directory(&self) -> std::io::Result<(String, PathBuf)> {
        let id = Uuid::new_v4().simple().to_string();
        let directory = self.run.join(&id);
        fs::DirBuilder::new().mode(0o700).create(&directory)?;
        if let Some(user) = self.user {
            chown(&directory, Some(user.uid), Some(user.gid))?;
        }
        let day = self.now().format(format_description!("[year]/[month]/[day]")).unwrap_or_default();
        Ok((format!("{day}/[{}]{id}", self.label), directory))
    }

    pub(super) fn remove_directory(&self, directory: &Path) {
        if let Err(error) = fs::remove_dir_all(directory) {
            tracing::warn!(function = %self.name, %error, "a function's own directory can't be removed");
        }
    }

    pub(super) fn order(&self, own: &Path) -> Order {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let program = match &self.launch {
            Launch::Bootstrap => vec![text(&self.package.join("bootstrap"))],
            Launch::Interpreter { program, script, .. } => {
                vec![text(program), text(script), self.version.handler.clone()]
            }
        };
        // A keeper that runs as another user may not see where the node was started.
        let directory = if self.package.is_dir() { self.package.clone() } else { own.to_owned() };
        Order {
            memory: self.version.memory,
            file: self.version.ephemeral_storage,
            user: self.user.map(|user| (user.uid, user.gid)),
            directory,
            program,
        }
    }

    /// All that a process gets of an environment: nothing of the node's own.
    pub(super) fn variables(&self, desk: &SocketAddr, stream: &str, own: &Path) -> BTreeMap<String, String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let task = text(&self.package);
        let execution = match self.launch {
            Launch::Bootstrap => None,
            Launch::Interpreter { .. } => Some(("AWS_EXECUTION_ENV", format!("AWS_Lambda_{}", self.version.runtime))),
        };
        let defaults = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin".to_owned()),
            ("LANG", "en_US.UTF-8".to_owned()),
            ("TZ", ":UTC".to_owned()),
            ("HOME", text(own)),
            ("TMPDIR", text(own)),
            ("LD_LIBRARY_PATH", format!("{task}:{task}/lib")),
            // Packages are shared by all environments, and nobody's to write to.
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ];
        let set = [
            ("_HANDLER", self.version.handler.clone()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_DEFAULT_REGION", self.region.clone()),
            ("AWS_LAMBDA_FUNCTION_NAME", self.name.to_string()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", self.version.memory.to_string()),
            ("AWS_LAMBDA_FUNCTION_VERSION", self.label.clone()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", self.version.log_group(&self.name)),
            ("AWS_LAMBDA_LOG_STREAM_NAME", stream.to_owned()),
            ("AWS_LAMBDA_RUNTIME_API", desk.to_string()),
            ("LAMBDA_TASK_ROOT", task),
            ("LAMBDA_RUNTIME_DIR", text(&self.runtimes)),
        ];
        let owned = |(name, value): (&str, String)| (name.to_owned(), value);
        let mut variables: BTreeMap<String, String> = defaults.into_iter().map(owned).collect();
        variables.extend(self.own.clone());
        variables.extend(set.into_iter().chain(execution).map(owned));
        variables
    }
}
