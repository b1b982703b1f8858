//! A value of a body, as checks look at it.

use serde_json::Value as Json;

use crate::mapping::document::{Part, Shape};

/// A value, looked at once for all keywords of a schema.
pub(super) struct Value<'d> {
    pub(super) part: Part<'d>,
    pub(super) shape: Shape<'d>,
    /// An object's members in the order of their names.
    pub(super) members: Vec<Part<'d>>,
}

impl<'d> Value<'d> {
    pub(super) fn of(part: Part<'d>) -> Self {
        let shape = part.shape();
        let mut members = Vec::new();
        if matches!(shape, Shape::Object) {
            members.extend(part.children());
            members.sort_unstable_by_key(|member| member.name());
        }
        Self { part, shape, members }
    }

    /// Whether an object has this member.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.binary_search_by_key(&name, |member| member.name()).is_ok()
    }

    /// The names that an object lacks.
    pub(super) fn missing<'n>(&self, names: &'n [String]) -> Vec<&'n str> {
        names.iter().map(String::as_str).filter(|name| !self.has(name)).collect()
    }

    /// The value as the crate `jsonschema` wants it.
    pub(super) fn json(&self) -> Json {
        self.part.to_json()
    }

    /// How much more than one check a check of this value is.
    pub(super) fn weight(&self) -> u64 {
        let size = match self.shape {
            Shape::Text(text) => text.len() / 16,
            Shape::Array | Shape::Object => self.part.size(),
            Shape::Null | Shape::Bool | Shape::Number(_) => 0,
        };
        size as u64
    }
}
