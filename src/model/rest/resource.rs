//! A resource: one segment in the tree of an API's paths.

use serde::{Deserialize, Serialize};

use crate::model::id::ResourceId;

/// A resource. Its full path is not stored: it follows from its ancestors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Its id.
    pub id: ResourceId,
    /// The resource above; the root has none.
    pub parent: Option<ResourceId>,
    /// Its segment, for example `pets`, `{petId}` or `{proxy+}`; the root's is empty.
    pub path_part: String,
}

/// What a path part matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathPart<'a> {
    /// This very segment.
    Literal(&'a str),
    /// Any one segment, under a name.
    Variable(&'a str),
    /// All the rest, at least one segment, under a name.
    Greedy(&'a str),
}

impl<'a> PathPart<'a> {
    /// Reads a path part; what is not wholly in braces is literal.
    pub fn parse(text: &'a str) -> Self {
        match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(inner) => match inner.strip_suffix('+') {
                Some(name) => Self::Greedy(name),
                None => Self::Variable(inner),
            },
            None => Self::Literal(text),
        }
    }

    /// Whether it takes more than one text.
    pub fn is_variable(self) -> bool {
        !matches!(self, Self::Literal(_))
    }
}
