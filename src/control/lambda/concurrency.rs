//! How many calls of a function may run at once: PutFunctionConcurrency, GetFunctionConcurrency,
//! DeleteFunctionConcurrency. Each node counts its own.

use super::Target;
use crate::catalog::{Edit, keys};
use crate::control::wire::{Answer, Error, Members, Violations};

impl Target<'_> {
    pub(super) async fn put_function_concurrency(&self, text: &str) -> Result<Answer, Error> {
        let reserved = self.body.integer("ReservedConcurrentExecutions")?;
        let mut violations = Violations::new();
        violations.present(reserved.is_some(), "reservedConcurrentExecutions");
        let reserved = reserved.unwrap_or_default();
        let least = "Member must have value greater than or equal to 0";
        violations.holds(reserved >= 0, reserved, "reservedConcurrentExecutions", least);
        violations.check()?;
        let reserved = u32::try_from(reserved).unwrap_or(u32::MAX);
        self.reserve(text, Some(reserved)).await?;
        Ok(Answer::json(200, Members::new().set("ReservedConcurrentExecutions", reserved)))
    }

    pub(super) async fn delete_function_concurrency(&self, text: &str) -> Result<Answer, Error> {
        self.reserve(text, None).await?;
        Ok(Answer::empty(204))
    }

    pub(super) fn get_function_concurrency(&self, text: &str) -> Result<Answer, Error> {
        let name = self.read(text)?.name;
        let found = self.control.catalog.read(|documents| self.find(documents, &name))?;
        Ok(Answer::json(200, Members::new().some("ReservedConcurrentExecutions", found.value.reserved)))
    }

    async fn reserve(&self, text: &str, reserved: Option<u32>) -> Result<(), Error> {
        let name = self.read(text)?.name;
        let found = self.control.catalog.read(|documents| self.find(documents, &name))?;
        let mut function = found.value.clone();
        function.reserved = reserved;
        self.commit(Edit::new().update(&keys::function(&name), &found, &function)).await
    }
}
