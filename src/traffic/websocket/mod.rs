//! WebSocket connections: who has them, and how they are reached from any node.
//!
//! A connection is an actor of the node that accepted it, and its id names that node. The [`Registry`] knows the
//! connections of its node; whoever has something for one holds a [`Line`](line::Line) to its actor. The [`Exchange`]
//! finds connections wherever they are, and [`Management`] answers those who call for them over HTTP;
//! [`Departures`] sees to it that the end of each is told, whatever becomes of its node.

mod attempts;
mod connection;
mod courier;
mod departures;
mod door;
mod exchange;
mod handshake;
mod here;
mod limits;
pub mod line;
mod lives;
mod management;
mod once;
mod places;
mod reach;
mod registry;
mod roll;
pub mod wire;

pub use departures::{Departures, Orphans};
pub use door::Door;
pub use exchange::Exchange;
pub use handshake::is_asked_for;
pub use limits::Limits;
pub use lives::Lives;
pub use management::{Callers, Management, Target};
pub use places::Places;
pub use registry::{Entrant, Presence, Registry};
