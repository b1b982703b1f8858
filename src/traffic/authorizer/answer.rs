//! What an authorizer's function answers: who the caller is, what it may do, and what else is to be known of it.
//!
//! Source: "Output from an API Gateway Lambda authorizer" (auth reference, F5).

use std::fmt;

use serde_json::Value;

use crate::identity::policy::{self, Policy};

/// By so many bytes at most a policy names a resource: AWS's limit.
const MAX_RESOURCE: usize = 512;

/// What an authorizer lets a caller do.
#[derive(PartialEq)]
pub struct Permission {
    /// Who the caller is, as the authorizer says.
    pub principal: String,
    /// What the caller may call.
    pub policy: Policy,
    /// The same, as it was written.
    pub policy_text: String,
    /// What the authorizer says besides, by name: all of it texts.
    pub context: Vec<(String, String)>,
    /// The API key that the caller is counted by, where an API takes keys from its authorizers. A secret.
    pub usage_key: Option<String>,
}

/// The answer is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is no JSON object.
    #[error("Invalid JSON in response: it is no object")]
    Json,
    /// It doesn't say who the caller is.
    #[error("the authorizer's answer has no principalId")]
    Principal,
    /// It has no policy, or one that can't be read.
    #[error("the authorizer's answer has no policy: {0}")]
    Policy(#[from] policy::Error),
    /// Its policy names a resource by too long a text.
    #[error("the authorizer's policy names a resource by more than {MAX_RESOURCE} bytes")]
    Resource,
    /// Something in its context is not a text, a number or a truth value.
    #[error("the authorizer's context has a value that is no text, number or boolean: {0}")]
    Context(String),
    /// Its usage identifier is no text.
    #[error("the authorizer's usageIdentifierKey is no text")]
    UsageKey,
}

impl Permission {
    /// What is known of a caller who was let in elsewhere: its policy was asked there.
    pub fn of_principal(principal: String, context: Vec<(String, String)>) -> Self {
        Self { principal, policy: Policy::default(), policy_text: String::new(), context, usage_key: None }
    }

    /// Reads an answer.
    pub fn read(payload: &[u8]) -> Result<Self, Malformed> {
        let Ok(Value::Object(answer)) = serde_json::from_slice(payload) else { return Err(Malformed::Json) };
        let document = answer.get("policyDocument").unwrap_or(&Value::Null);
        let principal = answer.get("principalId").and_then(scalar).ok_or(Malformed::Principal)?;
        let policy = Policy::read(document)?;
        if policy.longest_resource() > MAX_RESOURCE {
            return Err(Malformed::Resource);
        }
        let context = match answer.get("context") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(context)) => {
                let given = context.iter().filter(|(_, value)| !value.is_null());
                let text = |(name, value): (&String, &Value)| {
                    let text = scalar(value).ok_or_else(|| Malformed::Context(name.clone()))?;
                    Ok::<_, Malformed>((name.clone(), text))
                };
                given.map(text).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(Malformed::Context("context".to_owned())),
        };
        let usage_key = match answer.get("usageIdentifierKey") {
            None | Some(Value::Null) => None,
            Some(Value::String(key)) => Some(key.clone()),
            Some(_) => return Err(Malformed::UsageKey),
        };
        Ok(Self { principal, policy, policy_text: document.to_string(), context, usage_key })
    }

    /// How many bytes it takes, about: the policy counts twice, as it was written and as it was read.
    pub fn size(&self) -> u64 {
        let context: usize = self.context.iter().map(|(name, value)| name.len() + value.len()).sum();
        let key = self.usage_key.as_ref().map_or(0, String::len);
        // A character of a pattern takes more as it is read than as it is written.
        const READ: usize = 64;
        (self.principal.len() + self.policy_text.len() * READ + context + key) as u64
    }

    /// A value of the context, or the principal.
    pub fn value(&self, name: &str) -> Option<&str> {
        if name == "principalId" {
            return Some(&self.principal);
        }
        self.context.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Says whose it is and nothing of what the authorizer says besides.
impl fmt::Debug for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permission").field("principal", &self.principal).finish_non_exhaustive()
    }
}

/// A value as a text, if it is no list and no object.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(change: impl Fn(&mut Value)) -> Result<Permission, Malformed> {
        let statement = json!([{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*"}]);
        let mut answer = json!({
            "principalId": "user", "policyDocument": {"Version": "2012-10-17", "Statement": statement},
        });
        change(&mut answer);
        Permission::read(answer.to_string().as_bytes())
    }

    #[test]
    fn answers_say_who_may_what() {
        let permission = answer(|answer| {
            answer["context"] = json!({"s": "v", "n": 1, "f": 1.5, "b": true, "nothing": null});
            answer["usageIdentifierKey"] = json!("secret-key");
        });
        let permission = permission.expect("a permission");
        let values = ["principalId", "s", "n", "f", "b", "nothing", "other"].map(|name| permission.value(name));
        assert_eq!(values, [Some("user"), Some("v"), Some("1"), Some("1.5"), Some("true"), None, None]);
        assert_eq!(permission.usage_key.as_deref(), Some("secret-key"));
        assert!(!format!("{permission:?}").contains("secret"));
        assert_eq!(
            permission.policy_text,
            r#"{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Allow","Resource":"*"}]}"#
        );
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for (name, value, expected) in [
            ("principalId", json!(null), Malformed::Principal),
            ("principalId", json!({"a": 1}), Malformed::Principal),
            ("context", json!({"a": [1]}), Malformed::Context("a".to_owned())),
            ("context", json!({"a": {}}), Malformed::Context("a".to_owned())),
            ("context", json!("x"), Malformed::Context("context".to_owned())),
            ("usageIdentifierKey", json!(1), Malformed::UsageKey),
        ] {
            assert_eq!(answer(|answer| answer[name] = value.clone()).err(), Some(expected), "{name} {value}");
        }
        for document in [json!(null), json!("{}"), json!({"Statement": [{"Effect": "Maybe"}]})] {
            let refused = answer(|answer| answer["policyDocument"] = document.clone());
            assert!(matches!(refused, Err(Malformed::Policy(_))), "{document}");
        }
        let long = json!([{"Action": "*", "Effect": "Allow", "Resource": "x".repeat(513)}]);
        assert_eq!(answer(|answer| answer["policyDocument"]["Statement"] = long.clone()), Err(Malformed::Resource));
        for payload in ["", "null", "[]", "\"Unauthorized\"", "{\"principalId\": "] {
            assert_eq!(Permission::read(payload.as_bytes()), Err(Malformed::Json), "{payload}");
        }
    }
}
