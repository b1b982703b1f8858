//! From what a caller named to the version that runs, and whether the caller may.

use super::error::InvokeError;
use super::pool::Key;
use super::{Caller, Inner, Invocation, policy};
use crate::catalog::{Documents, keys};
use crate::model::function::{Alias, Function, FunctionName, LATEST, Version};

/// What a call is for.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) name: FunctionName,
    pub(super) version: Version,
    /// How many calls the function may have at once.
    pub(super) reserved: Option<u32>,
    /// The ARN as it was called.
    pub(super) arn: String,
}

impl Target {
    pub(super) fn key(&self) -> Key {
        Key { name: self.name.clone(), label: self.version.label(), revision: self.version.revision_id.clone() }
    }
}

impl Inner {
    /// Finds what a call is for, and checks that the caller may.
    pub(super) fn resolve(&self, invocation: &Invocation) -> Result<Target, InvokeError> {
        let called = self.home.read(&invocation.function, invocation.qualifier.as_deref())?;
        let qualifier = called.qualifier.as_deref();
        let arn = self.home.arn(&called.name, qualifier);
        self.catalog.read(|documents| {
            let function = documents.get(&keys::function(&called.name))?.map(|found| found.value);
            let function = function.ok_or_else(|| InvokeError::not_found(&arn))?;
            let reserved = function.reserved;
            let version = find(documents, function, qualifier)?.ok_or_else(|| InvokeError::not_found(&arn))?;
            if let Some(caller) = &invocation.caller {
                may(documents, &called.name, qualifier, caller)?
                    .then_some(())
                    .ok_or_else(|| InvokeError::denied(&caller.principal, &arn))?;
            }
            Ok(Target { name: called.name.clone(), version, reserved, arn })
        })
    }

    /// Whether environments of this are still what the catalog says.
    pub(super) fn is_current(&self, key: &Key) -> bool {
        self.catalog.read(|documents| {
            let revision = match key.label.parse() {
                Ok(number) => documents.get(&keys::function_version(&key.name, number)).ok().flatten(),
                Err(_) => documents
                    .get(&keys::function(&key.name))
                    .ok()
                    .flatten()
                    .map(|found| crate::catalog::Stored { revision: found.revision, value: found.value.latest }),
            };
            revision.is_some_and(|version| version.value.revision_id == key.revision)
        })
    }
}

/// The version that a qualifier means.
fn find(
    documents: &Documents<'_>,
    function: Function,
    qualifier: Option<&str>,
) -> Result<Option<Version>, crate::catalog::Error> {
    let label = match qualifier {
        None | Some(LATEST) => return Ok(Some(function.latest)),
        Some(qualifier) if qualifier.bytes().all(|byte| byte.is_ascii_digit()) => qualifier.to_owned(),
        Some(alias) => match documents.get(&keys::function_alias(&function.name, alias))? {
            Some(alias) => drawn(&alias.value, rand::random()).to_owned(),
            None => return Ok(None),
        },
    };
    if label == LATEST {
        return Ok(Some(function.latest));
    }
    let Ok(number) = label.parse() else { return Ok(None) };
    Ok(documents.get(&keys::function_version(&function.name, number))?.map(|found| found.value))
}

/// The version that an alias stands for, by a draw from 0 to 1.
fn drawn(alias: &Alias, draw: f64) -> &str {
    let mut passed = 0.0;
    for (version, weight) in &alias.weights {
        passed += weight;
        if draw < passed {
            return version;
        }
    }
    &alias.version
}

/// Whether the policy of what was called lets a caller call it: a function's own is for calls without a qualifier.
fn may(
    documents: &Documents<'_>,
    name: &FunctionName,
    qualifier: Option<&str>,
    caller: &Caller,
) -> Result<bool, crate::catalog::Error> {
    let qualifier = qualifier.filter(|qualifier| *qualifier != LATEST);
    let policy = documents.get(&keys::function_policy(name, qualifier))?;
    Ok(policy.is_some_and(|policy| policy::allows(&policy.value, caller)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_alias_gives_each_version_its_part() {
        let alias = Alias {
            name: "live".to_owned(),
            version: "1".to_owned(),
            description: String::new(),
            weights: BTreeMap::from([("2".to_owned(), 0.25)]),
            revision_id: String::new(),
        };
        for (draw, expected) in [(0.0, "2"), (0.24, "2"), (0.25, "1"), (0.99, "1")] {
            assert_eq!(drawn(&alias, draw), expected, "{draw}");
        }
        assert_eq!(drawn(&Alias { weights: BTreeMap::new(), ..alias }, 0.0), "1");
    }
}
