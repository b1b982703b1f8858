//! First phase: which API, which stage, which side of its canary; and is the request small enough to look at.

use std::borrow::Cow;
use std::sync::Arc;

use http::StatusCode;

use super::address::{self, Address};
use super::outcome::Outcome;
use super::target;
use crate::traffic::message::{Refusal, Request};
use crate::traffic::stage::{CompiledStage, Directory, Place, Served, Side};

/// The most of everything that a request may be; AWS's figures by default.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: u64,
    /// Bytes of all header fields together.
    pub headers: usize,
    /// Characters of path and query.
    pub url: usize,
    /// Bytes of an answer's body, unless its integration streams answers.
    pub answer: u64,
    /// Bytes of an answer to a message of a WebSocket connection.
    pub message: u64,
    /// Whether an answer that is bytes is sent to a WebSocket connection as a binary message. AWS sends text alone.
    pub sends_binary: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 10_485_760,
            headers: 10_240,
            url: 10_240,
            answer: 10_485_760,
            message: 131_072,
            sends_binary: false,
        }
    }
}

/// A request whose stage is known.
pub(super) struct Located {
    pub(super) request: Request,
    pub(super) stage: Arc<CompiledStage>,
    pub(super) side: Side,
    /// The path within the stage, with its slash at the start.
    pub(super) path: String,
}

pub(super) fn locate(
    directory: &Directory,
    limits: &Limits,
    mut request: Request,
    outcome: &mut Outcome,
) -> Result<Located, Refusal> {
    if request.uri.path_and_query().map_or(0, |text| text.as_str().len()) > limits.url {
        return Err(Refusal::bad_request(StatusCode::URI_TOO_LONG, "Request URI too long"));
    }
    if request.headers.wire_size() > limits.headers {
        return Err(Refusal::bad_request(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "Request header fields too large",
        ));
    }
    if !target::is_path(request.uri.path()) || !request.uri.query().is_none_or(target::is_query) {
        return Err(Refusal::bad_request(StatusCode::BAD_REQUEST, "Bad Request"));
    }
    let served;
    let mut by_path = false;
    let address = match address::of_host(&request.host, request.uri.path()) {
        Some(address) => address,
        None => {
            served = directory.names().find(&request.host);
            match &served {
                Some(served) => mapped(served, request.uri.path())?,
                None => {
                    by_path = true;
                    address::of_path(request.uri.path())
                        .ok_or_else(|| Refusal::forbidden("neither the host nor the path names an API"))?
                }
            }
        }
    };
    let stage = directory
        .find(&address.api, address.stage)
        .ok_or_else(|| Refusal::forbidden("there is no such API, or it has no such stage"))?;
    let path = address.path.to_owned();
    let by_host = address.by_host;
    let (side, deployed) = stage.draw();
    if by_host && deployed.endpoint_disabled {
        return Err(Refusal::forbidden("the API's execute-api endpoint is disabled"));
    }
    // What says which API is meant is no part of the path that callers use at AWS.
    let shown = by_path.then(|| format!("/{}{path}", stage.name));
    outcome.located(&stage, side, shown);
    request.body = request.take_body().bounded(limits.body).map_err(Refusal::body)?;
    Ok(Located { request, stage, side, path })
}

/// Only requests to upgrade reach a WebSocket API (WebSocket reference, A2).
pub(super) fn of_methods(located: Located) -> Result<Located, Refusal> {
    match located.stage.base.routes {
        None => Ok(located),
        Some(_) => Err(Refusal {
            response: None,
            status: StatusCode::UPGRADE_REQUIRED,
            error_type: "BadRequestException",
            message: Cow::Borrowed("Upgrade Required"),
            reason: Cow::Borrowed("the API is a WebSocket API, and the request does not ask for a connection"),
            validation: None,
        }),
    }
}

/// Where a path of a custom domain name leads.
fn mapped<'a>(served: &'a Served, path: &'a str) -> Result<Address<'a>, Refusal> {
    if served.needs_certificate() {
        return Err(Refusal::forbidden(
            "the domain name asks for mutual TLS, and this release can't check certificates of callers",
        ));
    }
    match served.find(path) {
        Some(Place { api, stage, path }) => Ok(Address { api: Cow::Borrowed(api), stage, path, by_host: false }),
        None => Err(Refusal::forbidden("no base path mapping of the domain name covers the path")),
    }
}
