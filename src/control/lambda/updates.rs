//! Changes of functions: UpdateFunctionCode, UpdateFunctionConfiguration.

use super::code::{self, Package};
use super::show::{Shown, qualifier_of};
use super::{Target, check_revision, configuration, environment, errors, revision};
use crate::catalog::{Edit, keys};
use crate::control::wire::{Answer, Error, Violations};
use crate::model::function::LATEST;

impl Target<'_> {
    pub(super) async fn update_function_code(&self, text: &str, package: Option<&Package>) -> Result<Answer, Error> {
        let name = self.read(text)?.name;
        let Some(Package(code)) = package else {
            return Err(errors::invalid("Please provide a source for function code."));
        };
        let found = self.control.catalog.read(|documents| self.find(documents, &name))?;
        check_revision(self.body.text("RevisionId")?, &found.value.latest.revision_id)?;
        let mut function = found.value.clone();
        let before = function.latest.code.sha256.clone();
        let mut violations = Violations::new();
        configuration::architectures(self.body, &mut function.latest, &mut violations)?;
        violations.check()?;
        function.latest.code = code.clone();
        function.latest.revision_id = revision();
        function.latest.modified = self.now();
        if self.body.boolean("DryRun")? == Some(true) {
            return Ok(Answer::json(200, self.configuration(&name, &function.latest, None, Shown::Whole)?));
        }
        let mut edit = Edit::new()
            .discard(&keys::function_code_user(&before, &name, LATEST))
            .put(&keys::function_code_user(&code.sha256, &name, LATEST), &name);
        let mut shown = function.latest.clone();
        if self.body.boolean("Publish")? == Some(true) {
            (edit, shown) = self.publish(edit, &mut function, None)?;
        }
        self.commit(edit.update(&keys::function(&name), &found, &function)).await?;
        code::settle(&self.control.catalog, &code.sha256).await?;
        code::settle(&self.control.catalog, &before).await?;
        let label = shown.label();
        Ok(Answer::json(200, self.configuration(&name, &shown, qualifier_of(&label), Shown::Whole)?))
    }

    pub(super) async fn update_function_configuration(&self, text: &str) -> Result<Answer, Error> {
        let name = self.read(text)?.name;
        let found = self.control.catalog.read(|documents| self.find(documents, &name))?;
        check_revision(self.body.text("RevisionId")?, &found.value.latest.revision_id)?;
        let mut function = found.value.clone();
        configuration::apply(self.body, &mut function.latest)?;
        function.latest.revision_id = revision();
        function.latest.modified = self.now();
        let mut edit = Edit::new();
        if let Some(variables) = environment::read(self.body)? {
            edit = self.set_variables(edit, &name, &mut function.latest, &variables);
        }
        self.commit(edit.update(&keys::function(&name), &found, &function)).await?;
        Ok(Answer::json(200, self.configuration(&name, &function.latest, None, Shown::Whole)?))
    }
}
