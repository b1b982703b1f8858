//! Credentials that the machine has: of its container, or of the instance that it is.
//!
//! Source: "Container credential provider" and "IMDS credential provider", AWS SDKs and Tools Reference Guide.

use std::net::IpAddr;

use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::environment::Environment;
use super::fetching::{Fetcher, answer};
use super::session::Session;
use crate::traffic::integration::Origin;

/// Where containers' credentials are if only a path is given.
const CONTAINER: &str = "http://169.254.170.2";
/// Addresses of containers' credentials that may be asked without TLS, beside the machine's own.
const CONTAINER_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
/// The instance's metadata service.
const INSTANCE: &str = "http://169.254.169.254";
const INSTANCE_V6: &str = "http://[fd00:ec2::254]";
const ROLE: &str = "/latest/meta-data/iam/security-credentials/";

/// Credentials as the machine's services and processes write them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    access_key_id: String,
    secret_access_key: String,
    #[serde(alias = "SessionToken")]
    token: Option<String>,
    expiration: Option<String>,
}

/// Reads credentials that are written in JSON. The error does not say what stands there.
pub(super) fn read(text: &str) -> Result<Session, String> {
    let written: Written = serde_json::from_str(text).map_err(|_| "what was answered are no credentials".to_owned())?;
    let ends = written.expiration.as_deref().filter(|text| !text.is_empty());
    let ends = ends.map(|text| OffsetDateTime::parse(text, &Rfc3339)).transpose();
    let ends = ends.map_err(|_| "the time at which the credentials end can't be read".to_owned())?;
    let expires = ends.map(OffsetDateTime::unix_timestamp);
    Ok(Session::new(written.access_key_id, written.secret_access_key, written.token, expires))
}

/// The container's, if the environment says where.
pub(super) async fn of_container(environment: &Environment, fetcher: &Fetcher) -> Result<Option<Session>, String> {
    let relative = environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    let uri = match (relative, environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        (Some(path), _) => format!("{CONTAINER}{path}"),
        (None, Some(uri)) if may_be_asked(uri) => uri.to_owned(),
        (None, Some(_)) => return Err("AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or this machine's".to_owned()),
        (None, None) => return Ok(None),
    };
    let token = match environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(file) => {
            let text = tokio::fs::read_to_string(file).await;
            Some(text.map_err(|error| format!("{file}: {error}"))?.trim().to_owned())
        }
        None => environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(str::to_owned),
    };
    let mut request = fetcher.client()?.get(uri);
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    read(&fine(request).await?).map(Some)
}

/// Whether containers' credentials may be fetched from there: by TLS, or without leaving the machine.
fn may_be_asked(uri: &str) -> bool {
    Origin::parse(uri).is_some_and(|(origin, _)| {
        let address: Option<IpAddr> = origin.host.parse().ok();
        let is_own = origin.host == "localhost" || address.is_some_and(|address| address.is_loopback());
        origin.secure || is_own || CONTAINER_HOSTS.contains(&origin.host.as_str())
    })
}

/// The instance's, if it is one and has a role.
pub(super) async fn of_instance(environment: &Environment, fetcher: &Fetcher) -> Result<Session, String> {
    if environment.is_on("AWS_EC2_METADATA_DISABLED") {
        return Err("its metadata service is switched off".to_owned());
    }
    let is_v6 =
        environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
    let service = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    let service = service.unwrap_or(if is_v6 { INSTANCE_V6 } else { INSTANCE }).trim_end_matches('/');
    let client = fetcher.client()?;
    let token =
        client.put(format!("{service}/latest/api/token")).header("x-aws-ec2-metadata-token-ttl-seconds", "21600");
    let token = fine(token).await?;
    let get = |path: String| client.get(format!("{service}{path}")).header("x-aws-ec2-metadata-token", token.as_str());
    let roles = fine(get(ROLE.to_owned())).await?;
    let role = roles.lines().next().map(str::trim).filter(|role| !role.is_empty());
    let role = role.ok_or_else(|| "the instance has no role".to_owned())?;
    read(&fine(get(format!("{ROLE}{role}"))).await?)
}

async fn fine(request: RequestBuilder) -> Result<String, String> {
    match answer(request).await? {
        (StatusCode::OK, text) => Ok(text),
        (status, _) => Err(format!("the answer's status is {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_as_they_are_written() {
        let instance = r#"{"Code": "Success", "AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T", "Expiration": "2026-01-01T00:00:00Z"}"#;
        let process = r#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "S", "SessionToken": "T"}"#;
        for (text, expected) in [
            (instance, Ok(Some(1_767_225_600))),
            (process, Ok(None)),
            (r#"{"AccessKeyId": "A"}"#, Err("what was answered are no credentials")),
            ("nonsense", Err("what was answered are no credentials")),
            (
                r#"{"AccessKeyId": "A", "SecretAccessKey": "S", "Expiration": "soon"}"#,
                Err("the time at which the credentials end can't be read"),
            ),
        ] {
            let found = read(text);
            let shown = found.as_ref().map(|session| session.expires).map_err(String::as_str);
            assert_eq!(shown, expected, "{text}");
            assert!(found.map_or(true, |session| session.token.as_deref() == Some("T")));
        }
    }

    #[test]
    fn secrets_are_fetched_by_tls_or_from_the_machine_alone() {
        for (uri, expected) in [
            ("https://anywhere/x", true),
            ("http://localhost:80/x", true),
            ("http://127.0.0.2/x", true),
            ("http://[::1]/x", true),
            ("http://169.254.170.23/v1/credentials", true),
            ("http://elsewhere/x", false),
            ("http://169.254.169.254/x", false),
            ("ftp://localhost/x", false),
        ] {
            assert_eq!(may_be_asked(uri), expected, "{uri}");
        }
    }
}
