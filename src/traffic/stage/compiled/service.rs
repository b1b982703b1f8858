//! Integrations with AWS's services, compiled.

use super::integration::CompiledCall;
use crate::mapping::uri::Uri;
use crate::model::rest::{Integration, Strings};
use crate::traffic::integration::aws::{As, AwsUri};

/// A call of an AWS service.
pub struct CompiledAws {
    /// The operation; none if the URI, with the stage's variables in it, names none.
    pub uri: Option<AwsUri>,
    /// The function that is invoked, whatever its name depends on, if the operation is an invocation.
    pub function: Option<Uri>,
    /// By whose rights.
    pub rights: Rights,
    /// How call and answer are made.
    pub call: CompiledCall,
}

/// By whose rights a service is called (data-plane reference, 10.4).
#[derive(Clone, Debug, PartialEq)]
pub enum Rights {
    /// The node's own: nothing else is said.
    Node,
    /// A role's, by its ARN.
    Role(String),
    /// The caller's.
    Caller,
    /// What is said names nobody.
    Nobody(String),
}

impl CompiledAws {
    pub(super) fn new(integration: &Integration, variables: &Strings) -> Self {
        let uri = AwsUri::compile(integration.uri.as_deref().unwrap_or_default(), variables);
        Self {
            function: uri.as_ref().and_then(AwsUri::function),
            uri,
            rights: Rights::of(integration.credentials.as_deref().unwrap_or_default(), variables),
            call: CompiledCall::new(integration, variables),
        }
    }

    /// Whether functions are what is called.
    pub fn is_lambda(&self) -> bool {
        self.uri.as_ref().is_some_and(AwsUri::is_lambda)
    }
}

impl Rights {
    /// Reads an integration's `credentials`, in which stage variables may stand.
    pub fn of(credentials: &str, variables: &Strings) -> Self {
        if credentials.is_empty() {
            return Self::Node;
        }
        // No parameter is filled in: what looks like one is no ARN.
        let arn = Uri::compile(credentials, variables).render(|_| None);
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        match parts[..] {
            ["arn", _, "iam", "", "*", "user/*"] => Self::Caller,
            ["arn", _, "iam", "", _, role] if role.starts_with("role/") && !role.contains(['{', '}']) => {
                Self::Role(arn)
            }
            _ => Self::Nobody(arn),
        }
    }

    /// Whose rights the node takes; none where it has to know the caller, or can't know anybody.
    pub fn identity(&self) -> Option<As<'_>> {
        match self {
            Self::Node => Some(As::Node),
            Self::Role(arn) => Some(As::Role(arn)),
            Self::Caller | Self::Nobody(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_say_by_whose_rights() {
        let variables = Strings::from([("role".to_owned(), "writer".to_owned())]);
        let role = |arn: &str| Rights::Role(arn.to_owned());
        for (credentials, expected) in [
            ("", Rights::Node),
            ("arn:aws:iam::000000000000:role/r", role("arn:aws:iam::000000000000:role/r")),
            ("arn:aws-cn:iam::1:role/a/${stageVariables.role}", role("arn:aws-cn:iam::1:role/a/writer")),
            ("arn:aws:iam::*:user/*", Rights::Caller),
            ("arn:aws:iam::1:role/{x}", Rights::Nobody("arn:aws:iam::1:role/{x}".to_owned())),
            ("arn:aws:iam::1:user/u", Rights::Nobody("arn:aws:iam::1:user/u".to_owned())),
            ("${stageVariables.none}", Rights::Nobody(String::new())),
        ] {
            assert_eq!(Rights::of(credentials, &variables), expected, "{credentials}");
        }
    }
}
