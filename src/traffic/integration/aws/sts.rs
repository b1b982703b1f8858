//! The two operations of STS by which a session of a role is had.

use std::sync::Arc;

use reqwest::StatusCode;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::endpoints::Endpoints;
use super::fetching::{Fetcher, answer};
use super::session::Session;
use crate::identity::sigv4::{self, Paths, Signer};
use crate::mapping::query;
use crate::observe::clock::Clock;

/// Asks STS for sessions.
#[derive(Clone)]
pub(super) struct Sts {
    pub(super) fetcher: Arc<Fetcher>,
    pub(super) endpoints: Arc<Endpoints>,
    pub(super) clock: Clock,
    /// Where STS is asked.
    pub(super) region: String,
}

/// Which role, and how its session is called.
pub(super) struct Role<'a> {
    pub(super) arn: &'a str,
    pub(super) session_name: &'a str,
    pub(super) external_id: Option<&'a str>,
}

impl Sts {
    /// A session of a role that these credentials may assume.
    pub(super) async fn assume(&self, by: &Session, role: &Role<'_>) -> Result<Session, String> {
        let mut form = vec![("RoleArn", role.arn), ("RoleSessionName", role.session_name)];
        form.extend(role.external_id.map(|id| ("ExternalId", id)));
        self.ask("AssumeRole", &form, Some(by)).await
    }

    /// A session of a role that whoever has this token may assume.
    pub(super) async fn assume_by_token(&self, token: &str, role: &Role<'_>) -> Result<Session, String> {
        let form = [("RoleArn", role.arn), ("RoleSessionName", role.session_name), ("WebIdentityToken", token)];
        self.ask("AssumeRoleWithWebIdentity", &form, None).await
    }

    async fn ask(&self, action: &str, form: &[(&str, &str)], by: Option<&Session>) -> Result<Session, String> {
        let endpoint = self.endpoints.find("sts", &self.region).map_err(|error| error.to_string())?;
        let mut body = format!("Action={action}&Version=2011-06-15");
        form.iter().for_each(|(name, value)| query::append(&mut body, name, value));
        let path = format!("{}/", endpoint.base);
        let scheme = if endpoint.origin.secure { "https" } else { "http" };
        let authority = endpoint.origin.authority.as_str();
        let content_type = "application/x-www-form-urlencoded";
        let request = self.fetcher.client()?.post(format!("{scheme}://{authority}{path}"));
        let mut request = request.header("content-type", content_type).header("accept", "text/xml");
        if let Some(session) = by {
            let now = self.clock.seconds();
            let key = session.key(now, &endpoint.region, &endpoint.signing);
            let signer = Signer {
                access_key_id: &session.access_key_id,
                session_token: session.token.as_deref(),
                key: &key,
                paths: Paths::Normalized,
                states_hash: false,
            };
            let headers = [("content-type", content_type), ("host", authority)];
            let signed = sigv4::Request { method: "POST", path: &path, query: "", headers: &headers, body: b"" };
            for (name, value) in signer.sign(&signed, &sigv4::hex_sha256(body.as_bytes()), now) {
                request = request.header(name, value);
            }
        }
        let (status, text) =
            answer(request.body(body)).await.map_err(|error| format!("STS gave no answer: {error}"))?;
        match status {
            StatusCode::OK => session(&text),
            status => Err(refusal(&text).unwrap_or_else(|| format!("STS answered with status {status}"))),
        }
    }
}

/// The session in an answer.
fn session(answer: &str) -> Result<Session, String> {
    let need = |name: &str| element(answer, name).ok_or_else(|| format!("STS's answer has no {name}"));
    let ends = OffsetDateTime::parse(need("Expiration")?, &Rfc3339);
    let ends = ends.map_err(|_| "STS's answer says no time at which the session ends".to_owned())?;
    let token = Some(need("SessionToken")?.to_owned());
    Ok(Session::new(need("AccessKeyId")?, need("SecretAccessKey")?, token, Some(ends.unix_timestamp())))
}

/// What STS says of a refusal.
fn refusal(answer: &str) -> Option<String> {
    let code = element(answer, "Code")?;
    let message = element(answer, "Message").unwrap_or_default();
    // It is written into logs, a line each; what follows may show of the request what nobody should read.
    let line = message.lines().next().unwrap_or_default();
    let message: String = line.chars().filter(|character| !character.is_control()).take(500).collect();
    Some(format!("{code}: {message}"))
}

/// The text of the first element of a name. What is asked for here is never nested, and has no references in it.
fn element<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_sts_are_read() {
        let good = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId>\n\
                    <SecretAccessKey>S/+</SecretAccessKey><SessionToken>T=</SessionToken>\
                    <Expiration>2026-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
        let read = session(good).expect("a session");
        assert_eq!((read.access_key_id.as_str(), read.secret_access_key.as_str()), ("A", "S/+"));
        assert_eq!((read.token.as_deref(), read.expires), (Some("T="), Some(1_767_225_600)));
        for (broken, expected) in [
            ("", "STS's answer has no Expiration"),
            ("<Expiration>soon</Expiration>", "STS's answer says no time at which the session ends"),
            ("<Expiration>2026-01-01T00:00:00Z</Expiration>", "STS's answer has no SessionToken"),
            (&good[..good.len() / 2], "STS's answer has no Expiration"),
        ] {
            assert_eq!(session(broken).err().as_deref(), Some(expected), "{broken}");
        }
        let refused =
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no\nway</Message></Error>";
        assert_eq!(refusal(refused).as_deref(), Some("AccessDenied: no"));
        assert_eq!(refusal("nonsense"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic(text: String, name in "[A-Z][a-z]{0,8}") {
            let _ = (session(&text), refusal(&text));
            let wrapped = format!("{text}<{name}>{text}</{name}>");
            proptest::prop_assert!(element(&wrapped, &name).is_some());
        }
    }
}
