//! What leases need of the world around them, so that tests can be a world of their own.

use super::calendar::Reading;
use super::opening::Heard;
use crate::catalog::{self, Documents, Edit};
use crate::model::id::{ApiKeyId, UsagePlanId};

/// Where leases are written down, and the other nodes that have some.
pub(super) trait Books {
    /// This node's number.
    fn node(&self) -> u64;

    /// How many nodes there are.
    fn nodes(&self) -> u64;

    /// A number that this node has given to nothing else.
    fn number(&self) -> u64;

    /// Reads, all as of one commit.
    fn read<T>(&self, look: impl FnOnce(&Documents<'_>) -> T) -> T;

    /// Waits until reads see everything that was committed before, on any node.
    async fn fresh(&self) -> Result<(), catalog::Error>;

    /// Makes all of an edit's changes, or none.
    async fn commit(&self, edit: Edit) -> Result<u64, catalog::Error>;

    /// Asks all other nodes to give back what they can spare of these keys' tokens; whether one did.
    async fn recall(&self, plan: &UsagePlanId, keys: &[&ApiKeyId]) -> bool;

    /// Asks all other nodes for the time, and how far it is ahead of what was read of this node's clock.
    async fn ask_clocks(&self, reading: Reading) -> Heard;
}
