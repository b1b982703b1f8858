//! Authorizers: who is asked whether a caller may pass, by which identity, and what can be said without asking.

mod identity;
mod user_pool;

use std::collections::BTreeMap;

use crate::model::rest::{Authorizer, AuthorizerType, Strings};
use crate::observe::execution_log::{ExecutionLog, Line};

pub use identity::{Identity, Presented};

/// What an authorizer lets a caller do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Permission {
    /// Who the caller is, as the authorizer says.
    pub principal: Option<String>,
    /// What the caller may call, a policy in JSON.
    pub policy: Option<String>,
    /// What the authorizer says besides, by name.
    pub authorization: BTreeMap<String, Vec<String>>,
    /// The claims of a user pool's token.
    pub claims: Strings,
}

/// Why a caller does not pass.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Denied {
    /// What should identify the caller is not there.
    #[error("The identity source {0} is missing, or empty.")]
    Missing(String),
    /// The token is not what the authorizer's expression wants.
    #[error("The token does not match the identity validation expression {0}.")]
    Mismatch(String),
    /// The token is not one of the user pools'.
    #[error("{0}.")]
    Unfit(&'static str),
    /// The authorizer can't be asked.
    #[error("Execution failed due to configuration error: {0}")]
    Configuration(String),
}

impl Denied {
    /// What the caller is answered with (auth reference, F2).
    pub fn status(&self) -> u16 {
        match self {
            Self::Missing(_) | Self::Mismatch(_) | Self::Unfit(_) => 401,
            Self::Configuration(_) => 500,
        }
    }
}

/// Asks an authorizer about a caller at `now`, in seconds since 1970, and writes down what happens.
pub fn ask(
    authorizer: &Authorizer,
    presented: &Presented<'_>,
    now: i64,
    log: &mut ExecutionLog,
) -> Result<Permission, Denied> {
    let request = log.request();
    log.write(&Line::StartingAuthorizer { authorizer: authorizer.id.as_str(), request });
    let result = Identity::of(authorizer, presented).and_then(|identity| {
        log.write(&Line::IncomingIdentity(&identity.to_string()));
        permission(authorizer, &identity, now)
    });
    if let Err(denied) = &result {
        log.write(&Line::Failed(&denied.to_string()));
        log.write(&match denied {
            Denied::Configuration(_) => Line::AuthorizerConfiguration,
            Denied::Missing(_) | Denied::Mismatch(_) | Denied::Unfit(_) => Line::Unauthorized { request },
        });
    }
    result
}

/// What a caller with this identity may do: the one place where somebody else is asked.
///
/// This release can call neither functions nor user pools, and lets nobody pass whom it could not ask about.
fn permission(authorizer: &Authorizer, identity: &Identity, now: i64) -> Result<Permission, Denied> {
    match authorizer.kind {
        AuthorizerType::Token | AuthorizerType::Request => Err(Denied::Configuration(format!(
            "the endpoint {} can't be called by this release",
            authorizer.uri.as_deref().unwrap_or_default()
        ))),
        AuthorizerType::CognitoUserPools => {
            let issuer = user_pool::check(authorizer, identity.token(), now)?;
            Err(Denied::Configuration(format!("the keys of {issuer} can't be fetched by this release")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::AuthorizerId;
    use crate::observe::clock::Clock;
    use crate::traffic::message::Headers;
    use http::{HeaderName, HeaderValue};
    use uuid::Uuid;

    /// Asks an authorizer about a caller who sends this token; gives the status and the log without its times.
    fn asked(authorizer: &Authorizer, token: Option<&'static str>) -> (u16, Vec<String>) {
        let mut headers = Headers::default();
        if let Some(token) = token {
            headers.append(HeaderName::from_static("authorization"), HeaderValue::from_static(token));
        }
        let nothing = Strings::new();
        let presented = Presented::new(&headers, "", &nothing, &nothing);
        let mut log = ExecutionLog::new(Uuid::nil(), Clock::fixed(0));
        let status = ask(authorizer, &presented, 0, &mut log).map_or_else(|denied| denied.status(), |_| 200);
        let lines = log.render();
        let lines = lines.lines().skip(1).filter_map(|line| line.split_once(" : ")).map(|(_, line)| line.to_owned());
        (status, lines.collect())
    }

    #[test]
    fn what_happens_is_written_down() {
        let authorizer = Authorizer {
            id: AuthorizerId::new("abc123"),
            name: "a".to_owned(),
            kind: AuthorizerType::Token,
            provider_arns: Vec::new(),
            auth_type: "custom".to_owned(),
            uri: Some("arn:aws:apigateway:us-east-1:lambda:path/f/invocations".to_owned()),
            credentials: None,
            identity_source: Some("method.request.header.Authorization".to_owned()),
            identity_validation_expression: Some("allow|deny".to_owned()),
            result_ttl_seconds: None,
        };
        let start = "Starting authorizer: abc123 for request: 00000000-0000-0000-0000-000000000000";
        let unauthorized = "Unauthorized request: 00000000-0000-0000-0000-000000000000";
        for (token, status, lines) in [
            (
                None,
                401,
                vec!["The identity source method.request.header.Authorization is missing, or empty.", unauthorized],
            ),
            (
                Some("allowed"),
                401,
                vec!["The token does not match the identity validation expression allow|deny.", unauthorized],
            ),
            (
                Some("allow"),
                500,
                vec![
                    "Incoming identity: ***ow",
                    "Execution failed due to configuration error: the endpoint \
                     arn:aws:apigateway:us-east-1:lambda:path/f/invocations can't be called by this release",
                    "AuthorizerConfigurationException",
                ],
            ),
        ] {
            let expected = std::iter::once(start).chain(lines).map(str::to_owned).collect();
            assert_eq!(asked(&authorizer, token), (status, expected), "{token:?}");
        }
    }
}
