//! The nouns of V2's APIs, a file each: WebSocket APIs now, HTTP APIs where they share them.

mod api;
mod authorizer;
mod deployment;
mod integration;
mod model;
mod route;
mod stage;

pub use api::{Api, Protocol};
pub use authorizer::Authorizer;
pub use deployment::{Deployment, Snapshot, SnapshotIntegration, SnapshotRoute};
pub use integration::{Integration, IntegrationResponse};
pub use model::Model;
pub use route::{AuthorizationType, Route, RouteResponse};
pub use stage::{LoggingLevel, RouteSettings, Stage};
