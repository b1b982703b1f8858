//! What `#foreach` goes through, and `$foreach`.

use std::cell::Cell;

use super::super::containers::dismantle;
use super::super::value::{Object, Value};

/// What `#foreach` goes through: a list's items, a map's values; nothing of anything else.
pub(super) fn items(list: Value) -> Vec<Value> {
    match list {
        Value::List(list) => list.into_items(),
        Value::Map(map) => map.entries().values().cloned().collect(),
        _ => Vec::new(),
    }
}

/// `$foreach`: where a loop is.
pub(super) struct Iteration {
    pub(super) index: Cell<usize>,
    pub(super) length: usize,
    pub(super) parent: Value,
}

impl Drop for Iteration {
    fn drop(&mut self) {
        dismantle(std::iter::once(std::mem::replace(&mut self.parent, Value::Null)));
    }
}

impl Object for Iteration {
    fn property(&self, name: &str) -> Value {
        let index = self.index.get();
        match name {
            "index" => Value::Int(index as i64),
            "count" => Value::Int(index as i64 + 1),
            "hasNext" => Value::Bool(index + 1 < self.length),
            "first" => Value::Bool(index == 0),
            "last" => Value::Bool(index + 1 == self.length),
            "parent" => self.parent.clone(),
            _ => Value::Null,
        }
    }

    fn call(&self, name: &str, _: &[Value]) -> Result<Value, String> {
        Ok(match name {
            "getIndex" => self.property("index"),
            "getCount" => self.property("count"),
            "hasNext" | "getHasNext" => self.property("hasNext"),
            "isFirst" => self.property("first"),
            "isLast" => self.property("last"),
            _ => Value::Null,
        })
    }

    fn held(&self) -> Vec<Value> {
        vec![self.parent.clone()]
    }

    fn text(&self) -> String {
        String::new()
    }
}
