//! Answers: a status and a body. AWS leaves out what is not set, and so does [`Members`].

use bytes::Bytes;
use serde_json::{Map, Value};

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body's type.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
    /// Further header fields.
    pub headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// An answer in JSON.
    pub fn json(status: u16, body: impl Into<Value>) -> Self {
        Self { status, content_type: "application/json", body: body.into().to_string().into(), headers: Vec::new() }
    }

    /// An answer that is a status alone.
    pub fn empty(status: u16) -> Self {
        Self { status, content_type: "application/json", body: Bytes::new(), headers: Vec::new() }
    }

    /// A list; the position of the next page is there only if there is one.
    pub fn list(items: Vec<Value>, position: Option<String>) -> Self {
        Self::json(200, Members::new().set("item", items).some("position", position))
    }
}

/// The members of a JSON object under construction.
#[derive(Clone, Debug, Default)]
pub struct Members(Map<String, Value>);

impl Members {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A member that is always there.
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// A member that is there if it has a value.
    pub fn some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// A member that is there if it is not empty.
    pub fn unless_empty(self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let empty = match &value {
            Value::Object(members) => members.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::String(text) => text.is_empty(),
            Value::Null => true,
            Value::Bool(_) | Value::Number(_) => false,
        };
        if empty { self } else { self.set(name, value) }
    }
}

impl From<Members> for Value {
    fn from(members: Members) -> Self {
        Self::Object(members.0)
    }
}
