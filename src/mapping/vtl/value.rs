//! Values of a rendering: Java's, as far as templates can tell.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use super::MAX_TEXT;
use super::containers::{List, Map};
use super::syntax::Block;
use super::writing::Writing;
use crate::mapping::jsonpath::Path;

/// A value. Lists and maps are shared: who changes one changes it for all.
#[derive(Clone)]
pub enum Value {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// A text.
    Text(Arc<str>),
    /// A list.
    List(List),
    /// A map, in the order of its first writes.
    Map(Map),
    /// Something of the host's.
    Object(Rc<dyn Object>),
    /// A block of `#define`.
    Block(Defined),
}

/// A block of `#define`, rendered where it is shown.
#[derive(Clone)]
pub struct Defined(pub(super) Arc<Block>);

/// Something of the host's, such as `$input`.
pub trait Object {
    /// A property.
    fn property(&self, name: &str) -> Value;

    /// Writes the text of a property behind `out`, which spares a value; says whether it did.
    fn write_property(&self, name: &str, out: &mut String) -> bool {
        let _ = (name, out);
        false
    }

    /// Sets a property, if it has any that can be set.
    fn set(&self, name: &str, value: Value) {
        let _ = (name, value);
    }

    /// Calls a method; there may be none of this name, and its arguments may be wrong.
    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String>;

    /// Calls a method and writes the text that it gives behind `out`, as [`call`](Self::call) and showing its result
    /// would. Nothing for methods that are not written so.
    fn write_call(&self, name: &str, arguments: &[Value], out: &mut String) -> Option<Result<(), String>> {
        let _ = (name, arguments, out);
        None
    }

    /// Calls a method with a JSONPath that stands in the template as its one argument, and was read with it. Nothing
    /// for methods that take no path: they are called with its text.
    fn find(&self, name: &str, path: &Path) -> Option<Value> {
        let _ = (name, path);
        None
    }

    /// Writes what [`find`](Self::find) finds behind `out`, and says whether it did.
    fn write_found(&self, name: &str, path: &Path, out: &mut String) -> bool {
        let _ = (name, path, out);
        false
    }

    /// How many bytes a call of this method looks at, about: it is counted in steps.
    fn cost(&self, name: &str) -> usize {
        let _ = name;
        0
    }

    /// The values in it that a template gave it, or can change.
    fn held(&self) -> Vec<Value> {
        Vec::new()
    }

    /// How it renders.
    fn text(&self) -> String;

    /// How it renders inside of so many other values, where no more than about `until` bytes are of use.
    fn text_within(&self, depth: usize, until: usize) -> String {
        let _ = (depth, until);
        self.text()
    }
}

/// How a list or a map renders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// `[a, b]`, `{k=v}`
    #[default]
    Java,
    /// Lists as JSON, maps as Java's: values from a JSON body (data-plane reference, 12.3).
    Json,
    /// As nothing: the maps in `$context`.
    Silent,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

/// A value of a JSON text: its lists render as JSON.
impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(flag) => Self::Bool(*flag),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(whole) => Self::Int(whole),
                None => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Self::Text(text.as_str().into()),
            serde_json::Value::Array(items) => {
                Self::List(List::new(items.iter().map(Self::from).collect(), Style::Json))
            }
            serde_json::Value::Object(members) => {
                let entries = members.iter().map(|(key, value)| (key.as_str().into(), Self::from(value)));
                Self::Map(Map::new(entries, Style::Json))
            }
        }
    }
}

impl Value {
    /// A list of these.
    pub fn list(items: Vec<Value>, style: Style) -> Self {
        Self::List(List::new(items, style))
    }

    /// Whether it is nothing, or as good as nothing: API Gateway makes no difference to the empty text.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::Bool(_)
            | Self::Int(_)
            | Self::Double(_)
            | Self::List(_)
            | Self::Map(_)
            | Self::Object(_)
            | Self::Block(_) => false,
        }
    }

    /// Whether `#if` takes it for true: everything that is, and is not `false`.
    pub(super) fn is_true(&self) -> bool {
        !matches!(self, Self::Null | Self::Bool(false))
    }

    /// The value as a text. Blocks need the rendering, and have none here.
    pub fn text(&self) -> Arc<str> {
        match self {
            Self::Text(text) => text.clone(),
            other => {
                let mut out = String::new();
                other.write(&mut out);
                out.into()
            }
        }
    }

    /// The value as a text, borrowed where it is one.
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            other => {
                let mut out = String::new();
                other.write(&mut out);
                Cow::Owned(out)
            }
        }
    }

    /// Whether other values are in it.
    pub(super) fn is_container(&self) -> bool {
        matches!(self, Self::List(_) | Self::Map(_))
    }

    /// Whether it is this list or map, or holds it. Looks at `budget` values, and can't say if there are more.
    pub(super) fn holds(&self, holder: &Value, budget: &mut u64) -> Option<bool> {
        let mut pending = vec![self.clone()];
        while let Some(value) = pending.pop() {
            let held: Vec<Value> = match (&value, holder) {
                (Self::List(list), Self::List(holder)) if list.is(holder) => return Some(true),
                (Self::Map(map), Self::Map(holder)) if map.is(holder) => return Some(true),
                (Self::List(list), _) => list.held(),
                (Self::Map(map), _) => map.held(),
                (Self::Object(object), _) => object.held(),
                _ => Vec::new(),
            };
            *budget = budget.checked_sub(1 + held.len() as u64)?;
            pending.extend(held.into_iter().filter(|value| value.is_container() || matches!(value, Self::Object(_))));
        }
        Some(false)
    }

    /// Renders the value.
    pub fn write(&self, out: &mut String) {
        self.write_within(out, 0, MAX_TEXT);
    }

    /// Renders the value inside of so many others, and little more once `out` has more bytes than `until`.
    pub(super) fn write_within(&self, out: &mut String, depth: usize, until: usize) {
        Writing { out, until: until.min(MAX_TEXT) }.java(self, depth);
    }

    /// The value's text, which ends somewhere behind so many bytes if it is longer.
    pub(super) fn beginning(&self, bytes: usize) -> Arc<str> {
        match self {
            Self::Text(text) => text.clone(),
            other => {
                let mut out = String::new();
                Writing { out: &mut out, until: bytes }.java(other, 0);
                out.into()
            }
        }
    }
}
