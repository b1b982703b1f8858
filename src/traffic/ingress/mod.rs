//! How requests come in: from the server's types to ours, and back.

pub mod listener;
