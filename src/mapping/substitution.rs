//! Texts with `$context.…`, `$stageVariables.…` and `$method.request.…` in them: the templates of gateway responses, which
//! are not Velocity.
//!
//! Source: "Gateway responses in API Gateway" in the developer guide (data-plane reference, 14.3).

use super::parameters::Source;
use crate::model::rest::Strings;

/// A text with variables, compiled: what comes one after the other.
#[derive(Debug, PartialEq)]
pub struct Substitution(Vec<Part>);

#[derive(Debug, PartialEq)]
enum Part {
    Literal(String),
    Variable(Source),
}

impl Substitution {
    /// Reads a text. Any text is one: what is no variable stands for itself.
    pub fn compile(text: &str, variables: &Strings) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            let length = variable(&rest[1..]);
            if length == 0 {
                literal.push('$');
                rest = &rest[1..];
                continue;
            }
            // A variable that is not known, or has no value, is nothing.
            match Source::parse(&rest[1..=length], variables) {
                Some(Source::Constant(value)) => literal.push_str(&value),
                Some(source) => {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                    parts.push(Part::Variable(source));
                }
                None => {}
            }
            rest = &rest[1 + length..];
        }
        literal.push_str(rest);
        parts.push(Part::Literal(literal));
        Self(parts)
    }

    /// The text with its variables' values, as `value` knows them; what it doesn't know is nothing.
    pub fn render(&self, mut value: impl FnMut(&Source) -> Option<String>) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Variable(source) => out.push_str(&value(source).unwrap_or_default()),
            }
        }
        out
    }
}

/// How many bytes of a text behind a `$` are a variable's name. Names of headers and parameters may have `-` in them.
fn variable(text: &str) -> usize {
    let (start, dashes) = match text {
        text if text.starts_with("context.") => ("context.", false),
        text if text.starts_with("stageVariables.") => ("stageVariables.", false),
        text if text.starts_with("method.request.") => ("method.request.", true),
        _ => return 0,
    };
    let name = &text[start.len()..];
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.') || (c == '-' && dashes);
    let end = name.find(|c: char| !is_part(c)).unwrap_or(name.len());
    // A full stop behind a variable ends a sentence.
    let name = name[..end].trim_end_matches('.');
    if name.is_empty() { 0 } else { start.len() + name.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_into_texts() {
        let variables = Strings::from([("v".to_owned(), "1".to_owned())]);
        for (text, expected) in [
            ("{\"message\":$context.error.messageString}", "{\"message\":<error.messageString>}"),
            ("$context.requestId-x", "<requestId>-x"),
            ("See $context.requestId.", "See <requestId>."),
            ("$stageVariables.v/$stageVariables.none/", "1//"),
            ("$method.request.header.X-A, $method.request.querystring.q", "<header X-A>, <query q>"),
            ("$method.request.path.id", "<path id>"),
            ("5$, $other.x, $context, $context., $", "5$, $other.x, $context, $context., $"),
            ("$context.é", "$context.é"),
            ("", ""),
        ] {
            let rendered = Substitution::compile(text, &variables).render(|source| match source {
                Source::Context(name) => Some(format!("<{name}>")),
                Source::Header(name) => Some(format!("<header {name}>")),
                Source::Query(name) => Some(format!("<query {name}>")),
                Source::Path(name) => Some(format!("<path {name}>")),
                _ => None,
            });
            assert_eq!(rendered, expected, "{text}");
        }
    }
}
