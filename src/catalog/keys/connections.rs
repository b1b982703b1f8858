//! Where it is kept who speaks for the connections of a dead node.

use super::Key;
use crate::model::connection::Claims;

/// The claims of a node's connections: of its last starts that were claimed.
pub fn connection_claims(node: u64) -> Key<Claims> {
    Key::new(format!("connections/claims/{node}"))
}
