//! The languages of mapping: URIs with placeholders, parameter expressions, templates.
//!
//! Everything here is compiled when a stage is deployed; a request only evaluates.

pub mod document;
pub mod input;
pub mod jsonpath;
pub mod parameters;
pub mod query;
pub mod schema;
pub mod selection;
pub mod substitution;
pub mod template;
pub mod trial;
pub mod uri;
pub mod util;
pub mod vtl;

/// A regular expression of a template or a path, compiled, has at most so many bytes.
const PATTERN_SIZE: usize = 1 << 20;

#[cfg(test)]
mod fuzz;
