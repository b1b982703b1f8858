//! Where functions live: their versions, environments, aliases and policies, and what claims their code.

use super::{Key, Prefix, part};
use crate::catalog::Sealed;
use crate::model::function::{Alias, Function, FunctionName, Policy, Version};

/// What the keys of functions start with.
const FUNCTIONS: &str = "functions/";

/// All functions.
pub fn functions() -> Prefix<Function> {
    Prefix::new(FUNCTIONS.to_owned())
}

/// A function.
pub fn function(name: &FunctionName) -> Key<Function> {
    Key::new(format!("{FUNCTIONS}{}", part(name)))
}

/// The function that a key is about, if it is about one.
pub fn parse_function(key: &str) -> Option<FunctionName> {
    key.strip_prefix(FUNCTIONS)?.split('/').next().map(FunctionName::new)
}

/// The published versions of a function, in the order of their numbers.
pub fn function_versions(name: &FunctionName) -> Prefix<Version> {
    Prefix::new(format!("{FUNCTIONS}{}/versions/", part(name)))
}

/// A published version of a function.
pub fn function_version(name: &FunctionName, number: u64) -> Key<Version> {
    Key::new(format!("{FUNCTIONS}{}/versions/{number:010}", part(name)))
}

/// The environment variables of a version, by its label.
pub fn function_environment(name: &FunctionName, label: &str) -> Key<Sealed> {
    Key::new(format!("{FUNCTIONS}{}/environment/{}", part(name), part(label)))
}

/// The aliases of a function.
pub fn function_aliases(name: &FunctionName) -> Prefix<Alias> {
    Prefix::new(format!("{FUNCTIONS}{}/aliases/", part(name)))
}

/// An alias of a function.
pub fn function_alias(name: &FunctionName, alias: &str) -> Key<Alias> {
    Key::new(format!("{FUNCTIONS}{}/aliases/{}", part(name), part(alias)))
}

/// The policy of a function, or of what a qualifier names of it.
pub fn function_policy(name: &FunctionName, qualifier: Option<&str>) -> Key<Policy> {
    Key::new(format!("{FUNCTIONS}{}/policies/{}", part(name), part(qualifier.unwrap_or("(function)"))))
}

/// The versions whose code is this blob.
pub fn function_code_users(code: &str) -> Prefix<FunctionName> {
    Prefix::new(format!("functioncode/{}/", part(code)))
}

/// That a version's code is this blob.
pub fn function_code_user(code: &str, name: &FunctionName, label: &str) -> Key<FunctionName> {
    Key::new(format!("functioncode/{}/{}:{}", part(code), part(name), part(label)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_below_a_function_names_it_and_versions_are_in_order() {
        let name = FunctionName::new("echo");
        for key in [
            function(&name).as_str(),
            function_version(&name, 7).as_str(),
            function_alias(&name, "live").as_str(),
            function_environment(&name, "$LATEST").as_str(),
        ] {
            assert_eq!(parse_function(key), Some(name.clone()), "{key}");
        }
        assert_eq!(parse_function("functioncode/ab/echo:1"), None);
        assert!(function_version(&name, 9).as_str() < function_version(&name, 10).as_str());
    }
}
