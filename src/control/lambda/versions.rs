//! Versions of functions: PublishVersion, ListVersionsByFunction, and DeleteFunction of one.

use super::code;
use super::show::{Shown, qualifier_of};
use super::{Target, check_revision, errors, lists, revision};
use crate::catalog::{Edit, keys};
use crate::control::wire::{Answer, Error, Members};
use crate::model::function::{Function, FunctionName, LATEST, Version};

impl Target<'_> {
    pub(super) async fn publish_version(&self, text: &str) -> Result<Answer, Error> {
        let name = self.read(text)?.name;
        let found = self.control.catalog.read(|documents| self.find(documents, &name))?;
        let latest = &found.value.latest;
        check_revision(self.body.text("RevisionId")?, &latest.revision_id)?;
        if let Some(sha256) = self.body.text("CodeSha256")?.filter(|sha256| !sha256.is_empty()) {
            let known = code::shown(&latest.code);
            if sha256 != known {
                return Err(errors::invalid(format!(
                    "CodeSHA256 ({sha256}) is different from current CodeSHA256 in $LATEST ({known}). Please try again \
                     with the CodeSHA256 in $LATEST."
                )));
            }
        }
        let mut function = found.value.clone();
        let (edit, version) = self.publish(Edit::new(), &mut function, self.body.text("Description")?)?;
        if function.published != found.value.published {
            self.commit(edit.update(&keys::function(&name), &found, &function)).await?;
        }
        let label = version.label();
        Ok(Answer::json(201, self.configuration(&name, &version, qualifier_of(&label), Shown::Whole)?))
    }

    /// Makes a version of what `$LATEST` is now; the last one, if nothing has changed since.
    pub(super) fn publish(
        &self,
        edit: Edit,
        function: &mut Function,
        description: Option<String>,
    ) -> Result<(Edit, Version), Error> {
        let name = &function.name;
        let last = keys::function_version(name, function.published);
        let last = self.control.catalog.read(|documents| documents.get(&last))?;
        if let Some(last) = last.filter(|last| last.value.same_as(&function.latest)) {
            return Ok((edit, last.value));
        }
        let number = function.published + 1;
        let mut version = Version { number: Some(number), revision_id: revision(), ..function.latest.clone() };
        if let Some(description) = description {
            version.description = description;
        }
        let mut edit = edit
            .create(&keys::function_version(name, number), &version)
            .put(&keys::function_code_user(&version.code.sha256, name, &version.label()), name);
        if let Some(variables) = self.variables_to_publish(function)? {
            edit = edit.put(&keys::function_environment(name, &version.label()), &variables);
        }
        function.published = number;
        Ok((edit, version))
    }

    pub(super) fn list_versions_by_function(&self, text: &str) -> Result<Answer, Error> {
        let name = self.read(text)?.name;
        let page = lists::Page::read(self.call)?;
        let found = self.control.catalog.read(|documents| {
            let function = self.find(documents, &name)?;
            let published = documents.list(&keys::function_versions(&name))?;
            let published = published.into_iter().map(|version| version.value);
            Ok::<_, Error>([function.value.latest].into_iter().chain(published).collect::<Vec<_>>())
        })?;
        let (found, marker) = page.take(found, |version| format!("{:010}", version.number.unwrap_or(0)));
        let versions = found.iter().map(|version| self.listed(&name, version)).collect::<Result<Vec<_>, _>>()?;
        Ok(Answer::json(200, Members::new().some("NextMarker", marker).set("Versions", versions)))
    }

    /// Deletes a version that no alias stands for. One that is not there is as good as deleted.
    pub(super) async fn delete_version(&self, name: &FunctionName, qualifier: &str) -> Result<Answer, Error> {
        let Ok(number) = qualifier.parse::<u64>() else {
            return Err(errors::invalid(
                "Deletion of an alias is done with DeleteAlias: a qualifier here is a version.",
            ));
        };
        let key = keys::function_version(name, number);
        let label = number.to_string();
        let (found, edit) = self.control.catalog.read(|documents| {
            self.find(documents, name)?;
            let aliases = documents.list(&keys::function_aliases(name))?;
            let uses =
                |alias: &&crate::model::function::Alias| alias.version == label || alias.weights.contains_key(&label);
            if let Some(alias) = aliases.iter().map(|alias| &alias.value).find(uses) {
                let arn = self.arn(name, Some(&alias.name));
                return Err(errors::conflict(format!(
                    "Version {label} can't be deleted: the alias {arn} stands for it."
                )));
            }
            // No alias is pointed at it meanwhile.
            let edit = Edit::new().unchanged(documents, &keys::function_aliases(name));
            Ok((documents.get(&key)?, edit))
        })?;
        let Some(found) = found else { return Ok(Answer::empty(204)) };
        let sha256 = &found.value.code.sha256;
        let edit = edit
            .delete(&key, &found)
            .discard(&keys::function_environment(name, &label))
            .discard(&keys::function_policy(name, Some(&label)))
            .discard(&keys::function_code_user(sha256, name, &label));
        self.commit(edit).await?;
        code::settle(&self.control.catalog, sha256).await?;
        Ok(Answer::empty(204))
    }

    /// The sealed variables of `$LATEST` as a version gets them. Those of a function that is made in the same edit are in
    /// no document yet: they come from the call.
    fn variables_to_publish(&self, function: &Function) -> Result<Option<crate::catalog::Sealed>, Error> {
        if function.latest.environment.is_none() {
            return Ok(None);
        }
        if let Some(given) = super::environment::read(self.body)? {
            let text = serde_json::json!(given).to_string();
            return Ok(Some(self.control.catalog.seal(text.as_bytes())));
        }
        let key = keys::function_environment(&function.name, LATEST);
        Ok(self.control.catalog.read(|documents| documents.get(&key))?.map(|found| found.value))
    }
}
