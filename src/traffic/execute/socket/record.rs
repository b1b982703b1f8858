//! What is counted of events, on every way out, under the names that CloudWatch has for it (WebSocket reference, A19).

use bytes::Bytes;
use http::StatusCode;

use crate::observe::route_metrics::{RouteMetrics, SocketCount};
use crate::traffic::execute::accesses::{self, Ending};
use crate::traffic::execute::outcome::Outcome;
use crate::traffic::message::Refusal;

/// Counts somebody's wish to connect.
pub(super) fn connect(outcome: &Outcome, refusal: Option<&Refusal>, status: StatusCode) {
    count(outcome, SocketCount::Connect);
    // AWS's logs know no status of a switch.
    let status = if status == StatusCode::SWITCHING_PROTOCOLS { StatusCode::OK } else { status };
    ended(outcome, refusal, status, None);
}

/// Counts a message, and its answer.
pub(super) fn message(outcome: &Outcome, refusal: Option<&Refusal>, answer: Option<&Bytes>) {
    let length = answer.map(|answer| answer.len() as u64);
    let bytes_in = outcome.facts().socket().and_then(|event| event.message()).map_or(0, |message| message.len() as u64);
    with_metrics(outcome, |metrics, place| metrics.message(place, bytes_in, length));
    ended(outcome, refusal, refusal.map_or(StatusCode::OK, |refusal| refusal.status), length);
}

/// Counts what went wrong at a connection's end.
pub(super) fn disconnect(outcome: &Outcome, refusal: Option<&Refusal>) {
    ended(outcome, refusal, refusal.map_or(StatusCode::OK, |refusal| refusal.status), None);
}

/// What the integration took, and whose fault it was if something was at fault; and the event's line in the access log.
fn ended(outcome: &Outcome, refusal: Option<&Refusal>, status: StatusCode, length: Option<u64>) {
    outcome.logged_event(status);
    accesses::write(outcome, &Ending { status, length, refusal });
    if let Some(took) = outcome.integration_latency() {
        with_metrics(outcome, |metrics, place| metrics.integrated(place, took));
    }
    let statuses = [outcome.integration_status(), outcome.function_status()];
    let failed = statuses.into_iter().flatten().any(|status| status.as_u16() >= 400);
    match refusal {
        _ if failed => count(outcome, SocketCount::IntegrationError),
        None => {}
        Some(refusal) if refusal.status.is_client_error() => count(outcome, SocketCount::ClientError),
        Some(_) => count(outcome, SocketCount::ExecutionError),
    }
}

fn count(outcome: &Outcome, what: SocketCount) {
    with_metrics(outcome, |metrics, place| metrics.count(place, what));
}

/// The series of the event's route, or of those that no route is for.
fn with_metrics(outcome: &Outcome, record: impl FnOnce(&RouteMetrics, [&str; 3])) {
    let facts = outcome.facts();
    let Some(stage) = facts.stage() else { return };
    let place = |route| [stage.api.as_str(), stage.name.as_str(), route];
    match outcome.route() {
        Some(route) => record(&route.metrics, place(&route.method.resource_path)),
        None => {
            if let Some(routes) = &stage.base.routes {
                record(&routes.unmatched, place(""));
            }
        }
    }
}
