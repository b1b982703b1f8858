//! Where it is kept who speaks for the connections of a dead node.

use super::Key;
use crate::model::connection::Claim;

/// The claim of a node's connections: of its last start that was claimed.
pub fn connection_claim(node: u64) -> Key<Claim> {
    Key::new(format!("connections/claims/{node}"))
}
