//! Compiled stages: what a stage actor makes of a deployment, and where requests find it.

mod actor;
mod cache;
mod canary;
mod compiled;
mod directory;
mod keeper;
mod lasting;
mod names;
mod router;
mod throttle;

#[cfg(test)]
mod fuzz;

pub use actor::Observed;
pub use cache::{CachePolicy, Looked, MAX_ENTRY, Ticket};
pub use canary::Side;
pub use compiled::{
    BinaryTypes, BodyModel, Chosen, CompiledAws, CompiledCall, CompiledGatewayResponse, CompiledHttp,
    CompiledIntegration, CompiledMethod, CompiledMock, CompiledResponse, CompiledStage, Deployed, GatewayResponses,
    Host, Mapped, Required, Rights, Staged, TemplateChoice, Unmappable, accepted, media_type,
};
pub use directory::Directory;
pub use keeper::Keeper;
pub use names::{Names, Place, Served, first_segment};
pub use router::{Found, PathParameters, Router};
pub use throttle::Bucket;
