//! Parameter mapping: where a value of the integration's request, or of the method's response, comes from.
//!
//! Source: "API Gateway mapping expression reference" in the developer guide.

use std::borrow::Cow;

use super::jsonpath::Path;
use crate::model::rest::Strings;

/// Where a mapped request value goes: `integration.request.{header|path|querystring}.{name}`.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A header.
    Header(String),
    /// A placeholder of the URI.
    Path(String),
    /// A query parameter.
    Query(String),
}

/// Where a request value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A path parameter of the method, as it stands in the path.
    Path(String),
    /// The last value of a query parameter.
    Query(String),
    /// All values of a query parameter.
    QueryAll(String),
    /// The last value of a header.
    Header(String),
    /// All values of a header.
    HeaderAll(String),
    /// A `$context` variable.
    Context(String),
    /// A constant: quoted in the expression, or a stage variable, whose value is known when the stage is compiled.
    Constant(String),
    /// What is found in the request's body, or all of it.
    Body(Option<Path>),
}

/// Where a header of the answer comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ResponseSource {
    /// The last value of a header of the endpoint's answer.
    Header(String),
    /// All values of a header of the endpoint's answer.
    HeaderAll(String),
    /// A `$context` variable.
    Context(String),
    /// A constant, or a stage variable.
    Constant(String),
    /// What is found in the answer's body, or all of it.
    Body(Option<Path>),
    /// Something of the request, where a route says so.
    Request(Source),
}

impl Target {
    /// Reads a target; the control plane lets no other text through.
    pub fn parse(text: &str) -> Option<Self> {
        let (place, name) = text.strip_prefix("integration.request.")?.split_once('.')?;
        match place {
            "header" => Some(Self::Header(name.to_owned())),
            "path" => Some(Self::Path(name.to_owned())),
            "querystring" => Some(Self::Query(name.to_owned())),
            _ => None,
        }
    }
}

impl Source {
    /// Reads an expression. A stage variable that is not set is no source: its target is not set either.
    pub fn parse(text: &str, variables: &Strings) -> Option<Self> {
        if let Some(constant) = constant(text, variables) {
            return constant.map(Self::Constant);
        }
        if let Some(name) = text.strip_prefix("context.") {
            return Some(Self::Context(name.to_owned()));
        }
        // V1 speaks of methods, V2 of routes.
        let rest = text.strip_prefix("method.request.").or_else(|| text.strip_prefix("route.request."))?;
        if let Some(path) = body(rest) {
            return path.map(Self::Body);
        }
        let (place, name) = rest.split_once('.')?;
        let name = name.to_owned();
        match place {
            "path" => Some(Self::Path(name)),
            "querystring" => Some(Self::Query(name)),
            "multivaluequerystring" => Some(Self::QueryAll(name)),
            "header" => Some(Self::Header(name)),
            "multivalueheader" => Some(Self::HeaderAll(name)),
            _ => None,
        }
    }
}

impl ResponseSource {
    /// Reads an expression, as [`Source::parse`] does.
    pub fn parse(text: &str, variables: &Strings) -> Option<Self> {
        if let Some(constant) = constant(text, variables) {
            return constant.map(Self::Constant);
        }
        if let Some(name) = text.strip_prefix("context.") {
            return Some(Self::Context(name.to_owned()));
        }
        if text.starts_with("route.request.") {
            return Source::parse(text, variables).map(Self::Request);
        }
        let rest = text.strip_prefix("integration.response.")?;
        if let Some(path) = body(rest) {
            return path.map(Self::Body);
        }
        match rest.split_once('.')? {
            ("header", name) => Some(Self::Header(name.to_owned())),
            ("multivalueheader", name) => Some(Self::HeaderAll(name.to_owned())),
            _ => None,
        }
    }
}

/// The constant that an expression is, if it is one; `Some(None)` for a stage variable without a value.
fn constant(text: &str, variables: &Strings) -> Option<Option<String>> {
    if let Some(quoted) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Some(Some(quoted.to_owned()));
    }
    text.strip_prefix("stageVariables.").map(|name| variables.get(name).cloned())
}

/// The path of `body` or `body.{path}`, if the expression is one of the two; `Some(None)` if the path can't be read.
fn body(expression: &str) -> Option<Option<Option<Path>>> {
    if expression == "body" {
        return Some(Some(None));
    }
    let path = expression.strip_prefix("body.")?;
    Some(Path::parse(path).ok().map(Some))
}

/// A body that starts like JSON is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body starts like JSON and is none")]
pub struct NotJson;

/// What an expression finds in a body: texts as they are, everything else as JSON. An empty body is an empty object;
/// in one that doesn't start like JSON nothing is found. Source: data-plane reference, 9.1.
pub fn in_body(body: &[u8], path: Option<&Path>) -> Result<Option<String>, NotJson> {
    let text = if body.is_empty() { Cow::Borrowed("{}") } else { String::from_utf8_lossy(body) };
    let Some(path) = path else { return Ok(Some(text.into_owned())) };
    let text = text.trim();
    if !text.starts_with(['{', '[', '"', '\'']) {
        return Ok(None);
    }
    let json: serde_json::Value = serde_json::from_str(text).map_err(|_| NotJson)?;
    Ok(path.find(&json).and_then(|found| match &*found {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read() {
        let variables = Strings::from([("v".to_owned(), "1".to_owned())]);
        let text = str::to_owned;
        for (expression, expected) in [
            ("method.request.path.id", Some(Source::Path(text("id")))),
            ("method.request.querystring.a.b", Some(Source::Query(text("a.b")))),
            ("method.request.multivaluequerystring.q", Some(Source::QueryAll(text("q")))),
            ("method.request.header.X-A", Some(Source::Header(text("X-A")))),
            ("method.request.multivalueheader.X-A", Some(Source::HeaderAll(text("X-A")))),
            ("method.request.body", Some(Source::Body(None))),
            ("method.request.body.a", Path::parse("$.a").ok().map(|path| Source::Body(Some(path)))),
            ("method.request.body.", None),
            ("route.request.header.X-A", Some(Source::Header(text("X-A")))),
            ("route.request.body.a", Path::parse("$.a").ok().map(|path| Source::Body(Some(path)))),
            ("context.requestId", Some(Source::Context(text("requestId")))),
            ("stageVariables.v", Some(Source::Constant(text("1")))),
            ("stageVariables.w", None),
            ("'text'", Some(Source::Constant(text("text")))),
            ("''", Some(Source::Constant(text("")))),
            ("'", None),
            ("nonsense", None),
        ] {
            assert_eq!(Source::parse(expression, &variables), expected, "{expression}");
        }
    }

    #[test]
    fn bodies_are_looked_into() {
        for (body, path, expected) in [
            ("{\"a\":\"x\"}", "a", Ok(Some("x"))),
            ("{\"a\":{\"b\":[1, 2]}}", "a", Ok(Some("{\"b\":[1,2]}"))),
            ("{\"a\":{\"b\":[1, 2]}}", "a.b[1]", Ok(Some("2"))),
            ("{\"a\":null}", "a", Ok(None)),
            ("{}", "a", Ok(None)),
            ("", "a", Ok(None)),
            ("plain", "a", Ok(None)),
            (" {\"a\": 1", "a", Err(NotJson)),
            ("'a'", "a", Err(NotJson)),
        ] {
            let found = in_body(body.as_bytes(), Path::parse(path).ok().as_ref());
            assert_eq!(found, expected.map(|text| text.map(str::to_owned)), "{path} in {body}");
        }
        assert_eq!(in_body(b"", None), Ok(Some("{}".to_owned())));
        assert_eq!(in_body(b"plain", None), Ok(Some("plain".to_owned())));
    }

    #[test]
    fn targets_are_read() {
        assert_eq!(Target::parse("integration.request.header.X"), Some(Target::Header("X".to_owned())));
        assert_eq!(Target::parse("integration.request.path.p"), Some(Target::Path("p".to_owned())));
        assert_eq!(Target::parse("integration.request.querystring.q"), Some(Target::Query("q".to_owned())));
        assert_eq!(Target::parse("integration.request.cookie.q"), None);
    }
}
