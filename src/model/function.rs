//! Functions: what AWS Lambda calls a function, its versions, its aliases, and who may call it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use super::id::FunctionName;
use super::rest::Strings;

/// The version that changes: what was uploaded last.
pub const LATEST: &str = "$LATEST";

/// A function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: FunctionName,
    /// What it is now.
    pub latest: Version,
    /// The number of the version that was published last; zero, if none was.
    pub published: u64,
    /// How many of its calls may be carried out at once, where that is set.
    pub reserved: Option<u32>,
    /// How its runtime is kept up to date, as the caller said it.
    #[serde(default)]
    pub runtime_updates: Option<String>,
    /// Tags.
    pub tags: Strings,
}

/// A function's code and configuration at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Its number; none is `$LATEST`.
    pub number: Option<u64>,
    /// Changes with every change.
    pub revision_id: String,
    /// When it was changed last, in milliseconds since 1970.
    pub modified: u64,
    /// What runs.
    pub code: Code,
    /// What runs it, by AWS's name.
    pub runtime: String,
    /// Where in the code it begins.
    pub handler: String,
    /// The role that it would have at AWS.
    pub role: String,
    /// What it is for.
    pub description: String,
    /// A call may take so many seconds.
    pub timeout: u32,
    /// It may use so many MB of memory.
    pub memory: u32,
    /// It may use so many MB of its own directory.
    pub ephemeral_storage: u32,
    /// The processor that it is made for.
    pub architecture: String,
    /// Whether calls are traced: AWS's word.
    pub tracing: String,
    /// How it logs.
    pub logging: Logging,
    /// What its environment variables are known by, if it has any; they are in a document of their own.
    pub environment: Option<String>,
}

/// A function's package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Code {
    /// Its SHA-256 in hexadecimal, which is also the blob that it is kept as.
    pub sha256: String,
    /// Its bytes.
    pub size: u64,
}

/// How a function logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logging {
    /// `Text` or `JSON`.
    pub format: String,
    /// From which level on the function's own lines are kept.
    pub application_level: Option<String>,
    /// From which level on the service's lines are kept.
    pub system_level: Option<String>,
    /// The log group, where it is not the function's own.
    pub group: Option<String>,
}

impl Version {
    /// Its number, or `$LATEST`.
    pub fn label(&self) -> String {
        self.number.map_or_else(|| LATEST.to_owned(), |number| number.to_string())
    }

    /// Whether it does the same as another: all but number, revision and time.
    pub fn same_as(&self, other: &Self) -> bool {
        let bare = |version: &Self| Self {
            number: None,
            revision_id: String::new(),
            modified: 0,
            description: String::new(),
            ..version.clone()
        };
        bare(self) == bare(other)
    }

    /// Where its log goes.
    pub fn log_group(&self, name: &FunctionName) -> String {
        self.logging.group.clone().unwrap_or_else(|| format!("/aws/lambda/{name}"))
    }
}

/// A name for a version, or for two of which each gets a part of the calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    /// Its name.
    pub name: String,
    /// The version that it stands for.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Versions that get a part of the calls instead, from 0 to 1.
    pub weights: BTreeMap<String, f64>,
    /// Changes with every change.
    pub revision_id: String,
}

/// Who may call a function.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Policy {
    /// Changes with every change.
    pub revision_id: String,
    /// Each allows something.
    pub statements: Vec<Statement>,
}

/// A statement of a policy: it allows an action to a principal, on conditions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// Its name in the policy.
    pub sid: String,
    /// Who: a service, an account, an ARN, or everybody.
    pub principal: String,
    /// What: an action of Lambda, or all.
    pub action: String,
    /// For which resource the principal must call; `*` and `?` stand for others.
    pub source_arn: Option<String>,
    /// For which account the principal must call.
    pub source_account: Option<String>,
    /// A token that the principal must show.
    pub event_source_token: Option<String>,
    /// The organization that the principal must belong to.
    pub organization: Option<String>,
    /// How function URLs must be authorized.
    pub url_authorization: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_same_whatever_it_is_called() {
        let version = |number, description: &str, timeout| Version {
            number,
            revision_id: format!("{number:?}"),
            modified: 1,
            code: Code { sha256: "ab".to_owned(), size: 1 },
            runtime: "python3.12".to_owned(),
            handler: "a.b".to_owned(),
            role: "arn:aws:iam::000000000000:role/r".to_owned(),
            description: description.to_owned(),
            timeout,
            memory: 128,
            ephemeral_storage: 512,
            architecture: "x86_64".to_owned(),
            tracing: "PassThrough".to_owned(),
            logging: Logging { format: "Text".to_owned(), application_level: None, system_level: None, group: None },
            environment: None,
        };
        assert!(version(None, "a", 3).same_as(&version(Some(2), "b", 3)));
        assert!(!version(None, "", 3).same_as(&version(None, "", 4)));
        assert_eq!((version(None, "", 3).label(), version(Some(7), "", 3).label()), ("$LATEST".into(), "7".into()));
    }
}
