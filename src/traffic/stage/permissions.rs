//! What the authorizers of a stage said, kept while the stage is compiled anew: until there is another deployment, the
//! authorizer or its function is another, or somebody flushes it.

use std::sync::Arc;

use super::compiled::{CompiledAuthorizer, Permissions};
use crate::model::id::DeploymentId;
use crate::model::rest::Authorizer;

/// What the authorizer of a stage said takes at most so many bytes on a node.
const SIZE: u64 = 16 * 1024 * 1024;

/// All that a stage's authorizers said.
#[derive(Default)]
pub(super) struct Lasting {
    known: Vec<Known>,
    flushes: u64,
}

struct Known {
    deployment: DeploymentId,
    authorizer: Authorizer,
    /// The name of the function, which the authorizer alone does not give: a stage's variables are in it.
    function: Option<String>,
    permissions: Arc<Permissions>,
    is_used: bool,
}

impl Lasting {
    /// Begins a compilation: until its end nobody uses anything.
    pub(super) fn prepare(&mut self, flushes: u64) {
        self.flush(flushes);
        self.known.iter_mut().for_each(|known| known.is_used = false);
    }

    /// Where what an authorizer of a deployment says is kept.
    pub(super) fn of(&mut self, deployment: &DeploymentId, authorizer: &CompiledAuthorizer) -> Arc<Permissions> {
        let function = authorizer.function.as_ref().ok().map(|function| function.name.clone());
        let is_same = |known: &&mut Known| {
            known.deployment == *deployment && known.authorizer == authorizer.model && known.function == function
        };
        if let Some(known) = self.known.iter_mut().find(is_same) {
            known.is_used = true;
            return Arc::clone(&known.permissions);
        }
        let permissions = Arc::new(Permissions::new(SIZE, self.flushes));
        self.known.push(Known {
            deployment: deployment.clone(),
            authorizer: authorizer.model.clone(),
            function,
            permissions: Arc::clone(&permissions),
            is_used: true,
        });
        permissions
    }

    /// Forgets what the compiled stage has no use for.
    pub(super) fn tidy(&mut self) {
        self.known.retain(|known| known.is_used);
    }

    /// Drops what was kept until this flush.
    pub(super) fn flush(&mut self, flushes: u64) {
        self.flushes = flushes;
        self.known.iter().for_each(|known| known.permissions.flush(flushes));
    }
}
