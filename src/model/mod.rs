//! What an API *is*: plain data with serde, no clock, no socket, no async.
//!
//! The shapes here are what the catalog stores. They are not what a client sends or sees: the control planes
//! translate, so that AWS's spelling can follow AWS and the stored documents can follow us.

pub mod arn;
pub mod connection;
pub mod function;
pub mod http;
pub mod id;
pub mod rest;
