//! What a schema says, in the shape that checks need.

use serde_json::{Number, Value};

use super::format::Format;
use super::rule::{Pattern, Rule};
use crate::mapping::document::Shape;

/// A schema's place among the compiled ones.
pub(super) type Id = usize;

/// One schema.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// What the value itself must be, in the order of the keywords' names; a known `format` is the last.
    pub(super) keywords: Vec<Keyword>,
    /// A `format` that nobody knows.
    pub(super) unknown_format: Option<String>,
    /// The schemas of properties, in the order of their names.
    pub(super) properties: Vec<(String, Id)>,
    /// The schemas of properties whose names match.
    pub(super) pattern_properties: Vec<(Pattern, Id)>,
    /// The schema of all other properties.
    pub(super) other_properties: Option<Id>,
    /// The schemas of an array's items.
    pub(super) items: Items,
    /// The schema of items that `items` says nothing of.
    pub(super) other_items: Option<Id>,
}

/// The schemas of an array's items.
#[derive(Debug, Default)]
pub(super) enum Items {
    /// There are none.
    #[default]
    Unsaid,
    /// One for each item.
    Each(Id),
    /// One for the first, one for the second and so on.
    Listed(Vec<Id>),
}

/// A keyword, and what it asks for. Each is named as in schemas where that says it all.
#[derive(Debug)]
pub(super) enum Keyword {
    /// `additionalItems` is false, and `items` lists so many.
    NoOtherItems(usize),
    /// `additionalProperties` is false.
    NoOtherProperties,
    AllOf(Vec<Id>),
    AnyOf(Vec<Id>),
    /// By property, the other properties that it needs, and the schemas that it brings.
    Dependencies {
        properties: Vec<(String, Vec<String>)>,
        schemas: Vec<(String, Id)>,
    },
    /// The values, for the words.
    Enum(Value, Rule),
    MaxItems(u64),
    MaxLength(u64),
    MaxProperties(u64),
    Maximum(Bound),
    MinItems(u64),
    MinLength(u64),
    MinProperties(u64),
    Minimum(Bound),
    MultipleOf(Number, Rule),
    Not(Id),
    OneOf(Vec<Id>),
    Pattern(String, Pattern),
    /// In the order of the names.
    Required(Vec<String>),
    Type(Types),
    UniqueItems(Rule),
    Format(Format),
}

/// A limit of a number.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) limit: Number,
    /// Whether the limit itself is too much.
    pub(super) exclusive: bool,
}

/// The primitive types, in the order in which the validator names them.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// A primitive type, by its place in [`TYPES`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Type {
    Array,
    Boolean,
    Integer,
    Null,
    Number,
    Object,
    String,
}

/// A set of primitive types: a bit for each of [`TYPES`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Types(u8);

impl Types {
    /// The value of `type`: a name, or several.
    pub(super) fn read(value: &Value) -> Self {
        match value {
            Value::Array(names) => Self(names.iter().fold(0, |set, name| set | Self::read(name).0)),
            // Each integer is a number, which the validator says when it lists what is allowed.
            Value::String(name) if name == "number" => Self(Self::of("number").0 | Self::of("integer").0),
            Value::String(name) => Self::of(name),
            _ => Self::default(),
        }
    }

    fn of(name: &str) -> Self {
        Self(TYPES.iter().position(|known| *known == name).map_or(0, |at| 1 << at))
    }

    pub(super) fn contain(self, kind: Type) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    pub(super) fn names(self) -> Vec<&'static str> {
        let known = TYPES.iter().enumerate();
        known.filter(|(at, _)| self.0 & (1 << at) != 0).map(|(_, name)| *name).collect()
    }
}

impl Type {
    /// The type of a value.
    pub(super) fn of(shape: &Shape<'_>) -> Self {
        match shape {
            Shape::Null => Self::Null,
            Shape::Bool => Self::Boolean,
            Shape::Number(number) if is_integer(number) => Self::Integer,
            Shape::Number(_) => Self::Number,
            Shape::Text(_) => Self::String,
            Shape::Array => Self::Array,
            Shape::Object => Self::Object,
        }
    }

    pub(super) fn name(self) -> &'static str {
        TYPES[self as usize]
    }
}

/// Whether a number was written without a point and an exponent. Of one that is too large for 64 bits that is no
/// longer known, and it is taken for what it is more often.
fn is_integer(number: &Number) -> bool {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    !number.is_f64() || number.as_f64().is_some_and(|value| value.abs() >= TWO_TO_63)
}
