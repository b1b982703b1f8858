//! A deployment: an API as it was at one moment, never changed afterwards.

use serde::{Deserialize, Serialize};

use super::{Api, Authorizer, Integration, IntegrationResponse, Model, Route, RouteResponse};
use crate::model::id::DeploymentId;

/// A deployment's card; what it holds is its [`Snapshot`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// Whether a stage that deploys by itself made it.
    pub auto_deployed: bool,
}

/// Everything that a stage needs to serve an API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The API itself.
    pub api: Api,
    /// Its routes.
    pub routes: Vec<SnapshotRoute>,
    /// Its integrations.
    pub integrations: Vec<SnapshotIntegration>,
    /// Its authorizers.
    pub authorizers: Vec<Authorizer>,
    /// Its models.
    pub models: Vec<Model>,
}

/// A route in a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SnapshotRoute {
    /// The route.
    pub route: Route,
    /// That its messages are answered.
    pub responses: Vec<RouteResponse>,
}

/// An integration in a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SnapshotIntegration {
    /// The integration.
    pub integration: Integration,
    /// How its answers are mapped.
    pub responses: Vec<IntegrationResponse>,
}
