//! An authorizer: who decides whether a caller may call.

use serde::{Deserialize, Serialize};

use super::spelled;
use crate::model::id::AuthorizerId;

/// An authorizer of a REST API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Authorizer {
    /// Its id.
    pub id: AuthorizerId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: AuthorizerType,
    /// The user pools of a `COGNITO_USER_POOLS` authorizer.
    pub provider_arns: Vec<String>,
    /// `authType`: a free text for OpenAPI documents, `custom` or `cognito_user_pools` where none was given.
    pub auth_type: String,
    /// The function that is asked, as `arn:aws:apigateway:{region}:lambda:path/…/invocations`.
    pub uri: Option<String>,
    /// A role's ARN for the call of the function.
    pub credentials: Option<String>,
    /// Where a caller's identity is looked for: mapping expressions, with commas between them.
    pub identity_source: Option<String>,
    /// A regular expression that a token must match.
    pub identity_validation_expression: Option<String>,
    /// For how many seconds an answer is kept; 300 where it was never said.
    pub result_ttl_seconds: Option<u32>,
}

impl Authorizer {
    /// For how long an answer is kept where an authorizer doesn't say, in seconds.
    pub const DEFAULT_TTL: u32 = 300;
}

spelled!(
    /// Kinds of authorizers.
    AuthorizerType {
        /// A function that gets one token.
        Token = "TOKEN",
        /// A function that gets the request's parameters.
        Request = "REQUEST",
        /// User pools of Cognito.
        CognitoUserPools = "COGNITO_USER_POOLS",
    }
);
