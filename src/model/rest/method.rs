//! A method: one verb on a resource, with what it answers and what it calls.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Flags, Integration, Strings, spelled};

/// A method with its responses and its integration: one document in the catalog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// Its verb.
    pub verb: Verb,
    /// How callers are authorized.
    pub authorization_type: AuthorizationType,
    /// The authorizer, for the types that have one.
    pub authorizer_id: Option<String>,
    /// OAuth scopes that a token must have one of.
    pub authorization_scopes: Vec<String>,
    /// Whether a caller needs an API key.
    pub api_key_required: bool,
    /// The validator of its requests.
    pub request_validator_id: Option<String>,
    /// A name for generated code.
    pub operation_name: Option<String>,
    /// `method.request.{header|path|querystring}.{name}` → required.
    pub request_parameters: Flags,
    /// Content type → model name.
    pub request_models: Strings,
    /// Status code → what such an answer holds.
    pub responses: BTreeMap<String, MethodResponse>,
    /// What is called.
    pub integration: Option<Integration>,
}

/// What an answer with one status code holds. `None` and empty differ: AWS echoes an empty map that was sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MethodResponse {
    /// `method.response.header.{name}` → required.
    pub parameters: Option<Flags>,
    /// Content type → model name.
    pub models: Option<Strings>,
}

spelled!(
    /// Verbs that a method may have.
    Verb {
        /// GET
        Get = "GET",
        /// PUT
        Put = "PUT",
        /// POST
        Post = "POST",
        /// DELETE
        Delete = "DELETE",
        /// PATCH
        Patch = "PATCH",
        /// OPTIONS
        Options = "OPTIONS",
        /// HEAD
        Head = "HEAD",
        /// Any of the others that the resource has no method for.
        Any = "ANY",
    }
);

spelled!(
    /// How callers of a method are authorized.
    AuthorizationType {
        /// Not at all.
        None = "NONE",
        /// By a Signature Version 4.
        AwsIam = "AWS_IAM",
        /// By a Lambda authorizer.
        Custom = "CUSTOM",
        /// By a token of a Cognito user pool.
        CognitoUserPools = "COGNITO_USER_POOLS",
    }
);
