//! What `#foreach` goes through, and `$foreach`.

use super::super::value::{Object, Value};

/// What `#foreach` goes through: a list's items, a map's values; nothing of anything else.
pub(super) fn items(list: &Value) -> Vec<Value> {
    match list {
        Value::List(list) => list.items().clone(),
        Value::Map(map) => map.entries().values().cloned().collect(),
        _ => Vec::new(),
    }
}

/// `$foreach`: where a loop is.
pub(super) struct Iteration {
    pub(super) index: usize,
    pub(super) length: usize,
    pub(super) parent: Value,
}

impl Object for Iteration {
    fn property(&self, name: &str) -> Value {
        match name {
            "index" => Value::Int(self.index as i64),
            "count" => Value::Int(self.index as i64 + 1),
            "hasNext" => Value::Bool(self.index + 1 < self.length),
            "first" => Value::Bool(self.index == 0),
            "last" => Value::Bool(self.index + 1 == self.length),
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
