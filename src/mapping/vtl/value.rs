//! Values of a rendering: Java's, as far as templates can tell.

use std::cell::{Ref, RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;

use super::MAX_TEXT;
use super::syntax::Block;
use super::writing::Writing;

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

    /// Sets a property, if it has any that can be set.
    fn set(&self, name: &str, value: Value) {
        let _ = (name, value);
    }

    /// Calls a method; there may be none of this name, and its arguments may be wrong.
    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String>;

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

/// A list.
#[derive(Clone, Default)]
pub struct List {
    items: Rc<RefCell<Vec<Value>>>,
    pub(super) style: Style,
}

/// A map.
#[derive(Clone, Default)]
pub struct Map {
    entries: Rc<RefCell<IndexMap<Arc<str>, Value>>>,
    pub(super) style: Style,
}

impl List {
    /// A list of these.
    pub fn new(items: Vec<Value>, style: Style) -> Self {
        Self { items: Rc::new(RefCell::new(items)), style }
    }

    /// The items.
    pub fn items(&self) -> Ref<'_, Vec<Value>> {
        self.items.borrow()
    }

    pub(super) fn items_mut(&self) -> RefMut<'_, Vec<Value>> {
        self.items.borrow_mut()
    }
}

impl Map {
    /// A map of these.
    pub fn new(entries: impl IntoIterator<Item = (Arc<str>, Value)>, style: Style) -> Self {
        Self { entries: Rc::new(RefCell::new(entries.into_iter().collect())), style }
    }

    /// The entries.
    pub fn entries(&self) -> Ref<'_, IndexMap<Arc<str>, Value>> {
        self.entries.borrow()
    }

    /// The value of a key, or nothing.
    pub fn get(&self, key: &str) -> Value {
        self.entries.borrow().get(key).cloned().unwrap_or(Value::Null)
    }

    /// Writes an entry; gives what was there before.
    pub fn put(&self, key: Arc<str>, value: Value) -> Value {
        self.entries.borrow_mut().insert(key, value).unwrap_or(Value::Null)
    }

    pub(super) fn entries_mut(&self) -> RefMut<'_, IndexMap<Arc<str>, Value>> {
        self.entries.borrow_mut()
    }
}

thread_local! {
    /// What is in lists and maps that are gone, and whether it is being taken apart.
    static GONE: RefCell<(Vec<Value>, bool)> = const { RefCell::new((Vec::new(), false)) };
}

/// Takes values apart one after the other: those that are nested as deep as a template likes would otherwise be taken
/// apart in as many calls in each other.
fn dismantle(values: impl Iterator<Item = Value>) {
    let mut nesting =
        values.filter(|value| matches!(value, Value::List(_) | Value::Map(_) | Value::Object(_))).peekable();
    if nesting.peek().is_none() {
        return;
    }
    // A thread that ends has no such place any more; what is left then is taken apart as usual.
    let first = GONE.try_with(|gone| {
        let mut gone = gone.borrow_mut();
        gone.0.extend(&mut nesting);
        !std::mem::replace(&mut gone.1, true)
    });
    if first != Ok(true) {
        return;
    }
    while let Ok(Some(value)) = GONE.try_with(|gone| {
        let mut gone = gone.borrow_mut();
        let next = gone.0.pop();
        gone.1 = next.is_some();
        next
    }) {
        drop(value);
    }
}

impl Drop for List {
    fn drop(&mut self) {
        if let Some(items) = Rc::get_mut(&mut self.items) {
            dismantle(std::mem::take(items.get_mut()).into_iter());
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if let Some(entries) = Rc::get_mut(&mut self.entries) {
            dismantle(std::mem::take(entries.get_mut()).into_values());
        }
    }
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

    /// Whether other values are in it.
    pub(super) fn is_container(&self) -> bool {
        matches!(self, Self::List(_) | Self::Map(_))
    }

    /// Whether it is this list or map, or holds it. Looks at `budget` values, and can't say if there are more.
    pub(super) fn holds(&self, holder: &Value, budget: &mut u64) -> Option<bool> {
        let mut pending = vec![self.clone()];
        while let Some(value) = pending.pop() {
            let held: Vec<Value> = match (&value, holder) {
                (Self::List(list), Self::List(holder)) if Rc::ptr_eq(&list.items, &holder.items) => return Some(true),
                (Self::Map(map), Self::Map(holder)) if Rc::ptr_eq(&map.entries, &holder.entries) => return Some(true),
                (Self::List(list), _) => list.items().clone(),
                (Self::Map(map), _) => map.entries().values().cloned().collect(),
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
        Writing { out, until: MAX_TEXT }.java(self, 0);
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
