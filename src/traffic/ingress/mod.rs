//! How requests come in: from the server's types to ours, and back.

mod framing;
pub mod guard;
pub mod listener;
