//! Lambda's management plane: a file a resource, a function an operation, AWS's names.
//!
//! It writes functions into the catalog; [`crate::functions`] runs them. Source: the service model `lambda/2015-03-31`.

mod aliases;
mod code;
mod concurrency;
mod configuration;
mod environment;
mod errors;
mod event_stream;
mod functions;
mod invocations;
mod lists;
mod operations;
mod permissions;
mod settings;
mod show;
mod tags;
mod updates;
mod versions;

use uuid::Uuid;

use super::wire::{Answer, Call, Error, Input};
use super::{Control, repeated};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::functions::{Functions, MAX_EVENT, Reference};
use crate::model::function::{Function, FunctionName};
use operations::Operation;

/// A request with a package has at most so many bytes: AWS's limit for 50 MB in base64.
const MAX_UPLOAD: usize = 70_167_211;

/// Whether a call is for Lambda: its paths begin with a date, and no other service's here do.
pub(super) fn is_meant(call: &Call) -> bool {
    let first = call.path.trim_start_matches('/').split('/').next().unwrap_or_default().as_bytes();
    first.len() == 10
        && first.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// The most bytes that the body of a call for Lambda may have.
pub(super) fn body_limit(call: &Call) -> Option<usize> {
    if !is_meant(call) {
        return None;
    }
    let is_code =
        call.path.ends_with("/functions") || call.path.ends_with("/functions/") || call.path.ends_with("/code");
    // An event that is a little too large is refused with words of its own.
    Some(if is_code { MAX_UPLOAD } else { MAX_EVENT + 1024 * 1024 })
}

/// The answer to a call that fails.
pub(super) fn refuse(error: &Error) -> Answer {
    errors::answer(error)
}

/// Answers a call for Lambda.
pub(super) async fn answer(control: &Control, call: &Call) -> Result<Answer, Error> {
    let Some(functions) = &control.functions else {
        return Err(Error::unknown_operation(
            "Functions are off on this node. Start it with --functions DIR, or with TURNPIKE_FUNCTIONS=on in its \
             environment.",
        ));
    };
    let (operation, names) = operations::route(call)?;
    let name = |at: usize| names.get(at).map_or("", String::as_str);
    let has_members = call.method != "GET" && !operation.is_invocation();
    let body = if has_members { Input::read(&call.body)? } else { Input::default() };
    let target = Target { control, functions, call, body: &body };
    // Whoever invokes finds what was made before on every node: changes are settled before they are answered.
    if operation.is_invocation() {
        return Ok(target.invoke_as(operation, name(0)).await);
    }
    let package = match operation {
        Operation::CreateFunction | Operation::UpdateFunctionCode => target.package(operation).await?,
        _ => None,
    };
    repeated(async || {
        // Everything below reads local documents: first they have all that was committed before this call.
        control.catalog.fresh().await?;
        target.perform(operation, &names, package.as_ref()).await
    })
    .await
}

/// A call that has found its operation.
struct Target<'a> {
    control: &'a Control,
    functions: &'a Functions,
    call: &'a Call,
    body: &'a Input,
}

impl Target<'_> {
    async fn perform(
        &self,
        operation: Operation,
        names: &[String],
        package: Option<&code::Package>,
    ) -> Result<Answer, Error> {
        let name = |at: usize| names.get(at).map_or("", String::as_str);
        match operation {
            Operation::GetAccountSettings => self.get_account_settings(),
            Operation::CreateFunction => self.create_function(package).await,
            Operation::ListFunctions => self.list_functions(),
            Operation::GetFunction => self.get_function(name(0)),
            Operation::DeleteFunction => self.delete_function(name(0)).await,
            Operation::GetFunctionConfiguration => self.get_function_configuration(name(0)),
            Operation::UpdateFunctionConfiguration => self.update_function_configuration(name(0)).await,
            Operation::UpdateFunctionCode => self.update_function_code(name(0), package).await,
            Operation::PublishVersion => self.publish_version(name(0)).await,
            Operation::ListVersionsByFunction => self.list_versions_by_function(name(0)),
            Operation::CreateAlias => self.create_alias(name(0)).await,
            Operation::ListAliases => self.list_aliases(name(0)),
            Operation::GetAlias => self.get_alias(name(0), name(1)),
            Operation::UpdateAlias => self.update_alias(name(0), name(1)).await,
            Operation::DeleteAlias => self.delete_alias(name(0), name(1)).await,
            Operation::AddPermission => self.add_permission(name(0)).await,
            Operation::GetPolicy => self.get_policy(name(0)),
            Operation::RemovePermission => self.remove_permission(name(0), name(1)).await,
            Operation::Invoke | Operation::InvokeWithResponseStream | Operation::InvokeAsync => {
                Ok(self.invoke_as(operation, name(0)).await)
            }
            Operation::PutFunctionConcurrency => self.put_function_concurrency(name(0)).await,
            Operation::DeleteFunctionConcurrency => self.delete_function_concurrency(name(0)).await,
            Operation::GetFunctionConcurrency => self.get_function_concurrency(name(0)),
            Operation::GetFunctionCodeSigningConfig => self.get_function_code_signing_config(name(0)),
            Operation::GetRuntimeManagementConfig => self.get_runtime_management_config(name(0)),
            Operation::PutRuntimeManagementConfig => self.put_runtime_management_config(name(0)).await,
            Operation::GetFunctionRecursionConfig => self.get_function_recursion_config(name(0)),
            Operation::TagResource => self.tag_resource(name(0)).await,
            Operation::ListTags => self.list_tags(name(0)),
            Operation::UntagResource => self.untag_resource(name(0)).await,
        }
    }

    /// The function that a path names, and the qualifier in it or in the query.
    fn read(&self, text: &str) -> Result<Reference, Error> {
        let qualifier = self.call.parameter("Qualifier");
        Ok(self.functions.home().read(text, qualifier.as_deref())?)
    }

    fn arn(&self, name: &FunctionName, qualifier: Option<&str>) -> String {
        self.functions.home().arn(name, qualifier)
    }

    fn find(&self, documents: &Documents<'_>, name: &FunctionName) -> Result<Stored<Function>, Error> {
        let found = documents.get(&keys::function(name))?;
        found.ok_or_else(|| errors::no_function(&self.arn(name, None)))
    }

    /// Makes a change, and waits until every node goes by it.
    async fn commit(&self, edit: Edit) -> Result<(), Error> {
        let index = self.control.catalog.commit(edit).await?;
        self.control.settle(index).await
    }

    /// Now, in milliseconds since 1970.
    fn now(&self) -> u64 {
        u64::try_from(self.control.clock.since_epoch().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Says of a change that it is another one than any before.
fn revision() -> String {
    Uuid::new_v4().to_string()
}

/// A caller that names a revision means it.
fn check_revision(said: Option<String>, known: &str) -> Result<(), Error> {
    match said {
        Some(said) if said != known => Err(errors::moved_on()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_lambda_begin_with_a_date() {
        for (path, expected) in [
            ("/2015-03-31/functions", true),
            ("/2017-03-31/tags/arn", true),
            ("/restapis", false),
            ("/tags/arn", false),
            ("/2015-03-3x/functions", false),
            ("/", false),
        ] {
            let call = Call {
                method: "GET".to_owned(),
                path: path.to_owned(),
                query: String::new(),
                headers: Vec::new(),
                body: bytes::Bytes::new(),
            };
            assert_eq!(is_meant(&call), expected, "{path}");
        }
    }
}
