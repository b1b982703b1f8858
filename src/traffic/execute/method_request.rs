//! Fourth phase: is the request what the method asks for: its parameters, then its body.

use std::borrow::Cow;
use std::rc::Rc;

use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::access::Admitted;
use super::explain::SHOWN;
use super::facts::Facts;
use super::journal;
use super::outcome::Outcome;
use super::route::Routed;
use super::sources::Sources;
use crate::mapping::document::Document;
use crate::model::rest::GatewayResponseType;
use crate::traffic::message::{Body, Refusal};

/// A request that the method takes.
pub(super) struct Accepted {
    pub(super) routed: Routed,
    /// The body as JSON, where a model has judged it.
    pub(super) document: Option<Rc<Document>>,
}

pub(super) async fn accept(admitted: Admitted, outcome: &mut Outcome) -> Result<Accepted, Refusal> {
    let mut routed = admitted.0;
    if outcome.is_told() {
        routed.request.body = routed.request.take_body().gathered(SHOWN).await.map_err(Refusal::body)?;
    }
    journal::request(outcome, &routed);
    check_parameters(outcome.facts())?;
    let content_type = routed.request.headers.last_text(CONTENT_TYPE.as_str());
    let mut document = None;
    if routed.method.model(content_type).is_some() {
        let body = routed.request.take_body().whole(u64::MAX).await.map_err(Refusal::body)?;
        document = Document::read(&body).map(Rc::new);
        check_body(document.as_deref(), outcome.facts())?;
        routed.request.body = if body.is_empty() { Body::Empty } else { Body::Whole(body) };
    }
    outcome.decided("method request", |facts| {
        let method = facts.method();
        let required = method.map_or(0, |method| method.required.len());
        let is_checked =
            method.is_some_and(|method| method.model(facts.head().headers.last_text(CONTENT_TYPE.as_str())).is_some());
        let body = if is_checked { "the body fits its model" } else { "the body is not checked" };
        format!("{required} required parameters are there, {body}")
    });
    Ok(Accepted { routed, document })
}

pub(super) fn check_parameters(facts: &Facts) -> Result<(), Refusal> {
    let required = facts.method().map_or(&[][..], |method| &method.required);
    if required.is_empty() {
        return Ok(());
    }
    let sources = Sources::new(facts);
    let is_missing = |source| sources.values(source).is_ok_and(|values| values.is_empty());
    let missing = required.iter().filter(|required| is_missing(&required.source));
    let missing: Vec<&str> = missing.map(|required| required.name.as_str()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Missing required request parameters: [{}]", missing.join(", "));
    Err(Refusal {
        response: Some(GatewayResponseType::BadRequestParameters),
        message: Cow::Owned(message.clone()),
        reason: Cow::Owned(message),
        ..Refusal::bad_request(StatusCode::BAD_REQUEST, "")
    })
}

/// Checks a body against the model for its content type. Callers are not told what is wrong, unless the API wants them
/// to be.
fn check_body(body: Option<&Document>, facts: &Facts) -> Result<(), Refusal> {
    let content_type = facts.head().headers.last_text(CONTENT_TYPE.as_str());
    let Some(model) = facts.method().and_then(|method| method.model(content_type)) else { return Ok(()) };
    let model = model.as_ref().map_err(Refusal::configuration)?;
    let problems = model.problems_of(body);
    if problems.is_empty() {
        return Ok(());
    }
    let problems = format!("[{}]", problems.join(", "));
    let media_type = crate::traffic::stage::media_type(content_type);
    Err(Refusal {
        response: Some(GatewayResponseType::BadRequestBody),
        reason: Cow::Owned(format!(
            "Request body does not match model schema for content type {media_type}: {problems}"
        )),
        validation: Some(problems),
        ..Refusal::bad_request(StatusCode::BAD_REQUEST, "Invalid request body")
    })
}
