//! `$input`: a body and the request's parameters, as mapping templates see them (data-plane reference, 12.3).

use std::cell::OnceCell;
use std::rc::Rc;

use bytes::Bytes;

use super::jsonpath::Path;
use super::vtl::{Map, Object, Style, Value};

/// What `$input.params()` is made of: names and values in their order, decoded; of a name with several the last counts.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    /// Those in the path.
    pub path: Vec<(String, String)>,
    /// Those behind the `?`.
    pub querystring: Vec<(String, String)>,
    /// Header fields.
    pub header: Vec<(String, String)>,
}

/// `$input`.
pub struct Input {
    body: Bytes,
    parameters: Parameters,
    /// The body as JSON, read when it is first asked for.
    json: OnceCell<Option<serde_json::Value>>,
}

impl Input {
    /// The input of one rendering.
    pub fn value(body: Bytes, parameters: Parameters) -> Value {
        Value::Object(Rc::new(Self { body, parameters, json: OnceCell::new() }))
    }

    /// The body as text; one that is empty is an empty object.
    fn body(&self) -> String {
        if self.body.is_empty() { "{}".to_owned() } else { String::from_utf8_lossy(&self.body).into_owned() }
    }

    fn root(&self) -> Option<&serde_json::Value> {
        let read = || match self.body.is_empty() {
            true => Some(serde_json::json!({})),
            false => serde_json::from_slice(&self.body).ok(),
        };
        self.json.get_or_init(read).as_ref()
    }

    /// The JSON text of what a path finds; `""` where it finds nothing.
    fn json(&self, path: &str) -> Result<Value, String> {
        let path = Path::parse(path).map_err(|error| error.to_string())?;
        let found = self.root().and_then(|root| path.find(root));
        Ok(found.map_or_else(|| "\"\"".to_owned(), |value| value.to_string()).into())
    }

    fn path(&self, path: &str) -> Result<Value, String> {
        let path = Path::parse(path).map_err(|error| error.to_string())?;
        let found = self.root().and_then(|root| path.find(root));
        Ok(found.map_or(Value::Null, |value| Value::from(&*value)))
    }

    fn all(&self) -> Value {
        let map = |pairs: &[(String, String)]| {
            let entries = pairs.iter().map(|(name, value)| (name.as_str().into(), Value::from(value.as_str())));
            Value::Map(Map::new(entries, Style::Java))
        };
        let Parameters { path, querystring, header } = &self.parameters;
        let parts = [("path", path), ("querystring", querystring), ("header", header)];
        Value::Map(Map::new(parts.map(|(name, pairs)| (name.into(), map(pairs))), Style::Java))
    }

    /// A parameter of this name: of the path, else the query, else the header; an empty text where there is none.
    fn parameter(&self, name: &str) -> Value {
        let last = |pairs: &'_ [(String, String)], same: fn(&str, &str) -> bool| {
            pairs.iter().rev().find(|(known, _)| same(known, name)).map(|(_, value)| Value::from(value.as_str()))
        };
        let exact: fn(&str, &str) -> bool = |known, name| known == name;
        last(&self.parameters.path, exact)
            .or_else(|| last(&self.parameters.querystring, exact))
            .or_else(|| last(&self.parameters.header, str::eq_ignore_ascii_case))
            .unwrap_or_else(|| "".into())
    }
}

impl Object for Input {
    fn property(&self, name: &str) -> Value {
        match name {
            "body" => self.body().into(),
            _ => Value::Null,
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        match (name, arguments) {
            ("json", [path]) => self.json(&path.text()),
            ("path", [path]) => self.path(&path.text()),
            ("params", []) => Ok(self.all()),
            ("params", [name]) => Ok(self.parameter(&name.text())),
            _ => Ok(Value::Null),
        }
    }

    fn cost(&self, name: &str) -> usize {
        if matches!(name, "json" | "path") { self.body.len() } else { 0 }
    }

    fn text(&self) -> String {
        String::new()
    }
}
