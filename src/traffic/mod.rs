//! How callers use an API: the data plane.
//!
//! A request enters by [`ingress`], goes through [`execute`] phase by phase over a compiled [`stage`], and leaves to
//! an [`integration`]; an [`authorizer`] says whether its caller may pass. Nothing here knows the control plane: they meet
//! in the catalog.

pub mod ingress;

pub mod websocket;

pub mod execute;

pub mod stage;
pub mod usage;

pub mod authorizer;
pub mod integration;

pub mod message;

pub mod ids;
