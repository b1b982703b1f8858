//! May a connection be opened: AWS's checks in AWS's order, then what the `$connect` route's integration says (WebSocket
//! reference, A2).

use std::rc::Rc;
use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, SERVER, UPGRADE};
use http::{HeaderName, StatusCode};
use tokio::time::Instant;

use super::connection::Connection;
use super::event::{Kind, SocketEvent};
use super::{groups, perform, record};
use crate::model::connection::ConnectionId;
use crate::traffic::execute::access::{self, Admitted};
use crate::traffic::execute::endpoint::{self, Located};
use crate::traffic::execute::method_request::check_parameters;
use crate::traffic::execute::outcome::Outcome;
use crate::traffic::execute::route::Routed;
use crate::traffic::execute::{Execute, api_key, gateway_response, journal, method_response, quota, throttle};
use crate::traffic::message::{Headers, Refusal, Reply, Request};
use crate::traffic::stage::CONNECT;

/// The address of a connection has at most so many characters, path and query.
const MAX_URL: usize = 4096;

/// A connection that may be opened.
pub struct Connected {
    /// What its events will have to know.
    pub connection: Rc<Connection>,
    /// Header fields of the answer that opens it, without those of the handshake itself; the subprotocol is one of them.
    pub headers: Headers,
    /// Groups that it joins.
    pub groups: Vec<Box<str>>,
}

/// What becomes of somebody's wish to connect.
enum Decision {
    Opened(Connected),
    /// What the integration answers instead.
    Answered(Reply),
}

impl Execute {
    /// Whether a connection may be opened that a request to upgrade asks for; it gets this id. `handshake` says what is
    /// wrong with the request as a handshake, if anything is. If it may not: the answer, which is also what a request gets
    /// that is for no WebSocket API at all.
    pub async fn connect(
        &self,
        request: Request,
        id: ConnectionId,
        handshake: Result<(), Refusal>,
    ) -> Result<Connected, Reply> {
        let mut outcome = Outcome::new(&self.owner, &request, Instant::now());
        let located = match endpoint::locate(&self.directory, &self.backends.limits, request, &mut outcome) {
            Ok(located) => located,
            Err(refusal) => return Err(self.finish(Err(refusal), outcome)),
        };
        if located.stage.base.routes.is_none() {
            let result = Box::pin(self.answer(located, &mut outcome)).await;
            return Err(self.finish(result, outcome));
        }
        let connection = Connection::asked_for(id, &located.stage.api, &located.stage.name, &located.request);
        outcome.connecting(SocketEvent { connection: Rc::new(connection), kind: Kind::Connect });
        self.explain.begin(&mut outcome);
        let result = match handshake {
            Ok(()) => Box::pin(self.decide(located, id, &mut outcome)).await,
            Err(refusal) => Err(refusal),
        };
        let (decided, refusal) = match result {
            Ok(Decision::Opened(connected)) => {
                journal::connected(&mut outcome);
                (Ok(connected), None)
            }
            Ok(Decision::Answered(reply)) => (Err(reply), None),
            Err(refusal) => {
                outcome.refused(&refusal);
                (Err(gateway_response::render(&refusal, outcome.facts())), Some(refusal))
            }
        };
        let status = decided.as_ref().map_or_else(|reply| reply.status, |_| StatusCode::SWITCHING_PROTOCOLS);
        record::connect(&outcome, refusal.as_ref(), status);
        let decided = decided.map_err(|mut reply| {
            outcome.mark(&mut reply);
            reply
        });
        self.explain.keep(&mut outcome, refusal.as_ref(), status);
        decided
    }

    /// The checks, and the integration.
    async fn decide(&self, located: Located, id: ConnectionId, outcome: &mut Outcome) -> Result<Decision, Refusal> {
        let Located { request, stage, path, .. } = located;
        if request.uri.path_and_query().map_or(0, |text| text.as_str().len()) > MAX_URL {
            return Err(Refusal::bad_request(StatusCode::URI_TOO_LONG, "Request URI too long"));
        }
        if !matches!(path.as_str(), "" | "/") {
            return Err(Refusal::forbidden("a WebSocket API has nothing below its stage"));
        }
        let head = Rc::clone(request.head());
        let connected = |outcome: &Outcome, headers: Headers, groups| {
            let authorized = outcome.facts().authorization();
            let seat = outcome.facts().seat().map(Arc::clone);
            let seat = seat.or_else(|| api_key::shown_early(&head, &stage, &self.desk, outcome));
            let connection = Connection::asked_for(id, &stage.api, &stage.name, &head);
            let connection = Rc::new(Connection { authorized, seat, ..connection });
            Ok(Decision::Opened(Connected { connection, headers, groups }))
        };
        let Some(route) = stage.base.routes.as_ref().and_then(|routes| routes.of_connection(CONNECT)).map(Arc::clone)
        else {
            outcome.decided("route", |_| "there is no $connect: whoever asks may connect".to_owned());
            return connected(outcome, Headers::default(), Vec::new());
        };
        outcome.routed_event(&route);
        throttle::pass_stage(&route.method, outcome)?;
        check_parameters(outcome.facts())?;
        let routed =
            Routed { request, stage: Arc::clone(&stage), method: Arc::clone(&route.method), path: "/".to_owned() };
        let admitted = access::admit(routed, &self.backends, outcome).await?;
        let keyed = api_key::identify(admitted, &self.desk, outcome)?;
        let keyed = throttle::pass_plan(keyed, outcome).await?;
        let Admitted(routed) = quota::spend(keyed, outcome).await?;
        if !route.has_target {
            outcome.decided("integration", |_| "$connect has none: the connection is opened".to_owned());
            return connected(outcome, Headers::default(), Vec::new());
        }
        let mut mapped = perform(routed.request, Arc::clone(&stage), (&route, true), &self.backends, outcome).await?;
        let groups = groups::take(&mut mapped.headers);
        outcome.decided("connection", |_| format!("the integration's status is {}", mapped.status.as_u16()));
        if !mapped.status.is_success() {
            return Ok(Decision::Answered(method_response::finish(mapped, outcome)));
        }
        // Taken whole, so that its connection is used again.
        let _ = mapped.body.whole(self.backends.limits.answer).await;
        connected(outcome, passed(mapped.headers), groups.join)
    }
}

/// Of the integration's header fields those that go into the answer which opens the connection: none of the connection's
/// own, of the handshake's, or about a body that the answer has not.
fn passed(headers: Headers) -> Headers {
    let mut passed = Headers::default();
    for (name, value) in headers.into_iter().filter(|(name, _)| is_passed(name)) {
        passed.append(name, value);
    }
    passed
}

fn is_passed(name: &HeaderName) -> bool {
    let known = [CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, SERVER, UPGRADE];
    let is_ours = matches!(
        name.as_str(),
        "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "via"
            | "sec-websocket-accept"
            | "sec-websocket-extensions"
            | "sec-websocket-key"
            | "sec-websocket-version"
            | "x-amzn-requestid"
            | "x-amz-apigw-id"
    );
    !is_ours && !known.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handshakes_own_fields_are_not_the_integrations_to_say() {
        for (name, expected) in [
            ("sec-websocket-protocol", true),
            ("set-cookie", true),
            ("x-mine", true),
            ("sec-websocket-accept", false),
            ("sec-websocket-extensions", false),
            ("connection", false),
            ("upgrade", false),
            ("transfer-encoding", false),
            ("content-type", false),
            ("content-length", false),
        ] {
            assert_eq!(is_passed(&HeaderName::from_static(name)), expected, "{name}");
        }
    }
}
