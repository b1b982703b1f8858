//! Header fields of a request on its way to an endpoint: which go on, and which the gateway adds.

use std::fmt::Write;

use http::{HeaderName, HeaderValue};
use rand::Rng;

use crate::observe::clock::Clock;
use crate::traffic::message::{Head, Headers, Peer};

pub(super) const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");
pub(super) const API_ID: HeaderName = HeaderName::from_static("x-amzn-apigateway-api-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether a caller's header reaches an `HTTP_PROXY` backend (data-plane reference, 4 and 11.1).
///
/// What belongs to one connection never does, whatever the reference says of it.
pub(super) fn is_passed(name: &HeaderName) -> bool {
    let never = matches!(
        name.as_str(),
        "host"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authorization"
            | "content-encoding"
            | "via"
            | "x-amzn-requestid"
            | "x-amzn-trace-id"
    );
    !never && !is_forwarded(name.as_str()) && !is_taken_off(name.as_str())
}

/// Headers that API Gateway takes off a request: no mapping and no backend sees them (data-plane reference, 4).
pub(super) fn is_taken_off(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "content-length"
            | "content-md5"
            | "expect"
            | "max-forwards"
            | "proxy-authenticate"
            | "server"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "www-authenticate"
            // Between callers and this gateway alone.
            | super::explain::HEADER
    )
}

/// Header fields that say who called, and how.
pub(super) fn is_forwarded(name: &str) -> bool {
    matches!(name, "x-forwarded-for" | "x-forwarded-port" | "x-forwarded-proto")
}

/// Says who called, and how: the chain of addresses grows, port and scheme are this gateway's. A request that was made
/// up came from nowhere.
pub(super) fn forwarded(request: &Head, headers: &mut Headers) {
    let Peer::Address(address) = request.peer else { return };
    let mut chain = String::with_capacity(32);
    for value in request.headers.all(FORWARDED_FOR.as_str()).filter_map(|value| value.to_str().ok()) {
        chain.push_str(value);
        chain.push_str(", ");
    }
    let _ = write!(chain, "{address}");
    if let Ok(value) = HeaderValue::from_str(&chain) {
        headers.append(FORWARDED_FOR, value);
    }
    headers.append(FORWARDED_PORT, HeaderValue::from(request.port));
    headers.append(FORWARDED_PROTO, HeaderValue::from_static(if request.secure { "https" } else { "http" }));
}

/// The caller's trace goes on; without one it begins here.
pub(super) fn trace_id(request: &Head, clock: &Clock) -> String {
    match request.headers.last_text(TRACE_ID.as_str()) {
        Some(trace) if trace.contains("Root=") => trace.to_owned(),
        _ => {
            let tail = rand::rng().random::<u128>() >> 32;
            format!("Root=1-{:08x}-{tail:024x}", clock.since_epoch().as_secs())
        }
    }
}
