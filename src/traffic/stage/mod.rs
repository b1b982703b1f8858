//! Compiled stages: what a stage actor makes of a deployment, and where requests find it.

mod actor;
mod cache;
mod canary;
mod compiled;
mod directory;
mod keeper;
mod kept;
mod lasting;
mod names;
mod permissions;
mod router;
mod throttle;

#[cfg(test)]
mod fuzz;

use std::collections::HashMap;

pub use actor::Observed;
pub use cache::{CachePolicy, KeptAnswer, MAX_ENTRY};
pub use canary::Side;
pub use compiled::{
    BinaryTypes, BodyModel, CONNECT, Chosen, CompiledAuthorizer, CompiledAws, CompiledCall, CompiledGatewayResponse,
    CompiledHttp, CompiledIntegration, CompiledLambda, CompiledMethod, CompiledMock, CompiledResponse, CompiledRoute,
    CompiledStage, DISCONNECT, Deployed, GatewayResponses, Host, Mapped, MessageModels, Permissions, Required, Rights,
    Routes, Staged, TemplateChoice, Unmappable, accepted, media_type,
};
pub use directory::Directory;
pub use keeper::Keeper;
pub use kept::{Kept, Looked, Ticket, Weighed, key_of};
pub use names::{Names, Place, Served, first_segment};
pub use router::{Found, PathParameters, Router};
pub use throttle::Bucket;

/// A table by names that operators chose. Callers look things up in it and add nothing to it: its hash is fast, and need
/// not withstand anybody who looks for names that collide.
type Table<K, V> = HashMap<K, V, foldhash::fast::RandomState>;
