//! The operations of Lambda that are served, by verb and path.
//!
//! Source: the service model `lambda/2015-03-31`; a scenario compares this table with botocore's.

use crate::control::wire::{Call, Error, find_operation, operation_table};

operation_table! {
    GetAccountSettings: GET "/2016-08-19/account-settings";
    CreateFunction: POST "/2015-03-31/functions";
    ListFunctions: GET "/2015-03-31/functions";
    GetFunction: GET "/2015-03-31/functions/{}";
    DeleteFunction: DELETE "/2015-03-31/functions/{}";
    GetFunctionConfiguration: GET "/2015-03-31/functions/{}/configuration";
    UpdateFunctionConfiguration: PUT "/2015-03-31/functions/{}/configuration";
    UpdateFunctionCode: PUT "/2015-03-31/functions/{}/code";
    PublishVersion: POST "/2015-03-31/functions/{}/versions";
    ListVersionsByFunction: GET "/2015-03-31/functions/{}/versions";
    CreateAlias: POST "/2015-03-31/functions/{}/aliases";
    ListAliases: GET "/2015-03-31/functions/{}/aliases";
    GetAlias: GET "/2015-03-31/functions/{}/aliases/{}";
    UpdateAlias: PUT "/2015-03-31/functions/{}/aliases/{}";
    DeleteAlias: DELETE "/2015-03-31/functions/{}/aliases/{}";
    AddPermission: POST "/2015-03-31/functions/{}/policy";
    GetPolicy: GET "/2015-03-31/functions/{}/policy";
    RemovePermission: DELETE "/2015-03-31/functions/{}/policy/{}";
    Invoke: POST "/2015-03-31/functions/{}/invocations";
    InvokeWithResponseStream: POST "/2021-11-15/functions/{}/response-streaming-invocations";
    InvokeAsync: POST "/2014-11-13/functions/{}/invoke-async";
    PutFunctionConcurrency: PUT "/2017-10-31/functions/{}/concurrency";
    DeleteFunctionConcurrency: DELETE "/2017-10-31/functions/{}/concurrency";
    GetFunctionConcurrency: GET "/2019-09-30/functions/{}/concurrency";
    GetFunctionCodeSigningConfig: GET "/2020-06-30/functions/{}/code-signing-config";
    GetRuntimeManagementConfig: GET "/2021-07-20/functions/{}/runtime-management-config";
    PutRuntimeManagementConfig: PUT "/2021-07-20/functions/{}/runtime-management-config";
    GetFunctionRecursionConfig: GET "/2024-08-31/functions/{}/recursion-config";
    TagResource: POST "/2017-03-31/tags/{}";
    ListTags: GET "/2017-03-31/tags/{}";
    UntagResource: DELETE "/2017-03-31/tags/{}";
}

/// A call that has found its operation, and what the path names, in its order.
pub(super) fn route(call: &Call) -> Result<(Operation, Vec<String>), Error> {
    find_operation(TABLE, call).ok_or_else(|| {
        Error::unknown_operation(format!(
            "Lambda's operation {} {} is not one that is served here",
            call.method, call.path
        ))
    })
}

impl Operation {
    /// Whether the body is an event.
    pub(super) fn is_invocation(self) -> bool {
        matches!(self, Self::Invoke | Self::InvokeWithResponseStream | Self::InvokeAsync)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verb_and_path_name_an_operation() {
        for (method, path, expected) in [
            ("POST", "/2015-03-31/functions/", Some((Operation::CreateFunction, vec![]))),
            ("GET", "/2015-03-31/functions/f", Some((Operation::GetFunction, vec!["f"]))),
            ("POST", "/2015-03-31/functions/f%3Alive/invocations", Some((Operation::Invoke, vec!["f:live"]))),
            ("DELETE", "/2015-03-31/functions/f/policy/s", Some((Operation::RemovePermission, vec!["f", "s"]))),
            ("GET", "/2018-10-31/layers", None),
            ("PATCH", "/2015-03-31/functions/f", None),
        ] {
            let (method, path) = (method.to_owned(), path.to_owned());
            let call = Call { method, path, query: String::new(), headers: Vec::new(), body: bytes::Bytes::new() };
            let expected = expected
                .map(|(operation, names)| (operation, names.into_iter().map(str::to_owned).collect::<Vec<_>>()));
            assert_eq!(route(&call).ok(), expected, "{}", call.path);
        }
    }
}
