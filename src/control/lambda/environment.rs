//! Environment variables: what they may be, and how they are kept.

use super::{Target, errors};
use crate::catalog::{Edit, keys};
use crate::control::wire::{Error, Input};
use crate::functions::RESERVED;
use crate::model::function::{FunctionName, LATEST, Version};
use crate::model::rest::Strings;

/// All of them together have at most so many bytes: AWS's 4 KB.
const MAX_BYTES: usize = 4096;

/// The variables that a call gives, if it does.
pub(super) fn read(body: &Input) -> Result<Option<Strings>, Error> {
    let Some(environment) = body.object("Environment")? else { return Ok(None) };
    let variables = environment.strings("Variables")?.unwrap_or_default();
    check(&variables)?;
    Ok(Some(variables))
}

fn check(variables: &Strings) -> Result<(), Error> {
    let named = |name: &str| {
        let mut letters = name.bytes();
        name.len() > 1
            && letters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_')
    };
    let reserved: Vec<&str> = RESERVED.iter().copied().filter(|name| variables.contains_key(*name)).collect();
    if !reserved.is_empty() {
        return Err(errors::invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided \
             contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    if variables.keys().any(|name| !named(name)) || variables.values().any(|value| value.contains('\0')) {
        // Names may say something of the values: none is repeated.
        return Err(Error::validation(
            "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must \
             satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
        ));
    }
    let size = serde_json::to_vec(variables).map_err(|_| Error::internal())?.len();
    if size > MAX_BYTES {
        return Err(errors::invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have provided \
             exceeded the 4KB limit.",
        ));
    }
    Ok(())
}

impl Target<'_> {
    /// Gives `$LATEST` these variables: into its document what they are known by, into another one themselves.
    pub(super) fn set_variables(&self, edit: Edit, name: &FunctionName, latest: &mut Version, to: &Strings) -> Edit {
        let key = keys::function_environment(name, LATEST);
        if to.is_empty() {
            latest.environment = None;
            return edit.discard(&key);
        }
        let text = serde_json::json!(to).to_string();
        latest.environment = Some(self.control.catalog.fingerprint(text.as_bytes()));
        edit.put(&key, &self.control.catalog.seal(text.as_bytes()))
    }

    /// The variables of a version; nothing, if it has none.
    pub(super) fn variables(&self, name: &FunctionName, version: &Version) -> Result<Option<Strings>, Error> {
        if version.environment.is_none() {
            return Ok(None);
        }
        let key = keys::function_environment(name, &version.label());
        let sealed = self.control.catalog.read(|documents| documents.get(&key))?;
        let opened = sealed.and_then(|sealed| self.control.catalog.unseal(&sealed.value));
        // Sealed with another cluster's secret: whoever sets them again can read them.
        Ok(opened.and_then(|text| serde_json::from_slice(&text).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_named_bounded_and_not_lambdas_own() {
        let one = |name: &str, value: &str| Strings::from([(name.to_owned(), value.to_owned())]);
        for (variables, fine) in [
            (one("NAME", "value"), true),
            (one("a1_", ""), true),
            (one("A", ""), false),
            (one("1A", ""), false),
            (one("A-B", ""), false),
            (one("AWS_REGION", "x"), false),
            (one("_HANDLER", "x"), false),
            (one("NAME", "a\0b"), false),
            (one("NAME", &"x".repeat(4080)), true),
            (one("NAME", &"x".repeat(4097)), false),
        ] {
            assert_eq!(check(&variables).is_ok(), fine, "{:?}", variables.keys());
        }
    }
}
