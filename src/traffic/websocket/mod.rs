//! WebSocket connections: who has them, and how they are reached from any node.
//!
//! A connection is an actor of the node that accepted it, and its id names that node. The [`Registry`] knows the
//! connections of its node; whoever has something for one holds a [`Line`] to its actor.

pub mod line;
#[allow(dead_code, reason = "calls from outside, which come next, need all of it")]
mod registry;
#[allow(dead_code, reason = "calls from outside, which come next, need all of it")]
mod roll;
pub mod wire;

pub use registry::{Entrant, Presence, Registry};
