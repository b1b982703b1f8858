//! Seventh phase: what the integration's answer means: which status, which headers, which body.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use super::integration::{Answer, Answered};
use super::integration_request::{context, render};
use super::outcome::Outcome;
use super::route::Routed;
use crate::mapping::parameters::ResponseSource;
use crate::traffic::message::{Body, Headers, Refusal};
use crate::traffic::stage::{CompiledIntegration, CompiledResponse, media_type};

/// An answer that the method response may finish.
pub(super) struct Mapped {
    pub(super) status: StatusCode,
    pub(super) headers: Headers,
    pub(super) body: Body,
    /// Whether the headers are a backend's own, that nobody chose one by one.
    pub(super) proxied: bool,
}

pub(super) fn map(answered: Answered, _outcome: &mut Outcome) -> Result<Mapped, Refusal> {
    let Answered { routed, answer } = answered;
    let (responses, status, headers, body) = match (&routed.method.integration, answer) {
        (CompiledIntegration::Http(http), Answer::Http(answer)) if http.proxy => {
            return Ok(Mapped { status: answer.status, headers: answer.headers, body: answer.body, proxied: true });
        }
        (CompiledIntegration::Http(http), Answer::Http(answer)) => {
            (&http.responses, Some(i64::from(answer.status.as_u16())), answer.headers, answer.body)
        }
        (CompiledIntegration::Mock(mock), Answer::Mock(status)) => {
            (&mock.responses, status, Headers::default(), Body::Empty)
        }
        _ => return Err(Refusal::configuration("the integration gave another kind of answer than it was asked for")),
    };
    let response = select(responses, status)?;
    if !routed.method.responses.contains(&response.status) {
        return Err(Refusal::configuration(format_args!(
            "Output mapping refers to an invalid method response: {}",
            response.status.as_u16()
        )));
    }
    let mut mapped = Headers::with_capacity(response.headers.len() + 4);
    for (name, source) in &response.headers {
        let value = value(source, &headers, &routed);
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            mapped.set(name.clone(), value);
        }
    }
    let body = match template(response, &routed) {
        Some((content_type, template)) => {
            if mapped.last(&CONTENT_TYPE).is_none()
                && let Ok(value) = HeaderValue::from_str(content_type)
            {
                mapped.append(CONTENT_TYPE, value);
            }
            Body::Whole(Bytes::from(render(template)?.to_owned()))
        }
        None => body,
    };
    Ok(Mapped { status: response.status, headers: mapped, body, proxied: false })
}

/// The first response whose pattern matches the endpoint's status, or the default one.
fn select(responses: &[CompiledResponse], status: Option<i64>) -> Result<&CompiledResponse, Refusal> {
    let text = status.map(|status| status.to_string());
    let matching = responses.iter().find(|response| match (&response.pattern, &text) {
        (Some(pattern), Some(text)) => pattern.is_match(text),
        _ => false,
    });
    matching.or_else(|| responses.iter().find(|response| response.pattern.is_none())).ok_or_else(|| {
        Refusal::configuration(format_args!(
            "No match for output mapping and no default output mapping configured. Endpoint Response Status Code: {}",
            text.unwrap_or_default()
        ))
    })
}

/// The template for what the caller accepts: its own, else JSON's, else the first.
fn template<'r>(
    response: &'r CompiledResponse,
    routed: &Routed,
) -> Option<(&'r str, &'r crate::mapping::template::Template)> {
    let accepted = media_type(routed.request.headers.last_text("accept"));
    let find = |wanted: &str| response.templates.iter().find(|(content_type, _)| content_type == wanted);
    let (content_type, template) =
        find(&accepted).or_else(|| find("application/json")).or_else(|| response.templates.first())?;
    Some((content_type, template))
}

fn value<'r>(source: &'r ResponseSource, headers: &'r Headers, routed: &'r Routed) -> Option<Cow<'r, str>> {
    let value = match source {
        ResponseSource::Header(name) => Cow::Borrowed(headers.last_text(name)?),
        ResponseSource::HeaderAll(name) => {
            let values: Vec<&str> = headers.all(name).filter_map(|value| value.to_str().ok()).collect();
            Cow::Owned(values.join(","))
        }
        ResponseSource::Context(name) => context(name, routed)?,
        ResponseSource::Constant(value) => Cow::Borrowed(value.as_str()),
        ResponseSource::Body => return None,
    };
    (!value.is_empty()).then_some(value)
}
