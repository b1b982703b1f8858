//! The Velocity Template Language, as API Gateway's mapping templates are written in it.
//!
//! A template is parsed once, when its stage is deployed, and rendered per request. The language is that of Apache
//! Velocity 1.7, whitespace and backslashes included, against which a corpus is compared; where API Gateway is known
//! to differ, it is as there:
//!
//! - What can't be resolved renders as nothing, and equals `null` and the empty text (data-plane reference, 12.2).
//! - `#set` to nothing makes the variable nothing, instead of leaving it as it was.
//! - `#include`, `#parse` and `#evaluate` are plain text.
//! - A macro's arguments are evaluated once, at the call.
//!
//! Nothing here can stop a node: steps, iterations, depth and output are bounded ([`Limits`]).

mod arithmetic;
mod containers;
mod directives;
mod evaluator;
mod expression;
mod methods;
mod number;
mod parser;
mod syntax;
mod text;
mod value;
mod writing;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

pub(super) use containers::FEW;
pub use containers::{Entries, Found, List, Map, Origin};
pub use value::{Object, Style, Value};
pub(super) use writing::write_json_text;

use syntax::{Block, Macro, Slot};

/// A template has at most so many bytes: AWS's limit.
pub const MAX_TEMPLATE: usize = 300 * 1024;
/// Directives, parentheses and strings are nested at most so deep.
const MAX_NESTING: usize = 100;

/// A template, parsed.
#[derive(Debug)]
pub struct Template {
    source: String,
    body: Block,
    macros: HashMap<String, Macro>,
    /// The variables' names, by their places.
    names: Vec<String>,
    /// Where `$foreach` is, if the template names it.
    foreach: Option<Slot>,
    /// Where `$velocityCount` is, if the template names it.
    velocity_count: Option<Slot>,
    /// How long an output became, for the room that the next one is given.
    room: AtomicUsize,
}

/// A value that stands in a template's text.
#[derive(Clone, Debug, PartialEq)]
enum Constant {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Arc<str>),
}

/// No text of a rendering grows beyond so many bytes, whatever [`Limits::output`] says.
pub const MAX_TEXT: usize = 16 * 1024 * 1024;

/// How much a rendering may do.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// References, iterations and calls that are evaluated, and as many more as texts have pieces of 256 bytes.
    pub steps: u64,
    /// Iterations of one `#foreach`: 1,000 at AWS.
    pub iterations: usize,
    /// Blocks and expressions in each other, through macros too.
    pub depth: usize,
    /// Bytes of the output, and of any text on the way to it.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 1_000_000, iterations: 1000, depth: 200, output: 10 * 1024 * 1024 }
    }
}

/// A step of a rendering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traced<'a> {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What was done.
    pub what: What,
    /// What came of it.
    pub value: &'a str,
}

/// What a step of a rendering does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A reference is shown.
    Shown,
    /// A variable is set.
    Set,
    /// A condition is asked.
    Condition,
    /// A `#foreach` takes its next item.
    Item,
}

/// Why a template can't be parsed or rendered, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub message: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {}, column {})", self.message, self.line, self.column)
    }
}

impl Error {
    /// An error at this byte of a text.
    fn at(source: &str, at: usize, message: impl Into<String>) -> Self {
        let before = &source.as_bytes()[..at.min(source.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        // Bytes that continue a character are not counted.
        let column = before[start..].iter().filter(|byte| **byte & 0xC0 != 0x80).count() + 1;
        Self { message: message.into(), line, column }
    }
}

impl Template {
    /// Parses a template.
    pub fn parse(source: &str) -> Result<Self, Error> {
        if source.len() > MAX_TEMPLATE {
            return Err(Error::at(source, 0, format!("a template has at most {MAX_TEMPLATE} bytes")));
        }
        parser::parse(source)
    }

    /// Renders the template with these variables.
    pub fn render(&self, variables: &[(&str, Value)], limits: &Limits) -> Result<String, Error> {
        self.render_with(|name| find(variables, name), limits)
    }

    /// Renders the template with variables that are made for it: each that it names is asked for, once.
    pub fn render_with(&self, variable: impl FnMut(&str) -> Option<Value>, limits: &Limits) -> Result<String, Error> {
        evaluator::render(self, variable, limits, None)
    }

    /// Renders the template with these variables, and tells `trace` of each step.
    pub fn render_traced(
        &self,
        variables: &[(&str, Value)],
        limits: &Limits,
        trace: &mut dyn FnMut(Traced<'_>),
    ) -> Result<String, Error> {
        let mut tell = |at: usize, what: What, value: &str| {
            let Error { line, column, .. } = Error::at(&self.source, at, "");
            trace(Traced { line, column, what, value });
        };
        evaluator::render(self, |name| find(variables, name), limits, Some(&mut tell))
    }
}

/// The variable of this name; of several the last.
fn find(variables: &[(&str, Value)], name: &str) -> Option<Value> {
    variables.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
