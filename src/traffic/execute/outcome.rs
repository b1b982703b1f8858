//! What became of a request: filled in phase by phase, recorded once at the end, on every way out.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::WARNING;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::time::Instant;

use super::facts::{Authorized, Facts};
use super::socket::SocketEvent;
use super::{Owner, journal};
use crate::model::rest::Strings;
use crate::observe::execution_log::ExecutionLog;
use crate::observe::metrics;
use crate::observe::stories::Step;
use crate::traffic::integration::http1;
use crate::traffic::message::{Refusal, Reply, Request};
use crate::traffic::stage::{CompiledMethod, CompiledRoute, CompiledStage, PathParameters, Side};
use crate::traffic::usage::Seat;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const EXTENDED_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-apigw-id");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// What is known of a request so far.
pub(super) struct Outcome {
    /// Shared with the templates while they are rendered.
    facts: Rc<Facts>,
    started: Instant,
    /// The trace id, for those integrations whose answers carry it.
    trace: Option<String>,
    integration: Option<Duration>,
    /// The status that the integration answered with.
    integration_status: Option<StatusCode>,
    /// The status that the integration's function said.
    function_status: Option<StatusCode>,
    /// The id that the integration gave the call, where somebody wants to know.
    integration_request: Option<Box<str>>,
    /// The route of a connection's event.
    route: Option<Arc<CompiledRoute>>,
    /// What the answer warns its caller of.
    warning: Option<HeaderValue>,
    reason: Option<String>,
    /// What happened step by step, where somebody wants to read it.
    journal: Option<Box<ExecutionLog>>,
    /// What each phase decided, if the request's story is told, and when the last one did.
    steps: Option<(Vec<Step>, Instant)>,
}

impl Outcome {
    pub(super) fn new(owner: &Arc<Owner>, request: &Request, started: Instant) -> Self {
        Self::of(Facts::new(owner, request), started)
    }

    /// The outcome of what this is known of.
    pub(super) fn of(facts: Facts, started: Instant) -> Self {
        Self {
            facts: Rc::new(facts),
            started,
            trace: None,
            integration: None,
            integration_status: None,
            function_status: None,
            integration_request: None,
            route: None,
            warning: None,
            reason: None,
            journal: None,
            steps: None,
        }
    }

    /// From here on every step is written down.
    pub(super) fn journaled(mut self, log: ExecutionLog) -> Self {
        self.journal = Some(Box::new(log));
        self
    }

    /// The request's story is told.
    pub(super) fn told(&mut self, log: ExecutionLog) {
        self.journal = Some(Box::new(log));
        self.steps = Some((Vec::new(), self.started));
    }

    /// Whether the request's story is told.
    pub(super) fn is_told(&self) -> bool {
        self.steps.is_some()
    }

    /// What a phase decided; nothing is made of it that nobody reads.
    pub(super) fn decided(&mut self, phase: &str, decision: impl FnOnce(&Facts) -> String) {
        let Some((steps, last)) = &mut self.steps else { return };
        let now = Instant::now();
        let took_micros = u64::try_from((now - *last).as_micros()).unwrap_or(u64::MAX);
        *last = now;
        steps.push(Step { phase: phase.to_owned(), decision: decision(&self.facts), took_micros });
    }

    /// The request's log and what its phases decided, if its story is told.
    pub(super) fn story(&mut self) -> Option<(Box<ExecutionLog>, Vec<Step>)> {
        let (steps, _) = self.steps.take()?;
        Some((self.journal.take()?, steps))
    }

    /// Where steps are written down; nothing is made for it that nobody reads.
    pub(super) fn journal(&mut self) -> Option<&mut ExecutionLog> {
        self.journal.as_deref_mut()
    }

    /// The same, with the trace id that answers carry.
    pub(super) fn journal_and_trace(&mut self) -> (Option<&mut ExecutionLog>, Option<&str>) {
        (self.journal.as_deref_mut(), self.trace.as_deref())
    }

    /// How long it has taken so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// What is known of the request.
    pub(super) fn facts(&self) -> &Rc<Facts> {
        &self.facts
    }

    /// The same, to be added to; who keeps them already does not see what is added.
    fn facts_mut(&mut self) -> &mut Facts {
        Rc::make_mut(&mut self.facts)
    }

    pub(super) fn located(&mut self, stage: &Arc<CompiledStage>, side: Side, path: Option<String>) {
        self.facts_mut().located(stage, side, path);
    }

    pub(super) fn routed(&mut self, request: &Request, method: &Arc<CompiledMethod>, path: &Rc<PathParameters>) {
        self.facts_mut().routed(request, method, path);
    }

    /// The request asks for a connection.
    pub(super) fn connecting(&mut self, event: SocketEvent) {
        self.facts_mut().connecting(event);
    }

    /// The route of an event is known.
    pub(super) fn routed_event(&mut self, route: &Arc<CompiledRoute>) {
        self.facts_mut().routed_event(&route.method);
        if let Some(log) = &mut self.journal
            && route.hides_data
        {
            log.hide_data();
        }
        self.route = Some(Arc::clone(route));
    }

    /// The route of an event, if one was found.
    pub(super) fn route(&self) -> Option<&CompiledRoute> {
        self.route.as_deref()
    }

    /// The request has a key.
    pub(super) fn keyed(&mut self, seat: &Arc<Seat>) {
        self.facts_mut().keyed(seat);
    }

    /// An authorizer lets the caller in.
    pub(super) fn authorized(&mut self, authorized: Authorized) {
        self.facts_mut().let_in(authorized);
    }

    /// An operator made these `$context` variables up.
    pub(super) fn given(&mut self, variables: Strings) {
        self.facts_mut().give(variables);
    }

    /// From here on answers carry this trace id.
    pub(super) fn traced(&mut self, trace: &str) {
        self.trace = Some(trace.to_owned());
    }

    /// The answer carries this warning.
    pub(super) fn warned(&mut self, warning: HeaderValue) {
        self.warning = Some(warning);
    }

    pub(super) fn integrated(&mut self, took: Duration) {
        self.integration = Some(took);
    }

    /// The integration answered.
    pub(super) fn integration_answered(&mut self, answer: &http1::Answer) {
        self.integration_status = Some(answer.status);
        if self.facts.stage().is_some_and(|stage| stage.access_log.is_some()) {
            self.integration_request = answer.headers.last_text(REQUEST_ID.as_str()).map(Box::from);
        }
    }

    /// The integration's function said this status.
    pub(super) fn function_said(&mut self, status: StatusCode) {
        self.function_status = Some(status);
    }

    /// The status that the integration's function said, if it is one.
    pub(super) fn function_status(&self) -> Option<StatusCode> {
        self.function_status
    }

    /// The id that the integration gave the call.
    pub(super) fn integration_request(&self) -> Option<&str> {
        self.integration_request.as_deref()
    }

    /// The trace id, where answers carry one.
    pub(super) fn trace(&self) -> Option<&str> {
        self.trace.as_deref()
    }

    /// How long the integration took, if it was called.
    pub(super) fn integration_latency(&self) -> Option<Duration> {
        self.integration
    }

    /// The status that the integration answered with, if it did.
    pub(super) fn integration_status(&self) -> Option<StatusCode> {
        self.integration_status
    }

    pub(super) fn refused(&mut self, refusal: &Refusal) {
        self.reason = Some(refusal.reason.clone().into_owned());
        journal::refusal(self, refusal);
        self.decided("refusal", |_| refusal.reason.to_string());
    }

    /// Puts the headers on a reply that every reply has.
    pub(super) fn mark(&self, reply: &mut Reply) {
        if self.facts.socket().is_some() {
            return self.mark_event(reply);
        }
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let head = self.facts.head();
        let id = head.id.as_hyphenated().encode_lower(&mut text);
        if let Ok(value) = HeaderValue::from_str(id) {
            reply.headers.append(REQUEST_ID, value);
        }
        if let Ok(value) = HeaderValue::from_str(&head.extended_id()) {
            reply.headers.append(EXTENDED_REQUEST_ID, value);
        }
        if let Some(value) = self.trace.as_deref().and_then(|trace| HeaderValue::from_str(trace).ok()) {
            reply.headers.append(TRACE_ID, value);
        }
        if let Some(warning) = &self.warning {
            reply.headers.append(WARNING, warning.clone());
        }
    }

    /// The same of somebody's wish to connect, whose request has one id.
    fn mark_event(&self, reply: &mut Reply) {
        if let Ok(id) = HeaderValue::from_str(&self.facts.request_id()) {
            reply.headers.append(REQUEST_ID, id.clone());
            reply.headers.append(EXTENDED_REQUEST_ID, id);
        }
    }

    pub(super) fn record(&self, reply: &Reply) {
        let latency = self.started.elapsed();
        match self.facts.method() {
            Some(method) => {
                let (stage, side) = (self.facts.stage(), self.facts.side());
                let name = stage.zip(side).map(|(stage, side)| side.counted(&stage.name));
                let place = metrics::Place {
                    api: stage.map_or("", |stage| stage.api.as_str()),
                    stage: name.as_deref().unwrap_or_default(),
                    method: method.verb.as_str(),
                    resource: &method.resource_path,
                };
                method.staged.metrics.record(&place, reply.status.as_u16(), latency, self.integration);
            }
            None => metrics::record_unrouted(reply.status.as_u16()),
        }
        if tracing::enabled!(tracing::Level::DEBUG) {
            self.log(reply, latency);
        }
    }

    /// Says in the log what became of a connection's event.
    pub(super) fn logged_event(&self, status: StatusCode) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let context = |name: &str| self.facts.context(name).unwrap_or_default().into_owned();
        tracing::debug!(
            request_id = context("requestId"),
            stage = format!("{}/{}", context("apiId"), context("stage")),
            connection_id = context("connectionId"),
            event = context("eventType"),
            route = context("routeKey"),
            status = status.as_u16(),
            latency = ?self.started.elapsed(),
            integration = ?self.integration,
            reason = self.reason,
            "event"
        );
    }

    fn log(&self, reply: &Reply, latency: Duration) {
        let facts = &self.facts;
        let stage = facts.stage().map(|stage| format!("{}/{}", stage.api, stage.name)).unwrap_or_default();
        tracing::debug!(
            request_id = %facts.head().id,
            stage,
            side = ?facts.side(),
            verb = %facts.head().method,
            resource = facts.method().map(|method| method.resource_path.as_str()),
            status = reply.status.as_u16(),
            ?latency,
            integration = ?self.integration,
            reason = self.reason,
            "request"
        );
    }
}
