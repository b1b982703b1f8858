//! What selection expressions give for an event, or for an integration's answer to one.

use std::borrow::Cow;

use http::StatusCode;

use crate::mapping::parameters::{ResponseSource, Source};
use crate::mapping::selection::{Selection, Variable};
use crate::traffic::execute::facts::Facts;
use crate::traffic::execute::sources::Sources;
use crate::traffic::message::Headers;

/// What an expression gives for an event.
pub(in crate::traffic::execute) fn of_event<'f>(selection: &'f Selection, facts: &'f Facts) -> Cow<'f, str> {
    selection.evaluate(|variable| match variable {
        Variable::Request(source) => value(source, facts),
        Variable::Response(_) | Variable::Status => None,
    })
}

/// What an expression gives for the answer of an integration.
pub(in crate::traffic::execute) fn of_answer<'f>(
    selection: &'f Selection,
    facts: &'f Facts,
    (status, headers): (Option<StatusCode>, &'f Headers),
) -> Cow<'f, str> {
    selection.evaluate(|variable| match variable {
        Variable::Request(source) => value(source, facts),
        Variable::Status => status.map(|status| Cow::Owned(status.as_u16().to_string())),
        Variable::Response(ResponseSource::Header(name)) => headers.last_text(name).map(Cow::Borrowed),
        Variable::Response(ResponseSource::HeaderAll(name)) => {
            let values: Vec<&str> = headers.all(name).filter_map(|value| value.to_str().ok()).collect();
            Some(Cow::Owned(values.join(",")))
        }
        // No template is chosen by the answer's body: AWS has no such expression.
        Variable::Response(_) => None,
    })
}

fn value<'f>(source: &'f Source, facts: &'f Facts) -> Option<Cow<'f, str>> {
    match source {
        Source::Body(Some(path)) => facts.socket()?.document()?.text(path),
        Source::Body(None) => facts.socket()?.message().map(|body| String::from_utf8_lossy(body)),
        Source::Context(name) => facts.context(name),
        Source::Constant(text) => Some(Cow::Borrowed(text)),
        _ => Sources::new(facts).text(source).map(Cow::Owned),
    }
}
