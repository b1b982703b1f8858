//! Fifth phase: the call that is made of the request: URI, query, headers and body for the endpoint.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};

use super::content::{self, Content};
use super::facts::Facts;
use super::headers::trace_id;
use super::method_request::Accepted;
use super::outcome::Outcome;
use super::rendering::{self, Overrides};
use super::route::Routed;
use super::service_request::{self, ServiceCall};
use super::values::{Values, bears_body, is_out_of_place};
use super::{Backends, journal, lambda, socket};
use crate::mapping::document::Document;
use crate::model::rest::{ContentHandling, GatewayResponseType};
use crate::traffic::integration::lambda::Invocation;
use crate::traffic::integration::{Origin, http1, status_code};
use crate::traffic::message::{Body, Refusal};
use crate::traffic::stage::{
    Chosen, CompiledCall, CompiledHttp, CompiledIntegration, CompiledMock, Host, TemplateChoice,
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
    /// To a function that gets the whole request.
    Lambda(Invocation),
    /// To an AWS service, not yet signed.
    Aws(ServiceCall),
    /// To nobody: this is the status that the templates gave, or none where nothing said one.
    Mock(Option<i64>),
}

pub(super) async fn prepare(
    accepted: Accepted,
    backends: &Backends,
    outcome: &mut Outcome,
) -> Result<Prepared, Refusal> {
    let Accepted { mut routed, document } = accepted;
    let mut overrides = None;
    let method = Arc::clone(&routed.method);
    let call = match &method.integration {
        CompiledIntegration::Http(http) => {
            let trace = trace_id(&routed.request, &backends.clock);
            if !http.proxy {
                outcome.traced(&trace);
            }
            let call = called(&mut routed, http, document, outcome.facts(), &mut overrides, &trace).await?;
            journal::call(outcome, &call);
            Call::Http(call)
        }
        CompiledIntegration::Lambda(function) => {
            let trace = trace_id(&routed.request, &backends.clock);
            outcome.traced(&trace);
            Call::Lambda(lambda::prepare(&mut routed, function, &backends.lambda, &trace, outcome).await?)
        }
        CompiledIntegration::Aws(service) => {
            let trace = trace_id(&routed.request, &backends.clock);
            outcome.traced(&trace);
            let (facts, aws) = (outcome.facts(), &backends.aws);
            let call =
                service_request::called(&mut routed, service, document, aws, facts, &mut overrides, &trace).await?;
            journal::call(outcome, &call.call);
            Call::Aws(call)
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
        Call::Http(call) | Call::Lambda(Invocation { call, .. }) | Call::Aws(ServiceCall { call, .. }) => {
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
    facts: &Rc<Facts>,
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
    facts: &Rc<Facts>,
    overrides: &mut Option<Overrides>,
    trace: &str,
) -> Result<http1::Call, Refusal> {
    let Filled { method, values, body } = fill(routed, &http.call, http.proxy, document, facts, overrides).await?;
    let (origin, target) = address(&values, http, facts)?;
    let headers = values.headers(http.proxy, facts, &method, trace);
    // A small body waits until it is whole: its backend never hears of one that breaks off, and waits for nobody.
    let body = body.gathered(GATHERED).await.map_err(Refusal::body)?;
    Ok(http1::Call { origin, tls: http.tls.clone(), method, target, headers, body, timeout: http.call.timeout })
}

/// What a call is made of, whoever is called.
pub(super) struct Filled {
    pub(super) method: Method,
    pub(super) values: Values,
    pub(super) body: Body,
}

/// Fills in what mappings and templates say; a body that is passed on as it is (`proxy`) is looked into only where
/// something asks for it.
pub(super) async fn fill(
    routed: &mut Routed,
    call: &CompiledCall,
    proxy: bool,
    document: Option<Rc<Document>>,
    facts: &Rc<Facts>,
    overrides: &mut Option<Overrides>,
) -> Result<Filled, Refusal> {
    if let Some(header) = &call.unmappable {
        return Err(Refusal::configuration(format_args!("{} header already present", header.0)));
    }
    let method = call.verb.clone().unwrap_or_else(|| routed.request.method.clone());
    let mut body = routed.request.take_body();
    if !proxy || call.content_handling.is_some() || call.maps_body {
        body = Body::Whole(body.whole(u64::MAX).await.map_err(Refusal::body)?);
    }
    let mut values = Values::of(&call.mapped, facts, &body)?;
    if let (Body::Whole(bytes), true) = (&body, !proxy || call.content_handling.is_some()) {
        let content = convert(bytes.clone(), call.content_handling, facts)?;
        body = Body::Whole(content.bytes.clone());
        if !proxy {
            if let Some(rendered) = transform(&call.templates, &content, document, facts, overrides)? {
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
    Ok(Filled { method, values, body })
}

/// Whom to call, and with which path and query.
fn address(values: &Values, http: &CompiledHttp, facts: &Facts) -> Result<(Arc<Origin>, String), Refusal> {
    let invalid = || Refusal::configuration("Invalid endpoint address");
    values.check_path(facts)?;
    let rendered = values.render(&http.uri);
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
    let query = values.query(own_query, callers);
    if !query.is_empty() {
        target.push('?');
        target.push_str(&query);
    }
    Ok((origin, target))
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
    facts: &Rc<Facts>,
    overrides: &mut Option<Overrides>,
) -> Result<Option<Cow<'t, str>>, Refusal> {
    let chosen = match templates.selection() {
        Some(selection) => templates.choose_by(&socket::of_event(selection, facts)),
        None => templates.choose(facts.head().headers.last_text(CONTENT_TYPE.as_str())),
    };
    match chosen {
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
