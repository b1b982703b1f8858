//! What there is to know about the account and about how functions are kept: GetAccountSettings,
//! GetFunctionCodeSigningConfig, GetRuntimeManagementConfig, PutRuntimeManagementConfig, GetFunctionRecursionConfig.

use serde_json::json;

use super::Target;
use crate::catalog::{Edit, keys};
use crate::control::wire::{Answer, Error, Members, Violations};
use crate::functions::archive::MAX_UNPACKED;

/// AWS's default of 75 GB, of which nothing is enforced here but the disk's own size.
const TOTAL_CODE: u64 = 80_530_636_800;
/// AWS's limit of an upload.
const ZIPPED: u64 = 52_428_800;

impl Target<'_> {
    pub(super) fn get_account_settings(&self) -> Result<Answer, Error> {
        let functions = self.control.catalog.read(|documents| documents.list(&keys::functions()))?;
        let size: u64 = functions.iter().map(|function| function.value.latest.code.size).sum();
        let reserved: u32 = functions.iter().filter_map(|function| function.value.reserved).sum();
        let processes = self.functions.processes();
        let limit = json!({
            "TotalCodeSize": TOTAL_CODE,
            "CodeSizeUnzipped": MAX_UNPACKED,
            "CodeSizeZipped": ZIPPED,
            "ConcurrentExecutions": processes,
            "UnreservedConcurrentExecutions": processes.saturating_sub(reserved as usize),
        });
        let usage = json!({"TotalCodeSize": size, "FunctionCount": functions.len()});
        Ok(Answer::json(200, Members::new().set("AccountLimit", limit).set("AccountUsage", usage)))
    }

    /// Code is not signed here: the answer is AWS's for a function without such a configuration.
    pub(super) fn get_function_code_signing_config(&self, text: &str) -> Result<Answer, Error> {
        let name = self.read(text)?.name;
        self.control.catalog.read(|documents| self.find(documents, &name).map(|_| ()))?;
        Ok(Answer::json(200, Members::new().set("FunctionName", name.as_str())))
    }

    pub(super) fn get_runtime_management_config(&self, text: &str) -> Result<Answer, Error> {
        let named = self.read(text)?;
        let found = self.control.catalog.read(|documents| self.find(documents, &named.name))?;
        let updates = found.value.runtime_updates.unwrap_or_else(|| "Auto".to_owned());
        let arn = self.arn(&named.name, named.qualifier.as_deref());
        Ok(Answer::json(200, Members::new().set("UpdateRuntimeOn", updates).set("FunctionArn", arn)))
    }

    /// Kept and told: which interpreter runs is the machine's to say.
    pub(super) async fn put_runtime_management_config(&self, text: &str) -> Result<Answer, Error> {
        let named = self.read(text)?;
        let updates = self.body.text("UpdateRuntimeOn")?.unwrap_or_default();
        let mut violations = Violations::new();
        violations.one_of(&updates, "updateRuntimeOn", &["Auto", "Manual", "FunctionUpdate"]);
        violations.check()?;
        let found = self.control.catalog.read(|documents| self.find(documents, &named.name))?;
        let mut function = found.value.clone();
        function.runtime_updates = Some(updates.clone());
        self.commit(Edit::new().update(&keys::function(&named.name), &found, &function)).await?;
        let arn = self.arn(&named.name, named.qualifier.as_deref());
        Ok(Answer::json(200, Members::new().set("UpdateRuntimeOn", updates).set("FunctionArn", arn)))
    }

    /// Loops of functions that call each other are ended by nobody but their limits.
    pub(super) fn get_function_recursion_config(&self, text: &str) -> Result<Answer, Error> {
        let name = self.read(text)?.name;
        self.control.catalog.read(|documents| self.find(documents, &name).map(|_| ()))?;
        Ok(Answer::json(200, Members::new().set("RecursiveLoop", "Allow")))
    }
}
