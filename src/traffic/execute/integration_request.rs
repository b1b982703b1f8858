//! Fifth phase: the call that is made of the request: URI, query, headers and body for the endpoint.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::content::{self, Content};
use super::facts::Facts;
use super::headers::{API_ID, TRACE_ID, forwarded, is_passed, trace_id};
use super::journal;
use super::method_request::Accepted;
use super::outcome::Outcome;
use super::rendering::{self, Overrides};
use super::route::Routed;
use super::sources::Sources;
use crate::mapping::document::Document;
use crate::mapping::parameters::Target;
use crate::mapping::query::{self, Query};
use crate::model::rest::{ContentHandling, GatewayResponseType};
use crate::observe::clock::Clock;
use crate::traffic::integration::{Origin, http1, status_code};
use crate::traffic::message::{Body, Headers, Peer, Refusal};
use crate::traffic::stage::{
    Chosen, CompiledHttp, CompiledIntegration, CompiledMock, Host, Mapped, PathParameters, TemplateChoice,
};

/// A body that passes has at most so many bytes if it is sent in one piece, and not as it comes.
const GATHERED: u64 = 64 * 1024;

/// A request with its call, ready to go.
pub(super) struct Prepared {
    pub(super) routed: Routed,
    pub(super) call: Call,
    /// What the request's template wrote over request and answer.
    pub(super) overrides: Option<Overrides>,
}

pub(super) enum Call {
    /// To an HTTP endpoint.
    Http(http1::Call),
    /// To nobody: this is the status that the templates gave, or none where nothing said one.
    Mock(Option<i64>),
}

pub(super) async fn prepare(accepted: Accepted, outcome: &mut Outcome, clock: &Clock) -> Result<Prepared, Refusal> {
    let Accepted { mut routed, document } = accepted;
    let mut overrides = None;
    let method = Arc::clone(&routed.method);
    let call = match &method.integration {
        CompiledIntegration::Http(http) => {
            let trace = trace_id(&routed.request, clock);
            if !http.proxy {
                outcome.traced(&trace);
            }
            let call = called(&mut routed, http, document, outcome.facts(), &mut overrides, &trace).await?;
            journal::call(outcome, &call);
            Call::Http(call)
        }
        CompiledIntegration::Mock(mock) => {
            Call::Mock(mocked(&mut routed, mock, document, outcome.facts(), &mut overrides).await?)
        }
        CompiledIntegration::Unsupported(kind) => {
            return Err(Refusal::configuration(format_args!(
                "integrations of type {kind} like this one are not available yet"
            )));
        }
    };
    outcome.decided("integration request", |_| match &call {
        Call::Http(call) => {
            let bytes = match &call.body {
                Body::Empty => "without a body".to_owned(),
                Body::Whole(bytes) => format!("{} bytes", bytes.len()),
                Body::Stream { length: Some(length), .. } => format!("{length} bytes, as they come"),
                Body::Stream { length: None, .. } => "a body as it comes".to_owned(),
            };
            format!("{} {}, {bytes}", call.method, call.uri())
        }
        Call::Mock(Some(status)) => format!("MOCK, status {status}"),
        Call::Mock(None) => "MOCK, without a status".to_owned(),
    });
    Ok(Prepared { routed, call, overrides })
}

/// What a MOCK's template says, or the body that takes its place.
async fn mocked(
    routed: &mut Routed,
    mock: &CompiledMock,
    document: Option<Rc<Document>>,
    facts: &Facts,
    overrides: &mut Option<Overrides>,
) -> Result<Option<i64>, Refusal> {
    let body = routed.request.take_body().whole(u64::MAX).await.map_err(Refusal::body)?;
    let content = convert(body, mock.content_handling, facts)?;
    let said = match transform(&mock.templates, &content, document, facts, overrides)? {
        Some(rendered) => status_code(&rendered),
        // Without a template and a body there is no status: the default response answers.
        None if content.bytes.is_empty() => return Ok(None),
        None => status_code(&String::from_utf8_lossy(&content.bytes)),
    };
    said.map(Some).ok_or_else(|| {
        Refusal::configuration(
            "Unable to parse statusCode. It should be an integer that is defined in the request template.",
        )
    })
}

/// The call of an HTTP endpoint.
async fn called(
    routed: &mut Routed,
    http: &CompiledHttp,
    document: Option<Rc<Document>>,
    facts: &Facts,
    overrides: &mut Option<Overrides>,
    trace: &str,
) -> Result<http1::Call, Refusal> {
    if let Some(header) = &http.unmappable {
        return Err(Refusal::configuration(format_args!("{} header already present", header.0)));
    }
    let method = http.verb.clone().unwrap_or_else(|| routed.request.method.clone());
    let mut body = routed.request.take_body();
    if !http.proxy || http.content_handling.is_some() || http.maps_body {
        body = Body::Whole(body.whole(u64::MAX).await.map_err(Refusal::body)?);
    }
    let mut values = Values::of(&http.mapped, facts, &body)?;
    if let (Body::Whole(bytes), true) = (&body, !http.proxy || http.content_handling.is_some()) {
        let content = convert(bytes.clone(), http.content_handling, facts)?;
        body = Body::Whole(content.bytes.clone());
        if !http.proxy {
            if let Some(rendered) = transform(&http.templates, &content, document, facts, overrides)? {
                body = Body::Whole(Bytes::from(rendered.into_owned()));
            }
            if !bears_body(&method) {
                body = Body::Empty;
            }
        }
    }
    if let Some(overrides) = overrides {
        values.override_with(overrides);
    }
    let (origin, target) = values.address(http, facts)?;
    let headers = values.headers(http, facts, &method, trace);
    // A small body waits until it is whole: its backend never hears of one that breaks off, and waits for nobody.
    let body = body.gathered(GATHERED).await.map_err(Refusal::body)?;
    Ok(http1::Call { origin, tls: http.tls.clone(), method, target, headers, body, timeout: http.timeout })
}

/// The body as content handling wants it.
fn convert(body: Bytes, handling: Option<ContentHandling>, facts: &Facts) -> Result<Content, Refusal> {
    let content_type = facts.head().headers.last_text(CONTENT_TYPE.as_str());
    let is_binary = facts.deployed().is_some_and(|deployed| deployed.binary.has(content_type));
    content::of_request(body, is_binary, handling).map_err(Refusal::configuration)
}

/// What the template for the body's type makes of it; nothing if the body passes as it is.
fn transform<'t>(
    templates: &'t TemplateChoice,
    content: &Content,
    document: Option<Rc<Document>>,
    facts: &Facts,
    overrides: &mut Option<Overrides>,
) -> Result<Option<Cow<'t, str>>, Refusal> {
    match templates.choose(facts.head().headers.last_text(CONTENT_TYPE.as_str())) {
        Chosen::Template(template) => rendering::render(template, content, document, facts, overrides)
            .map(Some)
            .map_err(|error| Refusal::configuration(format_args!("Unable to transform request: {error}"))),
        Chosen::Passes => Ok(None),
        Chosen::Refused => Err(Refusal {
            response: Some(GatewayResponseType::UnsupportedMediaType),
            ..Refusal::bad_request(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type")
        }),
    }
}

/// What mappings and overrides put into a call.
#[derive(Default)]
struct Values {
    headers: Vec<(HeaderName, HeaderValue)>,
    path: PathParameters,
    query: Vec<(String, String)>,
    /// Headers that were written over, whatever was mapped to them.
    overridden: Vec<(String, Vec<String>)>,
}

impl Values {
    fn of(mapped: &[Mapped], facts: &Facts, body: &Body) -> Result<Self, Refusal> {
        let mut this = Self::default();
        let sources = match body {
            Body::Whole(bytes) => Sources::with_body(facts, bytes),
            Body::Empty | Body::Stream { .. } => Sources::new(facts),
        };
        for Mapped { target, source } in mapped {
            let values = sources
                .values(source)
                .map_err(|_| Refusal::bad_request(StatusCode::BAD_REQUEST, "Invalid JSON in request body"))?;
            match (target, values.last()) {
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
        Ok(this)
    }

    /// Takes what a template wrote, which counts more than what is mapped.
    fn override_with(&mut self, overrides: &Overrides) {
        for (name, values) in overrides.of_request("path") {
            self.path.push((name, values.join(",")));
        }
        for (name, values) in overrides.of_request("querystring") {
            self.query.retain(|(known, _)| *known != name);
            self.query.extend(values.into_iter().map(|value| (name.clone(), value)));
        }
        self.overridden = overrides.of_request("header");
        self.overridden.retain(|(name, _)| !is_framing(name));
    }

    /// Whom to call, and with which path and query.
    fn address(&self, http: &CompiledHttp, facts: &Facts) -> Result<(Arc<Origin>, String), Refusal> {
        let invalid = || Refusal::configuration("Invalid endpoint address");
        // Values come from callers, some of them decoded: what can't stand in a path is their fault, not the API's, and
        // what would end the path leads elsewhere than the API wants. An operator's test is told of the address.
        let is_test = facts.head().peer == Peer::Test;
        let is_no_value = |value: &str| value.bytes().any(|byte| is_out_of_place(byte) || matches!(byte, b'?' | b'#'));
        if self.path.iter().any(|(_, value)| climbs(value) || (!is_test && is_no_value(value))) {
            return Err(Refusal::bad_request(StatusCode::BAD_REQUEST, "Bad Request"));
        }
        let value_of =
            |name: &str| self.path.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let rendered: Cow<'_, str> = match http.uri.constant() {
            Some(constant) => Cow::Borrowed(constant),
            None => Cow::Owned(http.uri.render(value_of)),
        };
        // The path begins at the same place in the rendered URI as in the compiled one when the origin is constant.
        let (origin, rest) = match &http.host {
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
        if rest.bytes().any(is_out_of_place) {
            return Err(invalid());
        }
        let mut target = String::with_capacity(rest.len() + 64);
        if !path.starts_with('/') {
            target.push('/');
        }
        target.push_str(path);
        let callers = if http.proxy { facts.head().uri.query().unwrap_or_default() } else { "" };
        let query = self.query(own_query, callers);
        if !query.is_empty() {
            target.push('?');
            target.push_str(&query);
        }
        Ok((origin, target))
    }

    /// The URI's own query, then the caller's, then what is mapped.
    fn query<'q>(&self, own: &'q str, callers: &'q str) -> Cow<'q, str> {
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

    fn headers(self, http: &CompiledHttp, facts: &Facts, method: &Method, trace: &str) -> Headers {
        let request = facts.head();
        let mut headers = Headers::with_capacity(16);
        if http.proxy {
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
        let api = facts.stage().map_or("", |stage| stage.api.as_str());
        let needs_agent = !http.proxy || request.headers.last(&USER_AGENT).is_none();
        if needs_agent && let Ok(agent) = HeaderValue::from_str(&format!("AmazonAPIGateway_{api}")) {
            headers.append(USER_AGENT, agent);
        }
        if let Ok(api) = HeaderValue::from_str(api) {
            headers.set(API_ID, api);
        }
        if let Ok(trace) = HeaderValue::from_str(trace) {
            headers.set(TRACE_ID, trace);
        }
        for (name, value) in self.headers {
            headers.set(name, value);
        }
        rendering::override_headers(&mut headers, self.overridden);
        headers
    }
}

/// Whether a header says where a message ends, or whose connection it is: nobody may write over those.
fn is_framing(name: &str) -> bool {
    ["content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

fn bears_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
}

/// Whether a byte can't stand in a path or a query.
fn is_out_of_place(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f || b"{}|\\^`\"<>".contains(&byte)
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
