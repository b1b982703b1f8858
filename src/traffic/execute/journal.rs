//! How requests, calls and answers are written into an execution log, if one is kept: without it nothing is made.

use std::borrow::Cow;
use std::time::Duration;

use http::header::HOST;

use super::outcome::Outcome;
use super::route::Routed;
use crate::mapping::query::Query;
use crate::observe::execution_log::{ExecutionLog, Line, Pairs};
use crate::traffic::integration::http1;
use crate::traffic::message::{Body, Headers, Refusal, Reply, spelled};

/// What the method is asked.
pub(super) fn request(outcome: &mut Outcome, routed: &Routed) {
    let facts = outcome.facts().clone();
    let Some(log) = outcome.journal() else { return };
    let request = &routed.request;
    log.write(&Line::Starting { request: &facts.request_id() });
    log.write(&Line::Method { verb: request.method.as_str(), path: &routed.path });
    let mut parameters = Pairs::default();
    facts.path_parameters().iter().for_each(|(name, value)| parameters.add(name, value));
    log.write(&Line::RequestPath(parameters));
    let query = Query::parse(request.uri.query().unwrap_or_default());
    let mut parameters = Pairs::default();
    query.iter().for_each(|(name, value)| parameters.add(name, value));
    log.write(&Line::RequestQuery(parameters));
    log.write(&Line::RequestHeaders(fields(&request.headers)));
    log.write(&Line::RequestBody(&text(&request.body)));
}

/// What happened on a connection.
pub(super) fn event(outcome: &mut Outcome, routed: &Routed) {
    if outcome.journal().is_none() {
        return;
    }
    let facts = outcome.facts().clone();
    let (Some(log), Some(event)) = (outcome.journal(), facts.socket()) else { return };
    let context = |name: &str| facts.context(name).unwrap_or_default();
    log.write(&Line::Starting { request: &facts.request_id() });
    log.write(&Line::Route(&context("routeKey")));
    let (api, connection) = (&*context("apiId"), &*context("connectionId"));
    match event.name() {
        "CONNECT" => {
            let agent = facts.context("identity.userAgent");
            let agent = agent.as_deref().unwrap_or("null");
            log.write(&Line::Connecting { agent, source: &context("identity.sourceIp"), api });
        }
        "DISCONNECT" => log.write(&Line::Disconnected { connection, api }),
        _ => {
            log.write(&Line::Sent { connection, api });
            log.write(&Line::RequestBody(&text(&routed.request.body)));
        }
    }
}

/// A connection may be opened.
pub(super) fn connected(outcome: &mut Outcome) {
    if outcome.journal().is_none() {
        return;
    }
    let facts = outcome.facts().clone();
    let context = |name: &str| facts.context(name).unwrap_or_default();
    if let Some(log) = outcome.journal() {
        log.write(&Line::Connected { connection: &context("connectionId"), api: &context("apiId") });
    }
}

/// What the endpoint will be asked.
pub(super) fn call(outcome: &mut Outcome, call: &http1::Call) {
    call_showing(outcome, call, &text(&call.body));
}

/// What the endpoint will be asked, with another body in the place of one that has secrets.
pub(super) fn call_showing(outcome: &mut Outcome, call: &http1::Call, body: &str) {
    let Some(log) = outcome.journal() else { return };
    log.write(&Line::EndpointUri(&call.uri()));
    let mut headers = fields(&call.headers);
    if call.headers.last(&HOST).is_none() {
        headers.add("Host", call.origin.authority.as_str());
    }
    log.write(&Line::EndpointRequestHeaders(headers));
    log.write(&Line::EndpointRequestBody(body));
}

/// The endpoint is asked.
pub(super) fn sending(outcome: &mut Outcome, call: &http1::Call) {
    let Some(log) = outcome.journal() else { return };
    log.write(&Line::Sending(&call.uri()));
}

/// What the endpoint answered, and after how long.
pub(super) fn answer(outcome: &mut Outcome, answer: &http1::Answer, took: Duration) {
    let Some(log) = outcome.journal() else { return };
    log.write(&Line::Received { status: answer.status.as_u16(), latency: took });
    log.write(&Line::EndpointResponseHeaders(fields(&answer.headers)));
    log.write(&Line::EndpointResponseBody(&text(&answer.body)));
}

/// What the caller gets of a method that did its work.
pub(super) fn reply(outcome: &mut Outcome, reply: &Reply) {
    let (Some(log), trace) = outcome.journal_and_trace() else { return };
    log.write(&Line::ResponseBody(&text(&reply.body)));
    let mut headers = Pairs::default();
    trace.into_iter().for_each(|trace| headers.add(TRACE_ID, trace));
    add_fields(&mut headers, &reply.headers);
    log.write(&Line::ResponseHeaders(headers));
    log.write(&Line::Successful);
    completed(log, reply.status.as_u16());
}

/// Why a request ended early.
pub(super) fn refusal(outcome: &mut Outcome, refusal: &Refusal) {
    let Some(log) = outcome.journal() else { return };
    log.write(&Line::Failed(&refusal.reason));
    completed(log, refusal.status.as_u16());
}

/// The header that says which trace a request belongs to, as AWS spells it.
pub(super) const TRACE_ID: &str = "X-Amzn-Trace-Id";

fn completed(log: &mut ExecutionLog, status: u16) {
    log.write(&Line::Completed { status });
}

fn fields(headers: &Headers) -> Pairs<'_> {
    let mut pairs = Pairs::default();
    add_fields(&mut pairs, headers);
    pairs
}

fn add_fields<'a>(pairs: &mut Pairs<'a>, headers: &'a Headers) {
    for (name, value) in headers.iter() {
        pairs.add(spelled(name.as_str()), String::from_utf8_lossy(value.as_bytes()));
    }
}

/// A body as a log shows it; one that is still coming is not waited for.
fn text(body: &Body) -> Cow<'_, str> {
    match body {
        Body::Whole(bytes) => String::from_utf8_lossy(bytes),
        Body::Empty | Body::Stream { .. } => Cow::Borrowed(""),
    }
}
