//! A deployment: an API as it was at one moment, never changed afterwards.

use serde::{Deserialize, Serialize};

use super::{Authorizer, GatewayResponse, Method, Model, RequestValidator, RestApi};
use crate::model::id::{DeploymentId, ResourceId};

/// A deployment's card; what it holds is its [`Snapshot`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
}

/// Everything that a stage needs to serve an API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The API itself.
    pub api: RestApi,
    /// Its resources that have methods.
    pub resources: Vec<SnapshotResource>,
    /// Its models.
    pub models: Vec<Model>,
    /// Its authorizers.
    #[serde(default)]
    pub authorizers: Vec<Authorizer>,
    /// Its request validators.
    #[serde(default)]
    pub request_validators: Vec<RequestValidator>,
    /// The gateway responses that it customizes.
    #[serde(default)]
    pub gateway_responses: Vec<GatewayResponse>,
}

/// A resource in a snapshot, with its path spelled out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SnapshotResource {
    /// Its id.
    pub id: ResourceId,
    /// Its path, for example `/pets/{petId}`.
    pub path: String,
    /// Its methods.
    pub methods: Vec<Method>,
}
