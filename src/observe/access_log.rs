//! Access logs: one line a request, in the format that its stage has for them.
//!
//! A line is an event of the node's log under a target of its own, `access`, and names the log group or the delivery
//! stream that AWS would write it to. Source: "Set up CloudWatch logging" in the developer guide (data-plane reference, 24).

use std::borrow::Cow;

use crate::model::rest::AccessLog as Settings;

/// The target under which lines stand in the node's log.
pub const TARGET: &str = "access";
/// What stands in a line for what is not there.
const NOTHING: &str = "-";
/// What a variable begins with; nothing else is filled in.
const VARIABLE: &str = "$context.";

/// A stage's access log, compiled.
#[derive(Debug, PartialEq)]
pub struct AccessLog {
    destination: String,
    parts: Vec<Part>,
}

#[derive(Debug, PartialEq)]
enum Part {
    Literal(String),
    /// A `$context` variable, by its name.
    Variable(String),
}

impl AccessLog {
    /// Compiles a stage's settings; nothing, unless they say both where to and what.
    pub fn compile(settings: Option<&Settings>) -> Option<Self> {
        let settings = settings?;
        let format = settings.format.as_deref().filter(|format| !format.is_empty())?;
        Some(Self { destination: settings.destination_arn.clone()?, parts: read(format) })
    }

    /// Writes the line of one request, whose variables have these values; `group` is what the destination's name ends with.
    pub fn write<'v>(&self, group: &str, value: impl FnMut(&str) -> Option<Cow<'v, str>>) {
        if tracing::enabled!(target: TARGET, tracing::Level::INFO) {
            let line = self.line(value);
            tracing::info!(target: TARGET, destination = format!("{}{group}", self.destination), "{line}");
        }
    }

    fn line<'v>(&self, mut value: impl FnMut(&str) -> Option<Cow<'v, str>>) -> String {
        let mut line = String::with_capacity(256);
        for part in &self.parts {
            match part {
                Part::Literal(text) => line.push_str(text),
                Part::Variable(name) => match value(name).filter(|value| !value.is_empty()) {
                    // Whatever callers send, it stays one line.
                    Some(value) => line.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c })),
                    None => line.push_str(NOTHING),
                },
            }
        }
        line
    }
}

/// Reads a format: what is no variable stands for itself.
fn read(format: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = format.trim_end_matches(['\n', '\r']);
    while let Some(at) = rest.find(VARIABLE) {
        let (before, behind) = (&rest[..at], &rest[at + VARIABLE.len()..]);
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let end = behind.find(|c: char| !is_part(c)).unwrap_or(behind.len());
        // A full stop behind a variable ends a sentence.
        let name = behind[..end].trim_end_matches('.');
        parts.push(Part::Literal(before.to_owned()));
        parts.push(Part::Variable(name.to_owned()));
        rest = &behind[name.len()..];
    }
    parts.push(Part::Literal(rest.to_owned()));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: &str) -> Option<String> {
        let settings = Settings { destination_arn: Some("arn".to_owned()), format: Some(format.to_owned()) };
        let value = |name: &str| match name {
            "requestId" => Some(Cow::Borrowed("r-1")),
            "identity.userAgent" => Some(Cow::Borrowed("agent\nwith two lines")),
            "authorizer.key_1" => Some(Cow::Borrowed("v")),
            "authorizer.empty" => Some(Cow::Borrowed("")),
            _ => None,
        };
        AccessLog::compile(Some(&settings)).map(|log| log.line(value))
    }

    #[test]
    fn lines_follow_their_format() {
        for (format, expected) in [
            ("$context.requestId", Some("r-1")),
            ("{ \"id\":\"$context.requestId\", \"x\":\"$context.nothing\" }", Some("{ \"id\":\"r-1\", \"x\":\"-\" }")),
            ("$context.requestId,$context.authorizer.key_1", Some("r-1,v")),
            ("$context.authorizer.empty|$context.requestId.", Some("-|r-1.")),
            ("$context.identity.userAgent\n", Some("agent with two lines")),
            ("$stageVariables.x $contextrequestId 5$", Some("$stageVariables.x $contextrequestId 5$")),
            ("", None),
        ] {
            assert_eq!(line(format).as_deref(), expected, "{format}");
        }
    }

    #[test]
    fn what_is_not_wholly_set_writes_nothing() {
        assert_eq!(AccessLog::compile(None), None);
        let without = Settings { destination_arn: None, format: Some("$context.requestId".to_owned()) };
        assert_eq!(AccessLog::compile(Some(&without)), None);
    }
}
