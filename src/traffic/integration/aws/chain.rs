//! The default chain: where AWS's SDKs look for credentials, in their order.
//!
//! The environment, the shared files' profile (with its role, its process, its web identity), a web identity of the
//! environment, the container, the instance. What is configured and fails ends the search: another's rights are none to
//! fall back on. Source: "Standardized credential providers", AWS SDKs and Tools Reference Guide. Of what stands there
//! logins by SSO are left out: `credential_process = aws configure export-credentials --format process` has them.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::environment::{Environment, Section};
use super::fetching::Fetcher;
use super::profiles::Profiles;
use super::session::Session;
use super::sts::{Role, Sts};
use super::{Error, metadata};

/// The whole search may take so long.
const DEADLINE: Duration = Duration::from_secs(15);
/// A profile may be another's source so many times over.
const DEPTH: usize = 5;
/// What a process says of credentials has at most so many bytes.
const SAID: u64 = 64 * 1024;

/// Looks for credentials. Cheap to clone.
#[derive(Clone)]
pub(super) struct Chain {
    pub(super) environment: Arc<Environment>,
    pub(super) fetcher: Arc<Fetcher>,
    pub(super) sts: Sts,
}

impl Chain {
    /// The first credentials that there are.
    pub(super) async fn find(&self) -> Result<Session, Error> {
        let search = async {
            let failed = |place: &str| {
                let place = place.to_owned();
                move |why: String| Error::Credentials { place, why }
            };
            if let Some(session) = self.of_environment() {
                return Ok(session);
            }
            let profile = self.environment.profile();
            let named = self.environment.get("AWS_PROFILE").is_some();
            let found = self.of_profile(&self.environment.profiles(), profile, named).await;
            if let Some(session) = found.map_err(failed(&format!("the profile {profile}")))? {
                return Ok(session);
            }
            if let Some(session) = self.of_web_identity().await.map_err(failed("the web identity"))? {
                return Ok(session);
            }
            let found = metadata::of_container(&self.environment, &self.fetcher).await;
            if let Some(session) = found.map_err(failed("the container"))? {
                return Ok(session);
            }
            metadata::of_instance(&self.environment, &self.fetcher).await.map_err(|why| {
                Error::NoCredentials(format!(
                    "neither the environment nor profile {profile} has any, and of the instance there are none: {why}"
                ))
            })
        };
        let late = |_| Error::NoCredentials(format!("looking for them took longer than {DEADLINE:?}"));
        tokio::time::timeout(DEADLINE, search).await.map_err(late)?
    }

    fn of_environment(&self) -> Option<Session> {
        let get = |name| self.environment.get(name);
        let token = get("AWS_SESSION_TOKEN").map(str::to_owned);
        Some(Session::new(get("AWS_ACCESS_KEY_ID")?, get("AWS_SECRET_ACCESS_KEY")?, token, None))
    }

    async fn of_web_identity(&self) -> Result<Option<Session>, String> {
        let get = |name| self.environment.get(name);
        let (Some(file), Some(arn)) = (get("AWS_WEB_IDENTITY_TOKEN_FILE"), get("AWS_ROLE_ARN")) else {
            return Ok(None);
        };
        let session_name = get("AWS_ROLE_SESSION_NAME").unwrap_or(SESSION_NAME);
        self.by_token(file, &Role { arn, session_name, external_id: None }).await.map(Some)
    }

    async fn by_token(&self, file: &str, role: &Role<'_>) -> Result<Session, String> {
        let token = tokio::fs::read_to_string(file).await.map_err(|error| format!("{file}: {error}"))?;
        self.sts.assume_by_token(token.trim(), role).await
    }

    /// A profile that was named must be there.
    async fn of_profile(&self, profiles: &Profiles, name: &str, named: bool) -> Result<Option<Session>, String> {
        match profiles.profile(name) {
            Some(section) => self.of_section(profiles, name, section, DEPTH).await,
            None if named => Err("there is no such profile".to_owned()),
            None => Ok(None),
        }
    }

    /// What one profile says, its role first.
    fn of_section<'a>(
        &'a self,
        profiles: &'a Profiles,
        name: &'a str,
        section: &'a Section,
        depth: usize,
    ) -> BoxFuture<'a, Result<Option<Session>, String>> {
        Box::pin(async move {
            let get = |name: &str| section.get(name).map(String::as_str).filter(|value| !value.is_empty());
            let Some(arn) = get("role_arn") else { return said(section).await };
            let session_name = get("role_session_name").unwrap_or(SESSION_NAME);
            let role = Role { arn, session_name, external_id: get("external_id") };
            if let Some(file) = get("web_identity_token_file") {
                return self.by_token(file, &role).await.map(Some);
            }
            let by = match (get("source_profile"), get("credential_source")) {
                // A profile that is its own source has keys beside its role.
                (Some(source), _) if source == name => said(section).await?,
                (Some(source), _) => {
                    let section = profiles.profile(source).ok_or_else(|| format!("there is no profile {source}"))?;
                    let depth = depth.checked_sub(1).ok_or_else(|| "its sources have no end".to_owned())?;
                    self.of_section(profiles, source, section, depth).await?
                }
                (None, Some("Environment")) => self.of_environment(),
                (None, Some("EcsContainer")) => metadata::of_container(&self.environment, &self.fetcher).await?,
                (None, Some("Ec2InstanceMetadata")) => {
                    Some(metadata::of_instance(&self.environment, &self.fetcher).await?)
                }
                (None, _) => return Err("it has a role, and nobody who may assume it".to_owned()),
            };
            let by = by.ok_or_else(|| "who may assume its role has no credentials".to_owned())?;
            self.sts.assume(&by, &role).await.map(Some)
        })
    }
}

/// How sessions are called that nobody has named.
const SESSION_NAME: &str = "turnpike";

/// Keys that a profile has, or that a process says for it.
async fn said(section: &Section) -> Result<Option<Session>, String> {
    let get = |name: &str| section.get(name).map(String::as_str).filter(|value| !value.is_empty());
    if let (Some(key), Some(secret)) = (get("aws_access_key_id"), get("aws_secret_access_key")) {
        return Ok(Some(Session::new(key, secret, get("aws_session_token").map(str::to_owned), None)));
    }
    match get("credential_process") {
        Some(command) => process(command).await.map(Some),
        None => Ok(None),
    }
}

/// What a command of the operator's prints. It ends with the search, at the latest.
async fn process(command: &str) -> Result<Session, String> {
    let failed = |error: std::io::Error| format!("credential_process can't be run: {error}");
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let mut printed = String::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(SAID).read_to_string(&mut printed).await.map_err(failed)?;
    }
    let status = child.wait().await.map_err(failed)?;
    if !status.success() {
        return Err(format!("credential_process ended with {status}"));
    }
    metadata::read(&printed)
}

#[cfg(test)]
mod tests {
    use rustls::{ClientConfig, RootCertStore};

    use super::*;
    use crate::observe::clock::Clock;
    use crate::traffic::integration::aws::endpoints::Endpoints;

    fn chain(environment: Environment) -> Chain {
        let environment = Arc::new(environment);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
        let tls = tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        let fetcher = Arc::new(Fetcher::new(Arc::new(tls)));
        let endpoints = Arc::new(Endpoints::new(Arc::clone(&environment)));
        let sts = Sts { fetcher: Arc::clone(&fetcher), endpoints, clock: Clock::fixed(0), region: "us-east-1".into() };
        Chain { environment, fetcher, sts }
    }

    /// The access key that is found, or what is said of the search.
    async fn found(environment: Environment) -> String {
        match chain(environment).find().await {
            Ok(session) => session.access_key_id,
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn the_environment_comes_before_the_files() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path.to_str().expect("a path").to_owned()
        };
        let prints = r#"printf '{"Version": 1, "AccessKeyId": "P", "SecretAccessKey": "S"}'"#;
        let config = file(
            "config",
            &format!(
                "[profile printed]\ncredential_process = {prints}\n[profile failing]\ncredential_process = exit 3\n\
                 [profile endless]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = more\n\
                 [profile more]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = endless\n\
                 [profile alone]\nrole_arn = arn:aws:iam::1:role/r\n[profile empty]\nregion = x\n"
            ),
        );
        let credentials = file("credentials", "[default]\naws_access_key_id = F\naws_secret_access_key = S\n");
        for (profile, has_keys, expected) in [
            ("", true, "E"),
            ("", false, "F"),
            ("printed", true, "E"),
            ("printed", false, "P"),
            (
                "failing",
                false,
                "the AWS credentials of the profile failing can't be had: credential_process ended with exit status: 3",
            ),
            ("endless", false, "the AWS credentials of the profile endless can't be had: its sources have no end"),
            (
                "alone",
                false,
                "the AWS credentials of the profile alone can't be had: it has a role, and nobody who may assume it",
            ),
            ("none", false, "the AWS credentials of the profile none can't be had: there is no such profile"),
            (
                "empty",
                false,
                "no AWS credentials were found: neither the environment nor profile empty has any, and of the instance \
                 there are none: its metadata service is switched off",
            ),
        ] {
            let key = if has_keys { "E" } else { "" };
            let environment = Environment::from([
                ("AWS_ACCESS_KEY_ID", key),
                ("AWS_SECRET_ACCESS_KEY", key),
                ("AWS_PROFILE", profile),
                ("AWS_CONFIG_FILE", &config),
                ("AWS_SHARED_CREDENTIALS_FILE", &credentials),
                ("AWS_EC2_METADATA_DISABLED", "true"),
            ]);
            assert_eq!(found(environment).await, expected, "{profile}");
        }
    }
}
