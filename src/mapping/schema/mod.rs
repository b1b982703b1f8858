//! Models as schemas: JSON Schema of draft 4, compiled when a stage is deployed, and what is wrong with a body.
//!
//! AWS runs Java's json-schema-validator (`com.github.fge`, 2.2), and callers see its words in
//! `$context.error.validationErrorString`, so both the words and the walk are its own:
//!
//! - Of a value, first all keywords of its schema are checked that apply to its type, in the order of their names, and
//!   then the values in it. Nobody descends any more once something was found: a body that lacks a property is not
//!   told what is wrong inside of the others.
//! - What is wrong inside of `allOf`, `anyOf`, `oneOf` and `not` is counted, not told.
//! - A number that is written with a point or an exponent is never an integer: `1.0` is none.
//! - A `format` that nobody knows is told, but only beside something that is wrong.
//! - The same finding is told once, and the order is that of a Java `HashSet`, as in all answers that were recorded
//!   (`words::in_a_hash_set`).
//!
//! Nothing here can stop a node: what a body may cost is bounded, whatever the schema says, and nothing is fetched.

mod budget;
mod compile;
mod format;
mod keywords;
mod node;
mod rule;
mod value;
mod walk;
mod words;

use budget::{Budget, Exhausted};
use node::Node;
use words::Report;

use super::document::Document;

/// A body has at most so many findings; the others are not looked for.
const MAX_FINDINGS: usize = 20;
/// Nothing more is looked for either once so much was wrong, however often it was the same.
const MAX_REPETITIONS: usize = 1000;
/// A finding has at most so many bytes.
const MAX_FINDING: usize = 4096;
/// Schemas apply to values in each other at most so deep; a body is at most 128 levels deep itself.
const MAX_DEPTH: usize = 400;
/// A `$ref` leads to a schema over at most so many others.
const MAX_REFERENCES: usize = 100;
/// Checks of any body, and of each byte of it: a check is one schema applied to one value, and counts for more if
/// the value has much in it.
const CHECKS: u64 = 1_000_000;
const CHECKS_PER_BYTE: u64 = 20;
/// A pattern that can't be matched in linear time goes back at most so often, which counts for as many checks if it
/// does so more than a few times.
const BACKTRACKING: usize = 100_000;
const QUICK_BACKTRACKING: usize = 1000;

/// AWS's words for a body that is no JSON, and ours for one that costs too much to judge.
const UNKNOWN: &str = "Unknown error parsing request body";

/// A model of an API, ready to check bodies.
#[derive(Debug)]
pub struct Schema {
    /// All schemas in the model and in those that it refers to; the first is the model's own.
    nodes: Vec<Node>,
}

/// Why a model can't be used to check bodies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no model of this name.
    #[error("there is no model {0}")]
    NoModel(String),
    /// Its schema is not JSON.
    #[error("the schema of model {0} is not JSON")]
    NotJson(String),
    /// Its schema, or one that it refers to, is not one of draft 4.
    #[error("the schema of model {model} is no JSON Schema of draft 4, at {place:?}")]
    NotDraft4 {
        /// The model.
        model: String,
        /// Where in the schema; a model that it refers to is under `/definitions`.
        place: String,
    },
    /// A `$ref` leads nowhere.
    #[error("the reference {0} can't be resolved")]
    Reference(String),
    /// References lead only to references.
    #[error("the reference {0} leads through more than {MAX_REFERENCES} others")]
    References(String),
    /// A keyword's value can't be used: a pattern that is no regular expression, or is too large.
    #[error("the value of {keyword} can't be used: {value}")]
    Keyword {
        /// The keyword.
        keyword: &'static str,
        /// Its value.
        value: String,
    },
}

impl Schema {
    /// Compiles the model `name`. `models` has the schema of each model of the API by its name, of which those are
    /// asked for that `name` needs.
    pub fn compile(name: &str, models: &impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        Ok(Self { nodes: compile::compile(name, models)? })
    }

    /// What is wrong with a body, in AWS's words and order; nothing if it fits.
    pub fn problems(&self, body: &[u8]) -> Vec<String> {
        self.problems_of(Document::read(body).as_ref())
    }

    /// The same for a body that was read; nothing was, if it is no JSON.
    pub fn problems_of(&self, body: Option<&Document>) -> Vec<String> {
        let Some(body) = body else { return vec![UNKNOWN.to_owned()] };
        let budget = Budget(CHECKS + CHECKS_PER_BYTE * body.written().len() as u64);
        let mut report = Report::speaking();
        match walk::check(&self.nodes, body.root(), budget, &mut report) {
            Ok(()) => report.into_findings(),
            Err(Exhausted) => vec![UNKNOWN.to_owned()],
        }
    }
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
