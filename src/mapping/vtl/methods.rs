//! Properties, keys and methods of values: those of Java's strings, lists, maps and numbers that templates use.

use std::sync::Arc;

use super::containers::{List, Map, dismantle};
use super::value::{Object, Style, Value};
use super::{MAX_TEXT, arithmetic, text};

/// A list grows to at most so many items.
pub(super) const MAX_ITEMS: usize = 1_000_000;

/// `value.name`
pub(super) fn property(value: &Value, name: &str) -> Value {
    match value {
        Value::Map(map) => map.get(name),
        Value::Object(object) => object.property(name),
        Value::Text(text) if name == "empty" => Value::Bool(text.is_empty()),
        Value::List(list) if name == "empty" => Value::Bool(list.items().is_empty()),
        _ => Value::Null,
    }
}

/// `value[index]`. A list's end is an error, as Java's is; negative numbers count from there.
pub(super) fn index(value: &Value, index: &Value) -> Result<Value, String> {
    match (value, index) {
        (Value::List(list), Value::Int(at)) => {
            let items = list.items();
            place(*at, items.len()).map(|at| items[at].clone())
        }
        (Value::Map(map), key) => Ok(map.get(&key.to_text())),
        (Value::Object(object), key) => Ok(object.property(&key.to_text())),
        _ => Ok(Value::Null),
    }
}

fn place(at: i64, length: usize) -> Result<usize, String> {
    let wanted = if at < 0 { at + length as i64 } else { at };
    let found = usize::try_from(wanted).ok().filter(|wanted| *wanted < length);
    found.ok_or_else(|| format!("index {at} is out of bounds for length {length}"))
}

/// `#set` of a property or key.
pub(super) fn set(holder: &Value, key: &Value, value: Value) -> Result<(), String> {
    match (holder, key) {
        (Value::Map(map), key) => {
            map.put(key.text(), value);
        }
        (Value::Object(object), key) => object.set(&key.to_text(), value),
        (Value::List(list), Value::Int(at)) => {
            let length = list.items().len();
            let at = place(*at, length)?;
            list.items_mut()[at] = value;
        }
        _ => {}
    }
    Ok(())
}

/// `value.name(arguments)`. A method that there isn't gives nothing; a text may grow to `limit` bytes.
pub(super) fn call(value: &Value, name: &str, arguments: &[Value], limit: usize) -> Result<Value, String> {
    match (value, name, arguments) {
        (Value::Null, ..) => Ok(Value::Null),
        (_, "toString", []) => Ok(Value::Text(value.text())),
        (Value::Object(object), ..) => object.call(name, arguments),
        (_, "equals", [other]) => Ok(Value::Bool(same(value, other))),
        (Value::Text(receiver), ..) => text::call(receiver, name, arguments, limit),
        (Value::List(list), ..) => call_list(list, name, arguments),
        (Value::Map(map), ..) => Ok(call_map(map, name, arguments)),
        (Value::Int(_) | Value::Double(_), ..) => Ok(call_number(value, name, arguments)),
        (Value::Bool(flag), "booleanValue", []) => Ok(Value::Bool(*flag)),
        (Value::Bool(_) | Value::Block(_), ..) => Ok(Value::Null),
    }
}

/// Whether a method compares what it is given with what there is.
pub(super) fn compares(name: &str) -> bool {
    matches!(name, "equals" | "contains" | "indexOf" | "remove" | "containsValue" | "containsKey" | "get")
}

/// How many items a call copies from one list or map to another.
pub(super) fn copied(receiver: &Value, name: &str, arguments: &[Value]) -> usize {
    match (receiver, name, arguments) {
        (Value::Map(map), "keySet" | "values" | "entrySet", []) => map.size(),
        (Value::Map(_), "putAll", [Value::Map(others)]) => others.size(),
        (Value::List(_), "addAll", [Value::List(others)]) => others.size(),
        _ => 0,
    }
}

/// The values that a call puts into the list or map that it is made on.
pub(super) fn inserted(receiver: &Value, name: &str, arguments: &[Value]) -> Vec<Value> {
    match (name, arguments) {
        _ if !receiver.is_container() => Vec::new(),
        ("put" | "add" | "set", [.., value]) => vec![value.clone()],
        ("addAll", [Value::List(list)]) => list.items().clone(),
        ("putAll", [Value::Map(map)]) => map.entries().values().cloned().collect(),
        _ => Vec::new(),
    }
}

/// Java's `equals`: of one kind and content.
fn same(value: &Value, other: &Value) -> bool {
    match (value, other) {
        (Value::Text(_), Value::Text(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Int(_), Value::Int(_))
        | (Value::Double(_), Value::Double(_)) => arithmetic::equal(value, other),
        (Value::List(_), Value::List(_)) | (Value::Map(_), Value::Map(_)) => arithmetic::equal(value, other),
        _ => false,
    }
}

fn call_list(list: &List, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let position = |value: &Value| list.items().iter().position(|item| same(item, value));
    Ok(match (name, arguments) {
        ("size", []) => Value::Int(list.items().len() as i64),
        ("isEmpty", []) => Value::Bool(list.items().is_empty()),
        ("get", [Value::Int(at)]) => {
            let items = list.items();
            let at = usize::try_from(*at).ok().filter(|at| *at < items.len());
            items[at.ok_or_else(|| format!("the index is out of bounds for length {}", items.len()))?].clone()
        }
        ("add", [value]) => {
            list.items_mut().push(value.clone());
            Value::Bool(true)
        }
        ("add", [Value::Int(at), value]) => {
            let length = list.items().len();
            let at = usize::try_from(*at).ok().filter(|at| *at <= length);
            list.items_mut().insert(at.ok_or_else(|| out_of_bounds(length))?, value.clone());
            Value::Null
        }
        ("addAll", [Value::List(others)]) => {
            let others = others.items().clone();
            if list.items().len() + others.len() > MAX_ITEMS {
                return Err(format!("a list has more than {MAX_ITEMS} items"));
            }
            list.items_mut().extend(others.iter().cloned());
            Value::Bool(!others.is_empty())
        }
        ("set", [Value::Int(at), value]) => {
            let length = list.items().len();
            let at = usize::try_from(*at).ok().filter(|at| *at < length).ok_or_else(|| out_of_bounds(length))?;
            std::mem::replace(&mut list.items_mut()[at], value.clone())
        }
        ("remove", [Value::Int(at)]) => {
            let length = list.items().len();
            let at = usize::try_from(*at).ok().filter(|at| *at < length).ok_or_else(|| out_of_bounds(length))?;
            list.items_mut().remove(at)
        }
        ("remove", [value]) => match position(value) {
            Some(at) => {
                list.items_mut().remove(at);
                Value::Bool(true)
            }
            None => Value::Bool(false),
        },
        ("clear", []) => {
            list.items_mut().clear();
            Value::Null
        }
        ("contains", [value]) => Value::Bool(position(value).is_some()),
        ("indexOf", [value]) => Value::Int(position(value).map_or(-1, |at| at as i64)),
        _ => Value::Null,
    })
}

fn out_of_bounds(length: usize) -> String {
    format!("the index is out of bounds for length {length}")
}

fn call_map(map: &Map, name: &str, arguments: &[Value]) -> Value {
    match (name, arguments) {
        ("size", []) => Value::Int(map.entries().len() as i64),
        ("isEmpty", []) => Value::Bool(map.entries().is_empty()),
        ("get", [key]) => map.get(&key.to_text()),
        ("getOrDefault", [key, default]) => match map.get(&key.to_text()) {
            Value::Null => default.clone(),
            found => found,
        },
        ("put", [key, value]) => map.put(key.text(), value.clone()),
        ("putAll", [Value::Map(others)]) => {
            let others = others.entries().clone();
            map.entries_mut().extend(others);
            Value::Null
        }
        ("remove", [key]) => {
            // The key may be this very map.
            let key = key.to_text();
            map.entries_mut().shift_remove(&*key).unwrap_or(Value::Null)
        }
        ("clear", []) => {
            map.entries_mut().clear();
            Value::Null
        }
        ("containsKey", [key]) => Value::Bool(map.entries().contains_key(&*key.to_text())),
        ("containsValue", [value]) => Value::Bool(map.entries().values().any(|known| same(known, value))),
        ("keySet", []) => Value::List(List::new(map.keys(), Style::Java)),
        ("values", []) => Value::List(List::new(map.entries().values().cloned().collect(), Style::Java)),
        ("entrySet", []) => {
            let entries = map.entries();
            let entries = entries.iter().map(|(key, value)| {
                let entry = Entry { key: key.clone(), value: value.clone() };
                Value::Object(std::rc::Rc::new(entry))
            });
            Value::List(List::new(entries.collect(), Style::Java))
        }
        _ => Value::Null,
    }
}

fn call_number(value: &Value, name: &str, arguments: &[Value]) -> Value {
    let whole = match value {
        Value::Int(number) => *number,
        Value::Double(number) => *number as i64,
        _ => return Value::Null,
    };
    match (name, arguments) {
        ("intValue", []) => Value::Int(i64::from(whole as i32)),
        ("longValue", []) => Value::Int(whole),
        ("doubleValue" | "floatValue", []) => match value {
            Value::Int(number) => Value::Double(*number as f64),
            other => other.clone(),
        },
        ("compareTo", [other]) => arithmetic::order(value, other).map_or(Value::Null, |order| Value::Int(order as i64)),
        _ => Value::Null,
    }
}

/// An entry of a map, as `entrySet()` gives it.
struct Entry {
    key: Arc<str>,
    value: Value,
}

impl Object for Entry {
    fn property(&self, name: &str) -> Value {
        match name {
            "key" => Value::Text(self.key.clone()),
            "value" => self.value.clone(),
            _ => Value::Null,
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        Ok(match (name, arguments) {
            ("getKey", []) => self.property("key"),
            ("getValue", []) => self.property("value"),
            _ => Value::Null,
        })
    }

    fn held(&self) -> Vec<Value> {
        vec![self.value.clone()]
    }

    fn text(&self) -> String {
        self.text_within(0, MAX_TEXT)
    }

    fn text_within(&self, depth: usize, until: usize) -> String {
        let mut out = format!("{}=", self.key);
        self.value.write_within(&mut out, depth, until);
        out
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        dismantle(std::iter::once(std::mem::replace(&mut self.value, Value::Null)));
    }
}
