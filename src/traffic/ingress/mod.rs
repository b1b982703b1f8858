//! How requests come in: from host and path to an API and a stage, and from the server's types to ours.

pub mod address;
pub mod listener;
