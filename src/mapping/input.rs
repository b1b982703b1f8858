//! `$input`: a body and the request's parameters, as mapping templates see them (data-plane reference, 12.3).

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt::Write;
use std::rc::Rc;

use bytes::Bytes;
use serde_json::Value as Json;

use super::document::Document;
use super::jsonpath::Path;
use super::vtl::{Entries, FEW, Found, Map, Object, Origin, Style, Value};

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

/// The request that a template is about.
pub trait Request {
    /// Its parameters, which few templates ask for.
    fn parameters(self: Rc<Self>) -> Rc<Parameters>;
}

impl Request for Parameters {
    fn parameters(self: Rc<Self>) -> Rc<Parameters> {
        self
    }
}

/// `$input`.
pub struct Input {
    body: Bytes,
    request: Rc<dyn Request>,
    /// Its parameters, made when they are first asked for.
    parameters: OnceCell<Rc<Parameters>>,
    /// The body as JSON, read when it is first asked for.
    document: OnceCell<Option<Rc<Document>>>,
    /// The same as serde_json has it, for paths that go through all of it.
    json: OnceCell<Option<Json>>,
    /// What `$input.params()` gives.
    all: OnceCell<Value>,
}

impl Input {
    /// The input of one rendering. `document` is the body as JSON, if somebody has read it already; one of another body
    /// counts for nothing.
    pub fn value(body: Bytes, document: Option<Rc<Document>>, request: Rc<dyn Request>) -> Value {
        let known = document.filter(|document| document.is_of(&body)).map(Some);
        Value::Object(Rc::new(Self {
            body,
            request,
            parameters: OnceCell::new(),
            document: known.map_or_else(OnceCell::new, OnceCell::from),
            json: OnceCell::new(),
            all: OnceCell::new(),
        }))
    }

    fn parameters(&self) -> &Rc<Parameters> {
        self.parameters.get_or_init(|| Rc::clone(&self.request).parameters())
    }

    /// The body as text; one that is empty is an empty object.
    fn body(&self) -> Cow<'_, str> {
        if self.body.is_empty() { "{}".into() } else { String::from_utf8_lossy(&self.body) }
    }

    fn document(&self) -> Option<&Rc<Document>> {
        let body: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
        self.document.get_or_init(|| Document::read(body).map(Rc::new)).as_ref()
    }

    /// What a path finds that isn't plain.
    fn computed(&self, path: &Path) -> Option<Cow<'_, Json>> {
        let read = || self.document().map(|document| document.root().to_json());
        self.json.get_or_init(read).as_ref().and_then(|root| path.find(root))
    }

    /// Writes the JSON text of what a path finds; `""` where it finds nothing.
    fn write_json(&self, path: &Path, out: &mut String) {
        if path.is_plain() {
            match self.document().and_then(|document| path.follow(document.root())) {
                Some(part) => part.write_json(out),
                None => out.push_str("\"\""),
            }
            return;
        }
        match self.computed(path) {
            Some(found) => write!(out, "{found}").expect("a string takes all that is written to it"),
            None => out.push_str("\"\""),
        }
    }

    fn json(&self, path: &Path) -> Value {
        let mut out = String::new();
        self.write_json(path, &mut out);
        out.into()
    }

    fn path(&self, path: &Path) -> Value {
        if path.is_plain() {
            let found = self.document().and_then(|document| Some(document.value(path.follow(document.root())?.at())));
            return found.unwrap_or(Value::Null);
        }
        self.computed(path).map_or(Value::Null, |found| Value::from(&*found))
    }

    /// A parameter of this name: of the path, else the query, else the header; an empty text where there is none.
    fn parameter(&self, name: &str) -> &str {
        let Parameters { path, querystring, header } = &**self.parameters();
        let found = last(path, name).or_else(|| last(querystring, name));
        let of_header = || header.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.or_else(|| of_header().map(|(_, value)| value.as_str())).unwrap_or_default()
    }
}

/// The last value of a name.
fn last<'p>(pairs: &'p [(String, String)], name: &str) -> Option<&'p str> {
    pairs.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn parsed(path: &Value) -> Result<Path, String> {
    Path::parse(&path.to_text()).map_err(|error| error.to_string())
}

impl Object for Input {
    fn property(&self, name: &str) -> Value {
        match name {
            "body" => Value::from(&*self.body()),
            _ => Value::Null,
        }
    }

    fn write_property(&self, name: &str, out: &mut String) -> bool {
        if name == "body" {
            out.push_str(&self.body());
        }
        name == "body"
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        match (name, arguments) {
            ("json", [path]) => Ok(self.json(&parsed(path)?)),
            ("path", [path]) => Ok(self.path(&parsed(path)?)),
            ("params", []) => {
                let all = || Value::Map(Map::waiting(Rc::clone(self.parameters()) as Rc<dyn Origin>, ALL, Style::Java));
                Ok(self.all.get_or_init(all).clone())
            }
            ("params", [name]) => Ok(self.parameter(&name.to_text()).into()),
            _ => Ok(Value::Null),
        }
    }

    fn write_call(&self, name: &str, arguments: &[Value], out: &mut String) -> Option<Result<(), String>> {
        match (name, arguments) {
            ("json", [path]) => Some(parsed(path).map(|path| self.write_json(&path, out))),
            ("params", [name]) => {
                out.push_str(self.parameter(&name.to_text()));
                Some(Ok(()))
            }
            _ => None,
        }
    }

    fn find(&self, name: &str, path: &Path) -> Option<Value> {
        match name {
            "json" => Some(self.json(path)),
            "path" => Some(self.path(path)),
            _ => None,
        }
    }

    fn write_found(&self, name: &str, path: &Path, out: &mut String) -> bool {
        match name {
            "json" => {
                self.write_json(path, out);
                true
            }
            "path" if path.is_plain() => {
                let found = self.document().and_then(|document| path.follow(document.root()));
                found.is_none_or(|part| part.write_scalar(out))
            }
            _ => false,
        }
    }

    fn cost(&self, name: &str) -> usize {
        if matches!(name, "json" | "path") { self.body.len() } else { 0 }
    }

    fn held(&self) -> Vec<Value> {
        self.all.get().cloned().into_iter().collect()
    }

    fn text(&self) -> String {
        String::new()
    }
}

/// The places of the maps that `$input.params()` is made of.
const ALL: u32 = 0;
const PATH: u32 = 1;
const QUERYSTRING: u32 = 2;
const HEADER: u32 = 3;

impl Parameters {
    fn pairs(&self, place: u32) -> &[(String, String)] {
        match place {
            PATH => &self.path,
            QUERYSTRING => &self.querystring,
            HEADER => &self.header,
            _ => &[],
        }
    }
}

impl Origin for Parameters {
    fn size(&self, place: u32) -> usize {
        if place == ALL { 3 } else { self.pairs(place).len() }
    }

    fn entries(self: Rc<Self>, place: u32) -> Entries {
        let map = |place| Value::Map(Map::waiting(self.clone(), place, Style::Java));
        if place == ALL {
            let parts = [("path", PATH), ("querystring", QUERYSTRING), ("header", HEADER)];
            return parts.map(|(name, place)| (name.into(), map(place))).into_iter().collect();
        }
        self.pairs(place).iter().map(|(name, value)| (name.as_str().into(), Value::from(value.as_str()))).collect()
    }

    fn keys(&self, place: u32) -> Option<Vec<Value>> {
        let pairs = self.pairs(place);
        if place == ALL || pairs.len() > FEW {
            return None;
        }
        let first = |at: usize| pairs[..at].iter().all(|(name, _)| *name != pairs[at].0);
        Some((0..pairs.len()).filter(|at| first(*at)).map(|at| pairs[at].0.as_str().into()).collect())
    }

    fn get(&self, place: u32, key: &str) -> Found {
        match (place, key) {
            (ALL, "path") => Found::Map(PATH, Style::Java),
            (ALL, "querystring") => Found::Map(QUERYSTRING, Style::Java),
            (ALL, "header") => Found::Map(HEADER, Style::Java),
            _ if self.pairs(place).len() > FEW => Found::Unknown,
            _ => Found::Value(last(self.pairs(place), key).map_or(Value::Null, Value::from)),
        }
    }
}
