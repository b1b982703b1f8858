//! A route: what is done with the messages of one kind.

use serde::{Deserialize, Serialize};

use crate::model::id::{AuthorizerId, IntegrationId, RouteId, RouteResponseId};
use crate::model::rest::{Flags, Strings, spelled};

/// A route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// Its id.
    pub id: RouteId,
    /// Which messages it is for: what the API's selection expression gives, or `$connect`, `$disconnect`, `$default`.
    pub key: String,
    /// The integration that is called. AWS prints `integrations/{id}`.
    pub target: Option<IntegrationId>,
    /// How callers are authorized; of a WebSocket API, those of `$connect`.
    pub authorization: AuthorizationType,
    /// The authorizer that is asked.
    pub authorizer: Option<AuthorizerId>,
    /// Scopes of tokens.
    pub authorization_scopes: Vec<String>,
    /// Whether callers need an API key.
    pub api_key_required: bool,
    /// A name for clients.
    pub operation_name: Option<String>,
    /// What a message's model is read from.
    pub model_selection_expression: Option<String>,
    /// What the model selection expression gives → the name of a model.
    pub request_models: Option<Strings>,
    /// `route.request.{header|querystring}.{name}` → whether it is required.
    pub request_parameters: Option<Flags>,
    /// What an answer's route response is read from: `$default`, where messages are answered at all.
    pub route_response_selection_expression: Option<String>,
}

/// That, and how, messages of a route are answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteResponse {
    /// Its id.
    pub id: RouteResponseId,
    /// What the route's response selection expression gives: `$default`.
    pub key: String,
    /// What an answer's model is read from.
    pub model_selection_expression: Option<String>,
    /// What the model selection expression gives → the name of a model.
    pub response_models: Option<Strings>,
    /// `route.response.header.{name}` → whether it is required.
    pub response_parameters: Option<Flags>,
}

spelled!(
    /// How callers are authorized.
    AuthorizationType {
        /// They are not.
        None = "NONE",
        /// By a signature.
        AwsIam = "AWS_IAM",
        /// By a function.
        Custom = "CUSTOM",
        /// By a token.
        Jwt = "JWT",
    }
);
