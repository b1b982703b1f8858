//! Runtimes: which of AWS's names there are, and what on this machine runs those that it can run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::Mutex;

/// The names that AWS knows; those that it has given up are there for functions of old.
pub const ALL: &[&str] = &[
    "nodejs",
    "nodejs4.3",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "nodejs16.x",
    "java8",
    "java8.al2",
    "java11",
    "python2.7",
    "python3.6",
    "python3.7",
    "python3.8",
    "python3.9",
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "dotnet6",
    "dotnet8",
    "nodejs4.3-edge",
    "go1.x",
    "ruby2.5",
    "ruby2.7",
    "provided",
    "provided.al2",
    "nodejs18.x",
    "python3.10",
    "java17",
    "ruby3.2",
    "ruby3.3",
    "ruby3.4",
    "python3.11",
    "nodejs20.x",
    "provided.al2023",
    "python3.12",
    "java21",
    "python3.13",
    "nodejs22.x",
    "nodejs24.x",
    "python3.14",
    "java25",
    "dotnet10",
    "ruby4.0",
];
/// An interpreter says what it is within this time.
const ASKED_WITHIN: Duration = Duration::from_secs(20);
/// Our own runtime interface for Python.
const PYTHON: &str = include_str!("bootstrap/python.py");
/// Our own for Node.js.
const NODE: &str = include_str!("bootstrap/node.mjs");

/// What runs a function.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Launch {
    /// The package's own `bootstrap`.
    Bootstrap,
    /// An interpreter with a script.
    Interpreter {
        /// The interpreter's file.
        program: PathBuf,
        /// The script.
        script: PathBuf,
        /// What it says of its version.
        version: String,
    },
}

/// The runtimes of this machine, found when they are first needed.
pub(super) struct Runtimes {
    directory: PathBuf,
    found: Mutex<HashMap<String, Launch>>,
}

/// Which family a runtime's name belongs to, and the version that it asks for.
#[derive(Debug, PartialEq)]
enum Family<'a> {
    Provided,
    Python(&'a str),
    Node(&'a str),
}

fn family(runtime: &str) -> Option<Family<'_>> {
    if runtime == "provided" || runtime.starts_with("provided.") {
        return Some(Family::Provided);
    }
    if let Some(version) = runtime.strip_prefix("python").filter(|version| version.starts_with("3.")) {
        return Some(Family::Python(version));
    }
    let version = runtime.strip_prefix("nodejs").filter(|version| !version.ends_with("-edge"))?;
    Some(Family::Node(version.split('.').next().unwrap_or_default()))
}

impl Runtimes {
    /// Puts our own runtime interfaces into a directory.
    pub(super) fn prepare(directory: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        std::fs::write(directory.join("python.py"), PYTHON)?;
        std::fs::write(directory.join("node.mjs"), NODE)?;
        Ok(Self { directory: directory.to_owned(), found: Mutex::default() })
    }

    /// Where they are.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What runs a runtime's functions here; or why nothing does.
    pub(super) async fn find(&self, runtime: &str) -> Result<Launch, String> {
        let family = family(runtime).ok_or_else(|| {
            format!(
                "This node can't run {runtime}: it runs provided.al2023, provided.al2, python3.x and nodejs functions. A \
                 program of any language can be a bootstrap of provided.al2023."
            )
        })?;
        let mut found = self.found.lock().await;
        if let Some(known) = found.get(runtime) {
            return Ok(known.clone());
        }
        let launch = match family {
            Family::Provided => Launch::Bootstrap,
            Family::Python(version) => {
                let names = [format!("python{version}"), "python3".to_owned()];
                let ask = ["-c", "import sys; print(sys.executable); print('%d.%d' % sys.version_info[:2])"];
                self.interpreter(runtime, version, &names, &ask, "python.py").await?
            }
            Family::Node(version) => {
                let names = [format!("node{version}"), "node".to_owned()];
                let ask = ["-p", "process.execPath + '\\n' + process.versions.node.split('.')[0]"];
                self.interpreter(runtime, version, &names, &ask, "node.mjs").await?
            }
        };
        found.insert(runtime.to_owned(), launch.clone());
        Ok(launch)
    }

    async fn interpreter(
        &self,
        runtime: &str,
        wanted: &str,
        names: &[String],
        ask: &[&str],
        script: &str,
    ) -> Result<Launch, String> {
        for name in names {
            let Some((program, version)) = asked(name, ask).await else { continue };
            if !wanted.is_empty() && version != wanted {
                tracing::warn!(runtime, program = %program.display(), version, "the nearest interpreter runs functions");
            }
            return Ok(Launch::Interpreter { program, script: self.directory.join(script), version });
        }
        Err(format!("This node can't run {runtime}: there is no {} on its PATH.", names.join(" and no ")))
    }
}

/// Asks an interpreter for its file and its version: what the PATH has may be a shim that is slow to start.
async fn asked(name: &str, ask: &[&str]) -> Option<(PathBuf, String)> {
    let mut command = Command::new(name);
    command.args(ask).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(ASKED_WITHIN, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let mut lines = text.lines();
    Some((PathBuf::from(lines.next()?), lines.next()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_belong_to_families() {
        for (runtime, expected) in [
            ("provided", Some(Family::Provided)),
            ("provided.al2023", Some(Family::Provided)),
            ("python3.12", Some(Family::Python("3.12"))),
            ("python2.7", None),
            ("nodejs22.x", Some(Family::Node("22"))),
            ("nodejs", Some(Family::Node(""))),
            ("nodejs4.3-edge", None),
            ("java21", None),
        ] {
            assert_eq!(family(runtime), expected, "{runtime}");
        }
        assert!(ALL.iter().all(|name| family(name).is_some() || !name.starts_with("provided")));
    }
}
