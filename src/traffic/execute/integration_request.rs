//! Fifth phase: the call that is made of the request: URI, query, headers and body for the endpoint.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use rand::Rng;

use super::journal;
use super::method_request::Accepted;
use super::outcome::Outcome;
use super::route::Routed;
use crate::mapping::parameters::{Source, Target};
use crate::mapping::query::{self, Query};
use crate::mapping::template::Template;
use crate::observe::clock::Clock;
use crate::traffic::integration::{Origin, http1, status_code};
use crate::traffic::message::{Body, Headers, Peer, Refusal, Request, ResponseType};
use crate::traffic::stage::{Chosen, CompiledHttp, CompiledIntegration, CompiledMock, Host, PathParameters};

/// A request with its call, ready to go.
pub(super) struct Prepared {
    pub(super) routed: Routed,
    pub(super) call: Call,
}

pub(super) enum Call {
    /// To an HTTP endpoint.
    Http(http1::Call),
    /// To nobody: this is the status that the templates gave, or none where nothing said one.
    Mock(Option<i64>),
}

const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const API_ID: HeaderName = HeaderName::from_static("x-amzn-apigateway-api-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

pub(super) fn prepare(accepted: Accepted, outcome: &mut Outcome, clock: &Clock) -> Result<Prepared, Refusal> {
    let mut routed = accepted.0;
    let method = Arc::clone(&routed.method);
    let call = match &method.integration {
        CompiledIntegration::Http(http) => {
            let call = Preparation::new(&routed, http).call(&mut routed, outcome, clock)?;
            journal::call(outcome, &call);
            Call::Http(call)
        }
        CompiledIntegration::Mock(mock) => Call::Mock(mocked(&routed, mock)?),
        CompiledIntegration::Unsupported(kind) => {
            return Err(Refusal::configuration(format_args!(
                "integrations of type {kind} like this one are not available yet"
            )));
        }
    };
    Ok(Prepared { routed, call })
}

/// What a MOCK's template says.
fn mocked(routed: &Routed, mock: &CompiledMock) -> Result<Option<i64>, Refusal> {
    let rendered = match mock.templates.choose(routed.request.headers.last_text("content-type")) {
        Chosen::Template(template) => render(template)?,
        // Without a template and a body there is no status: the default response answers.
        Chosen::Passes => return Ok(None),
        Chosen::Refused => return Err(unsupported_media_type()),
    };
    status_code(rendered).map(Some).ok_or_else(|| {
        Refusal::configuration(
            "Unable to parse statusCode. It should be an integer that is defined in the request template.",
        )
    })
}

pub(super) fn render(template: &Template) -> Result<&str, Refusal> {
    template.render().map_err(Refusal::configuration)
}

fn unsupported_media_type() -> Refusal {
    Refusal {
        response: ResponseType::UnsupportedMediaType,
        ..Refusal::bad_request(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type")
    }
}

/// The values that mappings take from one request.
struct Preparation<'a> {
    http: &'a CompiledHttp,
    headers: Vec<(HeaderName, HeaderValue)>,
    path: PathParameters,
    query: Vec<(String, String)>,
}

impl<'a> Preparation<'a> {
    fn new(routed: &Routed, http: &'a CompiledHttp) -> Self {
        let mut this = Self { http, headers: Vec::new(), path: Vec::new(), query: Vec::new() };
        if http.mapped.is_empty() {
            return this;
        }
        let query = Query::parse(routed.request.uri.query().unwrap_or_default());
        for mapped in &http.mapped {
            let values = values(&mapped.source, routed, &query);
            match (&mapped.target, values.last()) {
                (_, None) => {}
                (Target::Path(name), Some(value)) => this.path.push((name.clone(), value.clone().into_owned())),
                (Target::Query(name), Some(_)) => {
                    this.query.extend(values.into_iter().map(|value| (name.clone(), value.into_owned())));
                }
                (Target::Header(name), Some(_)) => {
                    let name = HeaderName::from_bytes(name.as_bytes());
                    if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&values.join(","))) {
                        this.headers.push((name, value));
                    }
                }
            }
        }
        this
    }

    fn call(self, routed: &mut Routed, outcome: &mut Outcome, clock: &Clock) -> Result<http1::Call, Refusal> {
        let http = self.http;
        if let Some(header) = &http.unmappable {
            return Err(Refusal::configuration(format_args!("{} header already present", header.0)));
        }
        let trace = trace_id(&routed.request, clock);
        if !http.proxy {
            outcome.traced(&trace);
        }
        let (origin, target) = self.address(&routed.request)?;
        let method = http.verb.clone().unwrap_or_else(|| routed.request.method.clone());
        let body = self.body(routed, &method)?;
        let headers = self.headers(routed, &method, &trace);
        Ok(http1::Call { origin, method, target, headers, body, timeout: http.timeout })
    }

    /// Whom to call, and with which path and query.
    fn address(&self, request: &Request) -> Result<(Arc<Origin>, String), Refusal> {
        let invalid = || Refusal::configuration("Invalid endpoint address");
        if self.path.iter().any(|(_, value)| climbs(value)) {
            return Err(Refusal::bad_request(StatusCode::BAD_REQUEST, "Bad Request"));
        }
        let value_of =
            |name: &str| self.path.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let rendered: Cow<'_, str> = match self.http.uri.constant() {
            Some(constant) => Cow::Borrowed(constant),
            None => Cow::Owned(self.http.uri.render(value_of)),
        };
        // The path begins at the same place in the rendered URI as in the compiled one when the origin is constant.
        let (origin, rest) = match &self.http.host {
            Host::Constant(origin) => (Arc::clone(origin), Origin::parse(&rendered).ok_or_else(invalid)?.1),
            Host::Dynamic => {
                let (origin, rest) = Origin::parse(&rendered).ok_or_else(invalid)?;
                (Arc::new(origin), rest)
            }
            Host::Invalid => return Err(invalid()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (path, own_query) = rest.split_once('?').unwrap_or((rest, ""));
        // A placeholder that nothing is mapped to is still in its braces.
        if rest.bytes().any(|byte| byte <= b' ' || byte == 0x7f || b"{}|\\^`\"<>".contains(&byte)) {
            return Err(invalid());
        }
        let mut target = String::with_capacity(rest.len() + 64);
        if !path.starts_with('/') {
            target.push('/');
        }
        target.push_str(path);
        let query = self.query(own_query, request.uri.query().unwrap_or_default());
        if !query.is_empty() {
            target.push('?');
            target.push_str(&query);
        }
        Ok((origin, target))
    }

    /// The URI's own query, then the caller's (`HTTP_PROXY` alone), then what is mapped.
    fn query<'q>(&self, own: &'q str, callers: &'q str) -> Cow<'q, str> {
        let callers = if self.http.proxy { callers } else { "" };
        if self.query.is_empty() {
            if callers.is_empty() {
                return Cow::Borrowed(own);
            }
            if own.is_empty() && query::is_plain(callers) {
                return Cow::Borrowed(callers);
            }
        }
        let mut out = own.to_owned();
        for (name, value) in Query::parse(callers).iter() {
            query::append(&mut out, name, value);
        }
        for (name, value) in &self.query {
            query::append(&mut out, name, value);
        }
        Cow::Owned(out)
    }

    fn body(&self, routed: &mut Routed, method: &Method) -> Result<Body, Refusal> {
        let body = std::mem::replace(&mut routed.request.body, Body::Empty);
        if self.http.proxy {
            return Ok(body);
        }
        let rendered = match self.http.templates.choose(routed.request.headers.last_text("content-type")) {
            Chosen::Template(template) => Some(render(template)?.to_owned()),
            Chosen::Passes => None,
            Chosen::Refused => return Err(unsupported_media_type()),
        };
        match rendered {
            Some(text) if bears_body(method) => Ok(Body::Whole(Bytes::from(text))),
            None if bears_body(method) => Ok(body),
            _ => Ok(Body::Empty),
        }
    }

    fn headers(self, routed: &Routed, method: &Method, trace: &str) -> Headers {
        let request = &routed.request;
        let mut headers = Headers::with_capacity(16);
        if self.http.proxy {
            let passed = request.headers.iter().filter(|(name, _)| is_passed(name));
            passed.for_each(|(name, value)| headers.append(name.clone(), value.clone()));
            forwarded(request, &mut headers);
        } else {
            headers.append(ACCEPT, HeaderValue::from_static("application/json"));
            if bears_body(method) {
                let content_type = request.headers.last(&CONTENT_TYPE).cloned();
                headers
                    .append(CONTENT_TYPE, content_type.unwrap_or_else(|| HeaderValue::from_static("application/json")));
            }
        }
        let needs_agent = !self.http.proxy || request.headers.last(&USER_AGENT).is_none();
        if needs_agent && let Ok(agent) = HeaderValue::from_str(&format!("AmazonAPIGateway_{}", routed.stage.api)) {
            headers.append(USER_AGENT, agent);
        }
        if let Ok(api) = HeaderValue::from_str(routed.stage.api.as_str()) {
            headers.set(API_ID, api);
        }
        if let Ok(trace) = HeaderValue::from_str(trace) {
            headers.set(TRACE_ID, trace);
        }
        for (name, value) in self.headers {
            headers.set(name, value);
        }
        headers
    }
}

/// The values of a mapping's source; none or an empty one sets nothing.
fn values<'r>(source: &'r Source, routed: &'r Routed, query: &'r Query<'r>) -> Vec<Cow<'r, str>> {
    let headers = &routed.request.headers;
    let mut values: Vec<Cow<'r, str>> = match source {
        Source::Path(name) => {
            let found = routed.path_parameters.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| Cow::Borrowed(value.as_str())).into_iter().collect()
        }
        Source::Query(name) => query.last(name).map(Cow::Borrowed).into_iter().collect(),
        Source::QueryAll(name) => query.all(name).map(Cow::Borrowed).collect(),
        Source::Header(name) | Source::HeaderAll(name) if is_taken_off(&name.to_ascii_lowercase()) => Vec::new(),
        Source::Header(name) => headers.last_text(name).map(Cow::Borrowed).into_iter().collect(),
        Source::HeaderAll(name) => {
            headers.all(name).filter_map(|value| value.to_str().ok()).map(Cow::Borrowed).collect()
        }
        Source::Context(name) => context(name, routed).into_iter().collect(),
        Source::Constant(value) => vec![Cow::Borrowed(value.as_str())],
        Source::Body => Vec::new(),
    };
    values.retain(|value| !value.is_empty());
    values
}

/// The `$context` variables that a request has by now.
pub(super) fn context<'r>(name: &str, routed: &'r Routed) -> Option<Cow<'r, str>> {
    let request = &routed.request;
    Some(match name {
        "apiId" => Cow::Borrowed(routed.stage.api.as_str()),
        "stage" => Cow::Borrowed(routed.stage.name.as_str()),
        "deploymentId" => Cow::Borrowed(routed.stage.deployed(routed.side).deployment.as_str()),
        "httpMethod" => Cow::Borrowed(request.method.as_str()),
        "resourcePath" => Cow::Borrowed(routed.method.resource_path.as_str()),
        "resourceId" => Cow::Borrowed(routed.method.resource.as_str()),
        "path" => Cow::Borrowed(request.uri.path()),
        "protocol" => Cow::Borrowed("HTTP/1.1"),
        "requestId" => Cow::Owned(request.id.to_string()),
        "domainName" => Cow::Borrowed(request.host.as_str()),
        "domainPrefix" => Cow::Borrowed(request.host.split('.').next().unwrap_or_default()),
        "identity.sourceIp" => Cow::Owned(request.peer.to_string()),
        "identity.userAgent" => Cow::Borrowed(request.headers.last_text("user-agent")?),
        _ => return None,
    })
}

/// Whether a caller's header reaches an `HTTP_PROXY` backend (data-plane reference, 4 and 11.1).
///
/// What belongs to one connection never does, whatever the reference says of it.
fn is_passed(name: &HeaderName) -> bool {
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
            | "x-forwarded-for"
            | "x-forwarded-port"
            | "x-forwarded-proto"
    );
    !never && !is_taken_off(name.as_str())
}

/// Headers that API Gateway takes off a request: no mapping and no backend sees them (data-plane reference, 4).
fn is_taken_off(name: &str) -> bool {
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
    )
}

/// Says who called, and how: the chain of addresses grows, port and scheme are this gateway's. A request that was made
/// up came from nowhere.
fn forwarded(request: &Request, headers: &mut Headers) {
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
fn trace_id(request: &Request, clock: &Clock) -> String {
    match request.headers.last_text(TRACE_ID.as_str()) {
        Some(trace) if trace.contains("Root=") => trace.to_owned(),
        _ => {
            let tail = rand::rng().random::<u128>() >> 32;
            format!("Root=1-{:08x}-{tail:024x}", clock.since_epoch().as_secs())
        }
    }
}

fn bears_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
}

/// Whether a path value would leave the place that the URI gives it: a `..` segment, in any spelling.
fn climbs(value: &str) -> bool {
    if !value.contains("..") && !value.contains('%') {
        return false;
    }
    let decoded = percent_decode_str(value).decode_utf8_lossy();
    decoded.contains('\0') || decoded.split(['/', '\\']).any(|segment| segment == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_climb_out_of_their_place_are_known() {
        for (value, expected) in [
            ("a/b", false),
            ("..a", false),
            ("a..b/c", false),
            ("..", true),
            ("a/../b", true),
            ("%2e%2e/x", true),
            ("a%2F..%2Fb", true),
            ("a\\..\\b", true),
            ("a%00", true),
            ("a%2Fb", false),
        ] {
            assert_eq!(climbs(value), expected, "{value}");
        }
    }
}
