//! Aliases of functions: CreateAlias, GetAlias, ListAliases, UpdateAlias, DeleteAlias.

use std::collections::BTreeMap;

use super::{Target, check_revision, errors, lists, revision};
use crate::catalog::{Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Violations};
use crate::model::function::{Alias, FunctionName, LATEST};

/// A function may have so many aliases.
const MAX_ALIASES: u64 = 1000;

impl Target<'_> {
    pub(super) async fn create_alias(&self, text: &str) -> Result<Answer, Error> {
        let name = self.read(text)?.name;
        let alias = self.body.text("Name")?.unwrap_or_default();
        let version = self.body.text("FunctionVersion")?.unwrap_or_default();
        let mut violations = Violations::new();
        violations.present(!alias.is_empty(), "name");
        violations.present(!version.is_empty(), "functionVersion");
        let pattern = "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)";
        violations.holds(alias.is_empty() || is_alias(&alias), &alias, "name", pattern);
        violations.check()?;
        let mut made = Alias {
            name: alias,
            version: String::new(),
            description: String::new(),
            weights: BTreeMap::new(),
            revision_id: revision(),
        };
        let edit = self.change(&name, &mut made, Some(version))?;
        let key = keys::function_alias(&name, &made.name);
        self.control.catalog.read(|documents| {
            if documents.exists(&key) {
                let arn = self.arn(&name, Some(&made.name));
                return Err(errors::conflict(format!("Alias already exists: {arn}")));
            }
            match documents.count(&keys::function_aliases(&name)) {
                count if count >= MAX_ALIASES => {
                    Err(errors::invalid(format!("A function may have at most {MAX_ALIASES} aliases.")))
                }
                _ => Ok(()),
            }
        })?;
        self.commit(edit.create(&key, &made)).await?;
        Ok(Answer::json(201, self.alias(&name, &made)))
    }

    pub(super) fn get_alias(&self, text: &str, alias: &str) -> Result<Answer, Error> {
        let name = self.read(text)?.name;
        Ok(Answer::json(200, self.alias(&name, &self.find_alias(&name, alias)?.value)))
    }

    pub(super) fn list_aliases(&self, text: &str) -> Result<Answer, Error> {
        let name = self.read(text)?.name;
        let page = lists::Page::read(self.call)?;
        let of = self.call.parameter("FunctionVersion");
        let found = self.control.catalog.read(|documents| {
            self.find(documents, &name)?;
            Ok::<_, Error>(documents.list(&keys::function_aliases(&name))?)
        })?;
        let found = found.into_iter().map(|alias| alias.value);
        let found = found.filter(|alias| of.as_ref().is_none_or(|of| alias.version == *of));
        let (found, marker) = page.take(found.collect(), |alias| alias.name.clone());
        let aliases: Vec<_> = found.iter().map(|alias| self.alias(&name, alias).into()).collect();
        let aliases: Vec<serde_json::Value> = aliases;
        Ok(Answer::json(200, Members::new().some("NextMarker", marker).set("Aliases", aliases)))
    }

    pub(super) async fn update_alias(&self, text: &str, alias: &str) -> Result<Answer, Error> {
        let name = self.read(text)?.name;
        let found = self.find_alias(&name, alias)?;
        check_revision(self.body.text("RevisionId")?, &found.value.revision_id)?;
        let mut changed = found.value.clone();
        changed.revision_id = revision();
        let edit = self.change(&name, &mut changed, self.body.text("FunctionVersion")?)?;
        self.commit(edit.update(&keys::function_alias(&name, alias), &found, &changed)).await?;
        Ok(Answer::json(200, self.alias(&name, &changed)))
    }

    pub(super) async fn delete_alias(&self, text: &str, alias: &str) -> Result<Answer, Error> {
        let name = self.read(text)?.name;
        self.control.catalog.read(|documents| self.find(documents, &name).map(|_| ()))?;
        let key = keys::function_alias(&name, alias);
        let edit = Edit::new().discard(&key).discard(&keys::function_policy(&name, Some(alias)));
        self.commit(edit).await?;
        Ok(Answer::empty(204))
    }

    /// Changes an alias as the call says; the edit relies on the versions that it then stands for.
    fn change(&self, name: &FunctionName, alias: &mut Alias, version: Option<String>) -> Result<Edit, Error> {
        if let Some(description) = self.body.text("Description")? {
            let mut violations = Violations::new();
            let fits = description.chars().count() <= 256;
            violations.holds(fits, &description, "description", "Member must have length less than or equal to 256");
            violations.check()?;
            alias.description = description;
        }
        if let Some(version) = version {
            alias.version = version;
        }
        if let Some(routing) = self.body.object("RoutingConfig")? {
            alias.weights = routing.doubles("AdditionalVersionWeights")?.unwrap_or_default();
        }
        check_weights(alias)?;
        self.control.catalog.read(|documents| {
            self.find(documents, name)?;
            let mut edit = Edit::new().require(&keys::function(name));
            for version in alias.weights.keys().chain([&alias.version]).filter(|version| *version != LATEST) {
                let unknown = || errors::no_function(&self.arn(name, Some(version)));
                let key = keys::function_version(name, version.parse().map_err(|_| unknown())?);
                if !documents.exists(&key) {
                    return Err(unknown());
                }
                edit = edit.require(&key);
            }
            Ok(edit)
        })
    }

    fn find_alias(&self, name: &FunctionName, alias: &str) -> Result<Stored<Alias>, Error> {
        self.control.catalog.read(|documents| {
            self.find(documents, name)?;
            let found = documents.get(&keys::function_alias(name, alias))?;
            found.ok_or_else(|| errors::not_found(format!("Cannot find alias arn: {}", self.arn(name, Some(alias)))))
        })
    }
}

fn check_weights(alias: &Alias) -> Result<(), Error> {
    if alias.weights.is_empty() {
        return Ok(());
    }
    if alias.weights.len() > 1 {
        return Err(errors::invalid("Number of items in AdditionalVersionWeights cannot be greater than 1"));
    }
    if alias.version == LATEST || alias.weights.contains_key(LATEST) {
        return Err(errors::invalid("$LATEST is not supported for an alias pointing to more than 1 version"));
    }
    if alias.weights.contains_key(&alias.version) {
        return Err(errors::invalid(format!(
            "Invalid function version {}. Function version {} is already included in \
             routing configuration.",
            alias.version, alias.version
        )));
    }
    if alias.weights.values().any(|weight| !(0.0..=1.0).contains(weight)) {
        return Err(errors::invalid("Weights of versions are from 0.0 to 1.0"));
    }
    Ok(())
}

fn is_alias(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=128).contains(&text.len()) && text.bytes().all(letter) && !text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_no_number_and_shares_with_one_version_at_most() {
        for (text, expected) in [("live", true), ("v-1_b", true), ("12", false), ("", false), ("a b", false)] {
            assert_eq!(is_alias(text), expected, "{text}");
        }
        for (version, weights, fine) in [
            ("1", vec![], true),
            ("$LATEST", vec![], true),
            ("1", vec![("2", 0.5)], true),
            ("1", vec![("2", 1.5)], false),
            ("1", vec![("1", 0.5)], false),
            ("$LATEST", vec![("1", 0.5)], false),
            ("1", vec![("2", 0.1), ("3", 0.1)], false),
        ] {
            let alias = Alias {
                name: "a".to_owned(),
                version: version.to_owned(),
                description: String::new(),
                weights: weights.into_iter().map(|(version, weight)| (version.to_owned(), weight)).collect(),
                revision_id: String::new(),
            };
            assert_eq!(check_weights(&alias).is_ok(), fine, "{alias:?}");
        }
    }
}
