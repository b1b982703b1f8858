//! May this service call this function: the function's policy, as AWS reads it.

use super::Caller;
use crate::model::function::{Policy, Statement};

/// What a call of a function asks for.
const ACTION: &str = "lambda:InvokeFunction";

/// Whether one of a policy's statements lets the caller call.
pub(super) fn allows(policy: &Policy, caller: &Caller) -> bool {
    policy.statements.iter().any(|statement| permits(statement, caller))
}

fn permits(statement: &Statement, caller: &Caller) -> bool {
    let principal = statement.principal == "*" || statement.principal == caller.principal;
    let action = like(&statement.action.to_ascii_lowercase(), &ACTION.to_ascii_lowercase());
    let source = statement.source_arn.as_deref().is_none_or(|pattern| arn_like(pattern, &caller.source_arn));
    let account = statement.source_account.as_deref().is_none_or(|account| Some(account) == caller.account());
    // Neither is shown by a service that calls for an API.
    let unmet = statement.event_source_token.is_some() || statement.organization.is_some();
    principal && action && source && account && !unmet
}

/// AWS's `ArnLike`: each of the six parts is compared on its own, so that a `*` stays within its part.
fn arn_like(pattern: &str, arn: &str) -> bool {
    let (patterns, parts): (Vec<_>, Vec<_>) = (pattern.splitn(6, ':').collect(), arn.splitn(6, ':').collect());
    match patterns.len() == parts.len() {
        true => patterns.iter().zip(&parts).all(|(pattern, part)| like(pattern, part)),
        // A pattern with fewer parts is a text with wildcards.
        false => like(pattern, arn),
    }
}

/// Whether a text is like a pattern: `*` stands for any characters, `?` for one. Takes no longer than their product.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut in_text) = (0, 0);
    // Where the last `*` was, and how much of the text it took.
    let mut star = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, in_text));
                at += 1;
            }
            Some(known) if *known == b'?' || *known == text[in_text] => {
                at += 1;
                in_text += 1;
            }
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    at = place + 1;
                    in_text = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "arn:aws:execute-api:us-east-1:123456789012:abc/prod/GET/pets";

    #[test]
    fn patterns_have_two_wildcards() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("a*c", "abbbc", true),
            ("a?c", "abc", true),
            ("a?c", "abbc", false),
            ("*", "", true),
            ("**b*", "aab", true),
            ("a*b*c", "a-b-b-d", false),
            ("", "a", false),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_statement_permits_what_it_says_and_no_more() {
        let service = "apigateway.amazonaws.com";
        for (principal, action, source_arn, source_account, expected) in [
            (service, "lambda:InvokeFunction", None, None, true),
            ("*", "lambda:*", None, None, true),
            ("sns.amazonaws.com", "lambda:InvokeFunction", None, None, false),
            (service, "lambda:GetFunction", None, None, false),
            (service, "lambda:InvokeFunction", Some("arn:aws:execute-api:us-east-1:123456789012:abc/*/*"), None, true),
            (
                service,
                "lambda:InvokeFunction",
                Some("arn:aws:execute-api:us-east-1:123456789012:abc/*/GET/pets"),
                None,
                true,
            ),
            (
                service,
                "lambda:InvokeFunction",
                Some("arn:aws:execute-api:us-east-1:123456789012:abc/*/POST/*"),
                None,
                false,
            ),
            (service, "lambda:InvokeFunction", Some("arn:aws:execute-api:*:*:abc/*"), None, true),
            (service, "lambda:InvokeFunction", Some("arn:aws:execute-api:us-east-1:123456789012:xyz/*"), None, false),
            (service, "lambda:InvokeFunction", Some("arn:aws:s3:::bucket"), None, false),
            (service, "lambda:InvokeFunction", None, Some("123456789012"), true),
            (service, "lambda:InvokeFunction", None, Some("999999999999"), false),
        ] {
            let statement = Statement {
                sid: "s".to_owned(),
                principal: principal.to_owned(),
                action: action.to_owned(),
                source_arn: source_arn.map(str::to_owned),
                source_account: source_account.map(str::to_owned),
                event_source_token: None,
                organization: None,
                url_authorization: None,
            };
            let policy = Policy { revision_id: String::new(), statements: vec![statement] };
            let caller = Caller { principal: service.to_owned(), source_arn: API.to_owned() };
            assert_eq!(allows(&policy, &caller), expected, "{principal} {action} {source_arn:?} {source_account:?}");
        }
        assert!(!allows(&Policy::default(), &Caller { principal: service.to_owned(), source_arn: API.to_owned() }));
    }
}
