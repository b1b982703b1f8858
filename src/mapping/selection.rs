//! Selection expressions: by what routes, models, templates and integration responses of WebSocket APIs are chosen.
//!
//! Source: "WebSocket selection expressions" in the developer guide (WebSocket reference, A6 and A10).

use std::borrow::Cow;

use super::jsonpath::Path;
use super::parameters::{ResponseSource, Source};
use crate::model::rest::Strings;

/// An expression, compiled: texts and variables, one after the other. It is evaluated once; what comes out is no
/// expression, whatever it looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    Variable(Variable),
}

/// What an expression names.
#[derive(Clone, Debug, PartialEq)]
pub enum Variable {
    /// Something of the request: its body, a header field, `$context`.
    Request(Source),
    /// Something of the integration's answer.
    Response(ResponseSource),
    /// The status of the integration's answer.
    Status,
}

impl Selection {
    /// Reads an expression for a stage's variables. Any text is one; a variable that is not known has no value.
    pub fn compile(text: &str, variables: &Strings) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['$', '\\']) {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(behind) = rest.strip_prefix("\\$") {
                literal.push('$');
                rest = behind;
                continue;
            }
            match variable(rest) {
                Some((name, length)) => {
                    match Variable::parse(name, variables) {
                        Some(Variable::Request(Source::Constant(value))) => literal.push_str(&value),
                        Some(variable) => {
                            parts.push(Part::Literal(std::mem::take(&mut literal)));
                            parts.push(Part::Variable(variable));
                        }
                        None => {}
                    }
                    rest = &rest[length..];
                }
                None => {
                    literal.push_str(&rest[..1]);
                    rest = &rest[1..];
                }
            }
        }
        literal.push_str(rest);
        parts.push(Part::Literal(literal));
        parts.retain(|part| *part != Part::Literal(String::new()));
        Self(parts)
    }

    /// The expression that always gives this text.
    pub fn constant(text: &str) -> Self {
        Self(vec![Part::Literal(text.to_owned())])
    }

    /// Whether it needs the request's body.
    pub fn reads_body(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Variable(Variable::Request(Source::Body(_)))))
    }

    /// What it gives where variables have these values; one without a value is empty.
    pub fn evaluate<'v>(&'v self, mut value: impl FnMut(&'v Variable) -> Option<Cow<'v, str>>) -> Cow<'v, str> {
        let mut text = |part: &'v Part| match part {
            Part::Literal(text) => Cow::Borrowed(text.as_str()),
            Part::Variable(variable) => value(variable).unwrap_or_default(),
        };
        // Most expressions are one variable, whose value needs no copy.
        match self.0.as_slice() {
            [] => Cow::Borrowed(""),
            [one] => text(one),
            parts => Cow::Owned(parts.iter().fold(String::new(), |all, part| all + &text(part))),
        }
    }
}

impl Variable {
    fn parse(name: &str, variables: &Strings) -> Option<Self> {
        if let Some(name) = name.strip_prefix("context.") {
            return Some(Self::Request(Source::Context(name.to_owned())));
        }
        if let Some(name) = name.strip_prefix("stageVariables.") {
            return variables.get(name).cloned().map(Source::Constant).map(Self::Request);
        }
        if let Some(rest) = name.strip_prefix("request.") {
            return Some(Self::Request(match rest.split_once('.').unwrap_or((rest, "")) {
                ("body", "") => Source::Body(None),
                ("body", path) => Source::Body(Some(Path::parse(path).ok()?)),
                ("header", name) => Source::Header(name.to_owned()),
                ("querystring", name) => Source::Query(name.to_owned()),
                _ => return None,
            }));
        }
        let rest = name.strip_prefix("integration.").unwrap_or(name).strip_prefix("response.")?;
        Some(match rest.split_once('.').unwrap_or((rest, "")) {
            ("statuscode", "") => Self::Status,
            ("body", "") => Self::Response(ResponseSource::Body(None)),
            ("body", path) => Self::Response(ResponseSource::Body(Some(Path::parse(path).ok()?))),
            ("header", name) => Self::Response(ResponseSource::Header(name.to_owned())),
            ("multivalueheader", name) => Self::Response(ResponseSource::HeaderAll(name.to_owned())),
            _ => return None,
        })
    }
}

/// The variable that a text begins with: its name, and how many bytes of the text are read.
fn variable(text: &str) -> Option<(&str, usize)> {
    if let Some(rest) = text.strip_prefix("${") {
        let end = rest.find('}')?;
        return Some((&rest[..end], end + 3));
    }
    let name = text.strip_prefix('$')?;
    let mut depth = 0_usize;
    let is_part = |c: char| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => return depth > 0 || c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '*' | '@'),
        }
        true
    };
    let end = name.len() - name.trim_start_matches(is_part).len();
    (end > 0).then(|| (&name[..end], end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::document::Document;

    fn selected(expression: &str, body: &str) -> String {
        let variables = Strings::from([("v".to_owned(), "1".to_owned())]);
        let document = Document::read(body.as_bytes());
        let selection = Selection::compile(expression, &variables);
        let value = |variable: &Variable| match variable {
            Variable::Request(Source::Body(Some(path))) => document.as_ref()?.text(path),
            Variable::Request(Source::Body(None)) => Some(Cow::Borrowed(body)),
            Variable::Request(Source::Header(name)) => Some(Cow::Owned(format!("<header {name}>"))),
            Variable::Request(Source::Context(name)) => Some(Cow::Owned(format!("<context {name}>"))),
            Variable::Status => Some(Cow::Borrowed("200")),
            Variable::Response(ResponseSource::Header(name)) => Some(Cow::Owned(format!("<answer's {name}>"))),
            _ => None,
        };
        selection.evaluate(value).into_owned()
    }

    #[test]
    fn expressions_give_what_awss_examples_say() {
        let body = r#"{"service":"chat","action":"join","data":{"room":"room1234"}}"#;
        for (expression, expected) in [
            ("$request.body.action", "join"),
            ("${request.body.action}", "join"),
            ("${request.body.service}/${request.body.action}", "chat/join"),
            ("${request.body.action}-${request.body.invalidPath}", "join-"),
            ("action", "action"),
            ("\\$default", "$default"),
            ("$default", ""),
            ("$request.body.data.room", "room1234"),
            ("$request.body.service/$request.body.action", "chat/join"),
            ("$request.header.x-api-key", "<header x-api-key>"),
            ("$context.authorizer.usageIdentifierKey", "<context authorizer.usageIdentifierKey>"),
            ("${integration.response.statuscode}", "200"),
            ("$integration.response.statuscode", "200"),
            ("${response.statuscode}", "200"),
            ("${integration.response.header.X-Kind}!", "<answer's X-Kind>!"),
            ("v${stageVariables.v}${stageVariables.none}", "v1"),
            ("$nonsense.x", ""),
            ("5$", "5$"),
            ("a\\b", "a\\b"),
            ("${request.body.action", "${request.body.action"),
            ("", ""),
        ] {
            assert_eq!(selected(expression, body), expected, "{expression}");
        }
    }

    #[test]
    fn values_are_written_as_texts() {
        for (body, expected) in [
            (r#"{"a":"x"}"#, "x"),
            (r#"{"a":"say \"x\""}"#, "say \"x\""),
            (r#"{"a":5}"#, "5"),
            (r#"{"a":1.50}"#, "1.5"),
            (r#"{"a":true}"#, "true"),
            (r#"{"a":null}"#, ""),
            (r#"{"a":["item1","item2",3]}"#, "[item1, item2, 3]"),
            (r#"{"a":{"b":1}}"#, r#"{"b":1}"#),
            (r#"{"a":"$request.body.b","b":"c"}"#, "$request.body.b"),
            ("{}", ""),
            ("[1]", ""),
            ("5", ""),
            ("\"hi\"", ""),
            ("no json", ""),
        ] {
            assert_eq!(selected("$request.body.a", body), expected, "{body}");
        }
        assert_eq!(selected("$request.body.a[1]", r#"{"a":["x","y"]}"#), "y");
        assert_eq!(selected("${request.body.a[*].b}", r#"{"a":[{"b":1},{"b":2}]}"#), "[1, 2]");
        assert_eq!(selected("$request.body", "plain"), "plain");
    }

    #[test]
    fn it_is_known_whether_a_body_is_needed() {
        let reads = |text: &str| Selection::compile(text, &Strings::new()).reads_body();
        assert!(reads("a-${request.body.b}") && !reads("$context.stage") && !reads("static"));
    }
}
