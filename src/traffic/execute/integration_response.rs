//! Seventh phase: what the integration's answer means: which status, which headers, which body.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use super::content::{self, Content};
use super::facts::Facts;
use super::integration::{Answer, Answered, broken};
use super::outcome::Outcome;
use super::route::Routed;
use super::sources::Sources;
use super::{proxy_answer, rendering, socket};
use crate::mapping::parameters::{NotJson, ResponseSource, in_body};
use crate::model::rest::ContentHandling;
use crate::traffic::integration::http1;
use crate::traffic::integration::lambda::FUNCTION_ERROR;
use crate::traffic::message::{Body, Headers, Refusal};
use crate::traffic::stage::{CompiledIntegration, CompiledResponse, accepted};

/// An answer that the method response may finish.
pub(super) struct Mapped {
    pub(super) status: StatusCode,
    pub(super) headers: Headers,
    pub(super) body: Body,
    /// Whose the headers are.
    pub(super) author: Author,
    /// Whether it was said that the body is bytes: a WebSocket client may be sent them as a binary message.
    pub(super) is_bytes: bool,
}

/// Whose headers an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    /// The API's, which chose them one by one.
    Mapping,
    /// A backend's own.
    Backend,
    /// A function's own.
    Function,
}

pub(super) async fn map(answered: Answered, outcome: &mut Outcome) -> Result<Mapped, Refusal> {
    let Answered { routed, answer, mut overrides } = answered;
    let (mut selected_by, mut failed) = (None, false);
    let (responses, status, headers, body) = match (&routed.method.integration, answer) {
        (CompiledIntegration::Http(http), Answer::Http(answer)) if http.proxy => {
            let http1::Answer { status, headers, body } = answer;
            let is_bytes = headers.last_text(CONTENT_TYPE.as_str()).is_some_and(is_octets);
            return Ok(Mapped { status, headers, body, author: Author::Backend, is_bytes });
        }
        (CompiledIntegration::Lambda(_), Answer::Lambda(payload)) => {
            let mapped = proxy_answer::map(&payload, outcome.facts())?;
            outcome.function_said(mapped.status);
            outcome.decided("integration response", |_| format!("the function's, status {}", mapped.status.as_u16()));
            return Ok(mapped);
        }
        (CompiledIntegration::Lambda(_), Answer::Streamed(mapped)) => {
            outcome.function_said(mapped.status);
            outcome.decided("integration response", |_| format!("the function's, status {}", mapped.status.as_u16()));
            return Ok(*mapped);
        }
        (CompiledIntegration::Http(http), Answer::Http(answer)) => {
            (&http.call.responses, Some(i64::from(answer.status.as_u16())), answer.headers, answer.body)
        }
        (CompiledIntegration::Aws(service), Answer::Http(answer)) => {
            let mut body = answer.body;
            if service.is_lambda() {
                let bytes = body.whole(u64::MAX).await.map_err(broken)?;
                selected_by = Some(error_message(&bytes));
                failed = answer.headers.last_text(FUNCTION_ERROR).is_some();
                body = Body::Whole(bytes);
            }
            (&service.call.responses, Some(i64::from(answer.status.as_u16())), answer.headers, body)
        }
        (CompiledIntegration::Mock(mock), Answer::Mock(status)) => {
            (&mock.responses, status, Headers::default(), Body::Empty)
        }
        _ => return Err(Refusal::configuration("the integration gave another kind of answer than it was asked for")),
    };
    let response = select(responses, selected_by.as_deref(), status)?;
    let own = status.and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
    let mut status = match response.status {
        Some(status) => declared(status, &routed)?,
        // What a function did not do it did not allow either.
        None if failed => StatusCode::BAD_GATEWAY,
        None => own.unwrap_or(StatusCode::OK),
    };
    let facts = outcome.facts();
    let handling = response.content_handling;
    let is_bytes = facts.socket().is_some() && handling == Some(ContentHandling::ConvertToBinary);
    let body = body.whole(u64::MAX).await.map_err(broken)?;
    // An answer to a request gets some more on its way, a message to a connection none.
    let more = if facts.socket().is_some() { 0 } else { 4 };
    let mut mapped = Headers::with_capacity(response.headers.len() + more);
    let opened = selected_by.and_then(|message| opened(&body, &message));
    for (name, source) in &response.headers {
        let value = value(source, &headers, opened.as_ref().unwrap_or(&body), facts)
            .map_err(|error| Refusal::configuration(format_args!("Unable to transform response: {error}")))?;
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            mapped.set(name.clone(), value);
        }
    }
    let template = match &response.selection {
        Some(selection) => {
            let key = socket::of_answer(selection, facts, (own, &headers));
            let find = |key: &str| response.templates.iter().find(|(known, _)| known == key);
            let found = find(&key).or_else(|| find("$default"));
            found.map(|(_, template)| ("application/json", template))
        }
        None => accepted(&response.templates, facts.head().headers.last_text(ACCEPT.as_str())),
    };
    let body = match template {
        Some((content_type, template)) => {
            // A connection is sent texts, which have no types.
            if facts.socket().is_none()
                && mapped.last(&CONTENT_TYPE).is_none()
                && let Ok(value) = HeaderValue::from_str(content_type)
            {
                mapped.append(CONTENT_TYPE, value);
            }
            // What a connection is sent is decoded last: templates write text.
            let content = convert(body, &headers, handling.filter(|_| !is_bytes), facts)?;
            let rendered = rendering::render(template, &content, None, facts, &mut overrides)
                .map_err(|error| Refusal::configuration(format_args!("Unable to transform response: {error}")))?;
            let rendered = Bytes::from(rendered.into_owned());
            if is_bytes { convert(rendered, &headers, handling, facts)?.bytes } else { rendered }
        }
        None => convert(body, &headers, handling, facts)?.bytes,
    };
    let chosen = response.pattern.as_ref().map_or("the default response", |pattern| pattern.as_str());
    if let Some(overrides) = overrides {
        status = overrides.status().unwrap_or(status);
        rendering::override_headers(&mut mapped, overrides.of_response_headers());
    }
    outcome.decided("integration response", |_| format!("{chosen}, status {}, {} bytes", status.as_u16(), body.len()));
    Ok(Mapped { status, headers: mapped, body: Body::Whole(body), author: Author::Mapping, is_bytes })
}

/// The status of an answer, which the method must know.
fn declared(status: StatusCode, routed: &Routed) -> Result<StatusCode, Refusal> {
    match routed.method.responses.contains(&status) {
        true => Ok(status),
        false => Err(Refusal::configuration(format_args!(
            "Output mapping refers to an invalid method response: {}",
            status.as_u16()
        ))),
    }
}

/// What selects among the responses of a function: the message of its error, or nothing (data-plane reference, 13.1).
fn error_message(body: &[u8]) -> String {
    match serde_json::from_slice(body) {
        Ok(Value::Object(mut answer)) => match answer.remove("errorMessage") {
            Some(Value::String(message)) => message,
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// The body of a function's error whose message is JSON itself: mappings of headers reach into it.
fn opened(body: &[u8], message: &str) -> Option<Bytes> {
    let inner: Value = serde_json::from_str(message).ok()?;
    let mut answer: Value = serde_json::from_slice(body).ok()?;
    if !(inner.is_object() || inner.is_array()) {
        return None;
    }
    *answer.get_mut("errorMessage")? = inner;
    Some(Bytes::from(answer.to_string()))
}

/// The first response whose pattern matches the endpoint's status, or what else there is to select by, or the default one.
fn select<'r>(
    responses: &'r [CompiledResponse],
    selected_by: Option<&str>,
    status: Option<i64>,
) -> Result<&'r CompiledResponse, Refusal> {
    let status = || status.map(|status| Cow::Owned(status.to_string()));
    // Mostly there is the default one alone, which needs no text to be selected by.
    let has_patterns = responses.iter().any(|response| response.pattern.is_some());
    let text = if has_patterns { selected_by.map(Cow::Borrowed).or_else(status) } else { None };
    let matching = responses.iter().find(|response| match (&response.pattern, &text) {
        (Some(pattern), Some(text)) => pattern.is_match(text),
        _ => false,
    });
    matching.or_else(|| responses.iter().find(|response| response.pattern.is_none())).ok_or_else(|| {
        Refusal::configuration(format_args!(
            "No match for output mapping and no default output mapping configured. Endpoint Response Status Code: {}",
            status().unwrap_or_default()
        ))
    })
}

/// Whether a content type is that of bytes which are nothing else.
fn is_octets(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default();
    media.trim().eq_ignore_ascii_case("application/octet-stream")
}

/// The body as content handling wants it.
fn convert(
    body: Bytes,
    headers: &Headers,
    handling: Option<ContentHandling>,
    facts: &Facts,
) -> Result<Content, Refusal> {
    // To a WebSocket connection only text is sent, whatever an answer says that it is.
    if facts.socket().is_some() {
        let is_text = std::str::from_utf8(&body).is_ok();
        return content::of_response(body, !is_text, false, handling).map_err(Refusal::configuration);
    }
    let is_binary = |header: Option<&str>| facts.deployed().is_some_and(|deployed| deployed.binary.has(header));
    let is_sent = is_binary(headers.last_text(CONTENT_TYPE.as_str()));
    let is_accepted = is_binary(facts.head().headers.last_text(ACCEPT.as_str()));
    content::of_response(body, is_sent, is_accepted, handling).map_err(Refusal::configuration)
}

fn value<'r>(
    source: &'r ResponseSource,
    headers: &'r Headers,
    body: &'r Bytes,
    facts: &'r Facts,
) -> Result<Option<Cow<'r, str>>, NotJson> {
    let value = match source {
        ResponseSource::Header(name) => headers.last_text(name).map(Cow::Borrowed),
        ResponseSource::HeaderAll(name) => {
            let values: Vec<&str> = headers.all(name).filter_map(|value| value.to_str().ok()).collect();
            Some(Cow::Owned(values.join(",")))
        }
        ResponseSource::Context(name) => facts.context(name),
        ResponseSource::Request(source) => Sources::new(facts).text(source).map(Cow::Owned),
        ResponseSource::Constant(value) => Some(Cow::Borrowed(value.as_str())),
        ResponseSource::Body(path) => in_body(body, path.as_ref())?.map(Cow::Owned),
    };
    Ok(value.filter(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_select_by_the_message_of_their_error() {
        for (body, expected) in [
            (r#"{"errorMessage": "Error: no", "errorType": "E"}"#, "Error: no"),
            (r#"{"errorMessage": 5}"#, ""),
            (r#"{"statusCode": 400}"#, ""),
            (r#"["errorMessage"]"#, ""),
            (r#"{"errorMessage": "half"#, ""),
            ("", ""),
        ] {
            assert_eq!(error_message(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn mappings_reach_into_messages_that_are_json() {
        for (message, expected) in [
            (r#"{"httpStatus":400}"#, Some(r#"{"errorMessage":{"httpStatus":400},"errorType":"E"}"#)),
            ("[1]", Some(r#"{"errorMessage":[1],"errorType":"E"}"#)),
            ("5", None),
            ("Error: no", None),
            ("", None),
        ] {
            let body = serde_json::json!({"errorMessage": message, "errorType": "E"}).to_string();
            assert_eq!(opened(body.as_bytes(), message).as_deref(), expected.map(str::as_bytes), "{message}");
        }
        assert_eq!(opened(b"{}", "{}"), None);
    }
}
