//! An authorizer: a function that decides whether a caller may connect.

use serde::{Deserialize, Serialize};

use crate::model::id::AuthorizerId;

/// An authorizer of a WebSocket API, whose type is always `REQUEST`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Authorizer {
    /// Its id.
    pub id: AuthorizerId,
    /// Its name.
    pub name: String,
    /// The function that is asked, as `arn:aws:apigateway:{region}:lambda:path/…/invocations`.
    pub uri: String,
    /// A role's ARN for the call of the function.
    pub credentials: Option<String>,
    /// Where a caller's identity is looked for: mapping expressions.
    pub identity_source: Vec<String>,
    /// A regular expression, kept for those who gave it.
    pub identity_validation_expression: Option<String>,
}
