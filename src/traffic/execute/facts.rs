//! What is known of a request so far: whatever `$context` says of it, in parameter mappings, templates and gateway
//! responses.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::Owner;
use super::headers::is_taken_off;
use super::socket::SocketEvent;
use crate::mapping::input::{self, Parameters};
use crate::mapping::query::Query;
use crate::model::rest::Strings;
use crate::traffic::authorizer::Permission;
use crate::traffic::message::{Head, Request, spelled};
use crate::traffic::stage::{CompiledMethod, CompiledStage, Deployed, PathParameters, Side};
use crate::traffic::usage::Seat;

/// When a request arrived, in the common log format.
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

/// The variables of a call that nobody signed, in AWS's order; `identity` and the overrides stand among them.
pub(super) const NAMES: [&str; 18] = [
    "resourceId",
    "resourcePath",
    "httpMethod",
    "extendedRequestId",
    "requestTime",
    "path",
    "accountId",
    "protocol",
    "requestOverride",
    "stage",
    "domainPrefix",
    "requestTimeEpoch",
    "requestId",
    "identity",
    "domainName",
    "deploymentId",
    "responseOverride",
    "apiId",
];

/// A caller whom an authorizer let in.
#[derive(Clone)]
pub(super) struct Authorized {
    /// What the authorizer said.
    pub(super) permission: Arc<Permission>,
    /// How long it took; nothing, if it was known.
    pub(super) latency: Duration,
}

impl Authorized {
    /// How long the authorizer took, in milliseconds.
    pub(super) fn latency_millis(&self) -> u64 {
        u64::try_from(self.latency.as_millis()).unwrap_or(u64::MAX)
    }

    /// A variable of `$context.authorizer`.
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        match name {
            "integrationLatency" => Some(Cow::Owned(self.latency_millis().to_string())),
            name => self.permission.value(name).map(Cow::Borrowed),
        }
    }

    /// The names of the variables of `$context.authorizer`.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let context = self.permission.context.iter().map(|(name, _)| name.as_str());
        ["principalId", "integrationLatency"].into_iter().chain(context)
    }
}

/// What is known of a request so far.
#[derive(Clone)]
pub(super) struct Facts {
    owner: Arc<Owner>,
    head: Rc<Head>,
    stage: Option<(Arc<CompiledStage>, Side)>,
    /// The request's path with its stage, if the request itself has another.
    path: Option<Rc<str>>,
    method: Option<(Arc<CompiledMethod>, Rc<PathParameters>)>,
    /// What the method's authorizer says of the caller.
    authorized: Option<Rc<Authorized>>,
    /// `$context` variables that an operator made up.
    given: Option<Rc<Strings>>,
    /// Whose API key the request has.
    seat: Option<Arc<Seat>>,
    /// What `$input.params()` is made of, for all templates of the request.
    parameters: OnceCell<Rc<Parameters>>,
    /// What happened on a connection, if the request stands for that.
    socket: Option<SocketEvent>,
}

impl Facts {
    pub(super) fn new(owner: &Arc<Owner>, request: &Request) -> Self {
        Self {
            owner: Arc::clone(owner),
            head: Rc::clone(request.head()),
            stage: None,
            path: None,
            method: None,
            authorized: None,
            given: None,
            seat: None,
            parameters: OnceCell::new(),
            socket: None,
        }
    }

    /// What is known of an event of a connection, which `request` stands for.
    pub(super) fn of_event(
        owner: &Arc<Owner>,
        request: &Request,
        event: SocketEvent,
        authorized: Option<Rc<Authorized>>,
        seat: Option<Arc<Seat>>,
    ) -> Self {
        Self { authorized, seat, socket: Some(event), ..Self::new(owner, request) }
    }

    /// The request asks for a connection.
    pub(super) fn connecting(&mut self, event: SocketEvent) {
        self.socket = Some(event);
    }

    /// What happened on a connection, if that is what the request stands for.
    pub(super) fn socket(&self) -> Option<&SocketEvent> {
        self.socket.as_ref()
    }

    /// The stage that was found, and the path by which callers know it, if the request has another.
    pub(super) fn located(&mut self, stage: &Arc<CompiledStage>, side: Side, path: Option<String>) {
        self.path = path.map(Rc::from);
        self.stage = Some((Arc::clone(stage), side));
    }

    /// The method that was found for a request, whose head may have changed on the way.
    pub(super) fn routed(&mut self, request: &Request, method: &Arc<CompiledMethod>, path: &Rc<PathParameters>) {
        self.head = Rc::clone(request.head());
        self.method = Some((Arc::clone(method), Rc::clone(path)));
    }

    /// The route that was found for a connection's event.
    pub(super) fn routed_event(&mut self, method: &Arc<CompiledMethod>) {
        thread_local! {
            static NONE: Rc<PathParameters> = Rc::default();
        }
        self.method = Some((Arc::clone(method), NONE.with(Rc::clone)));
    }

    /// The seat that the request's API key has.
    pub(super) fn keyed(&mut self, seat: &Arc<Seat>) {
        self.seat = Some(Arc::clone(seat));
    }

    /// An authorizer lets the caller in.
    pub(super) fn let_in(&mut self, authorized: Authorized) {
        self.authorized = Some(Rc::new(authorized));
    }

    /// For those who look for a caller's identity these variables stand in the place of what is known.
    pub(super) fn give(&mut self, variables: Strings) {
        self.given = Some(Rc::new(variables));
    }

    /// The value of a `$context` variable that an operator made up.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.given.as_ref()?.get(name).map(String::as_str)
    }

    /// What the method's authorizer says of the caller.
    pub(super) fn authorized(&self) -> Option<&Authorized> {
        self.authorized.as_deref()
    }

    /// The same, to be kept.
    pub(super) fn authorization(&self) -> Option<Rc<Authorized>> {
        self.authorized.clone()
    }

    /// The seat that the request's API key has.
    pub(super) fn seat(&self) -> Option<&Arc<Seat>> {
        self.seat.as_ref()
    }

    /// The request's id, in the form that its API's have.
    pub(super) fn request_id(&self) -> String {
        self.context("requestId").unwrap_or_default().into_owned()
    }

    /// What is called, in the words of the execution log.
    pub(super) fn target(&self) -> String {
        match (&self.socket, self.method()) {
            (Some(_), Some(method)) => format!("route '{}'", method.resource_path),
            (None, Some(method)) => format!("method '{} {}'", self.head.method, method.resource_path),
            (_, None) => String::new(),
        }
    }

    /// The region that the gateway stands for.
    pub(super) fn region(&self) -> &str {
        &self.owner.region
    }

    /// Whether the request's path named the API.
    pub(super) fn is_by_path(&self) -> bool {
        self.path.is_some()
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    pub(super) fn stage(&self) -> Option<&CompiledStage> {
        self.stage.as_ref().map(|(stage, _)| &**stage)
    }

    pub(super) fn side(&self) -> Option<Side> {
        self.stage.as_ref().map(|(_, side)| *side)
    }

    /// The deployment that answers.
    pub(super) fn deployed(&self) -> Option<&Deployed> {
        self.stage.as_ref().map(|(stage, side)| stage.deployed(*side))
    }

    pub(super) fn method(&self) -> Option<&CompiledMethod> {
        self.method.as_ref().map(|(method, _)| &**method)
    }

    /// The parameters of the path, still encoded.
    pub(super) fn path_parameters(&self) -> &[(String, String)] {
        self.method.as_ref().map_or(&[], |(_, path)| path.as_slice())
    }

    /// The value of a `$context` variable, for example `identity.sourceIp`.
    pub(super) fn context(&self, name: &str) -> Option<Cow<'_, str>> {
        if let Some(name) = name.strip_prefix("authorizer.") {
            return self.authorized()?.value(name);
        }
        let head = &*self.head;
        if let Some(event) = &self.socket {
            if let Some(value) = event.context(name, self) {
                return Some(value);
            }
            // What only requests have.
            if matches!(name, "resourceId" | "resourcePath" | "httpMethod" | "path" | "protocol" | "identity.userAgent")
            {
                return None;
            }
        }
        Some(match name {
            "accountId" => Cow::Borrowed(self.owner.account.as_str()),
            "apiId" => Cow::Borrowed(self.stage()?.api.as_str()),
            "stage" => Cow::Borrowed(self.stage()?.name.as_str()),
            "deploymentId" => Cow::Borrowed(self.deployed()?.deployment.as_str()),
            "isCanaryRequest" => {
                self.stage()?.canary.as_ref()?;
                Cow::Borrowed(if self.side()? == Side::Canary { "true" } else { "false" })
            }
            "resourceId" => Cow::Borrowed(self.method()?.resource.as_str()),
            "resourcePath" => Cow::Borrowed(self.method()?.resource_path.as_str()),
            "httpMethod" => Cow::Borrowed(head.method.as_str()),
            "path" => Cow::Borrowed(self.path.as_deref().unwrap_or_else(|| head.uri.path())),
            "protocol" => Cow::Borrowed("HTTP/1.1"),
            "requestId" => Cow::Owned(head.id.to_string()),
            "extendedRequestId" => Cow::Owned(head.extended_id()),
            "requestTime" => Cow::Owned(self.time()),
            "requestTimeEpoch" => Cow::Owned(head.arrived.as_millis().to_string()),
            "domainName" => Cow::Borrowed(&*head.host),
            "domainPrefix" => Cow::Borrowed(head.host.split('.').next().unwrap_or_default()),
            "identity.sourceIp" => Cow::Owned(head.peer.to_string()),
            "identity.apiKey" => Cow::Borrowed(self.seat.as_ref()?.value()),
            "identity.apiKeyId" => Cow::Borrowed(self.seat.as_ref()?.key()),
            "identity.userAgent" => Cow::Borrowed(head.headers.last_text("user-agent")?),
            _ => return None,
        })
    }

    fn time(&self) -> String {
        let seconds = i64::try_from(self.head.arrived.as_secs()).unwrap_or(i64::MAX);
        let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        time.format(TIME).unwrap_or_default()
    }
}

impl input::Request for Facts {
    /// What `$input.params()` is made of; asked for when the method is known.
    fn parameters(self: Rc<Self>) -> Rc<Parameters> {
        let made = self.parameters.get_or_init(|| {
            let query = Query::parse(self.head.uri.query().unwrap_or_default());
            let header = |(name, value): &(HeaderName, HeaderValue)| {
                Some((spelled(name.as_str()).into_owned(), value.to_str().ok()?.to_owned()))
            };
            let headers = self.head.headers.iter().filter(|(name, _)| !is_taken_off(name.as_str()));
            Rc::new(Parameters {
                path: self.path_parameters().to_vec(),
                querystring: query.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
                header: headers.filter_map(header).collect(),
            })
        });
        Rc::clone(made)
    }
}
