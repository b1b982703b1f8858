//! APIs as OpenAPI documents, in and out: Swagger 2.0 and OpenAPI 3.0, JSON and YAML, with API Gateway's extensions.
//!
//! An import reads a document into a description, complete with all that is wrong with it, before anything
//! is decided; an export writes what a deployment holds; a page shows an export to people.

pub mod export;
pub(in crate::control) mod extensions;
pub(in crate::control) mod import;
pub mod page;
