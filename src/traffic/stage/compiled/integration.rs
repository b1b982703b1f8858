//! Integrations, compiled: what a method calls, and how call and answer are made.

use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderName, Method as Verb, StatusCode};
use regex::Regex;

use super::lambda::CompiledLambda;
use super::routes::{DEFAULT, as_v1};
use super::service::CompiledAws;
use super::templates::{TemplateChoice, compile_selected, compile_templates};
use crate::mapping::parameters::{ResponseSource, Source, Target};
use crate::mapping::selection::Selection;
use crate::mapping::template::Template;
use crate::mapping::uri::Uri;
use crate::model::http::{self, SnapshotIntegration};
use crate::model::rest::{ContentHandling, Integration, IntegrationResponse, IntegrationType, Strings, TransferMode};
use crate::traffic::integration::{Kinds, Manner, Origin};

/// What a method calls.
pub enum CompiledIntegration {
    /// An HTTP endpoint.
    Http(Box<CompiledHttp>),
    /// A Lambda function that gets the whole request.
    Lambda(Box<CompiledLambda>),
    /// An AWS service, with mapping.
    Aws(Box<CompiledAws>),
    /// Nothing: the answer comes from templates.
    Mock(Box<CompiledMock>),
    /// Something that this release does not call; every request fails and the log says so.
    Unsupported(IntegrationType),
}

/// A call of an HTTP endpoint.
pub struct CompiledHttp {
    /// Whether request and answer pass as they are (`HTTP_PROXY`).
    pub proxy: bool,
    /// The URI.
    pub uri: Uri,
    /// Who is called.
    pub host: Host,
    /// How TLS is spoken with the endpoint, where not as usual.
    pub tls: Option<Arc<Manner>>,
    /// Whether answers of any length are passed on as they come.
    pub streams: bool,
    /// How call and answer are made.
    pub call: CompiledCall,
}

/// How a call is made of a request, and an answer of the endpoint's: the same for all endpoints.
pub struct CompiledCall {
    /// The verb of the call; a caller's own if absent.
    pub verb: Option<Verb>,
    /// Values put into the request.
    pub mapped: Vec<Mapped>,
    /// Whether a value is taken from the request's body.
    pub maps_body: bool,
    /// A mapping that makes every call fail.
    pub unmappable: Option<Unmappable>,
    /// How long the endpoint may take.
    pub timeout: Duration,
    /// Conversion of the request's body.
    pub content_handling: Option<ContentHandling>,
    /// Templates of the request's body, where it does not pass as it is.
    pub templates: TemplateChoice,
    /// How answers are made of the endpoint's, where they don't pass as they are.
    pub responses: Vec<CompiledResponse>,
}

/// An answer without an endpoint.
pub struct CompiledMock {
    /// Conversion of the request's body.
    pub content_handling: Option<ContentHandling>,
    /// Templates that say which status is answered.
    pub templates: TemplateChoice,
    /// How the answer is made.
    pub responses: Vec<CompiledResponse>,
}

/// Who an HTTP integration calls.
#[derive(Debug, PartialEq)]
pub enum Host {
    /// Always the same server.
    Constant(Arc<Origin>),
    /// It depends on the request.
    Dynamic,
    /// Nobody can be called by this URI.
    Invalid,
}

/// A value put into the request.
#[derive(Debug)]
pub struct Mapped {
    /// Where to.
    pub target: Target,
    /// Where from.
    pub source: Source,
}

/// A header that no mapping may set.
#[derive(Debug, PartialEq)]
pub struct Unmappable(pub String);

/// How one kind of answer is made.
pub struct CompiledResponse {
    /// The status; the endpoint's own, if there is none, as routes have it.
    pub status: Option<StatusCode>,
    /// What of the endpoint's status it is for; the default has none.
    pub pattern: Option<Regex>,
    /// Headers of the answer.
    pub headers: Vec<(HeaderName, ResponseSource)>,
    /// Conversion of the body.
    pub content_handling: Option<ContentHandling>,
    /// Templates of the body, by content type or by what the expression gives.
    pub templates: Vec<(String, Template)>,
    /// What the template's key is read from; of REST APIs it is what the caller accepts.
    pub selection: Option<Selection>,
}

impl CompiledIntegration {
    /// Whether answers of any length are passed on as they come.
    pub fn streams(&self) -> bool {
        match self {
            Self::Http(http) => http.streams,
            Self::Lambda(lambda) => lambda.streams,
            Self::Aws(_) | Self::Mock(_) | Self::Unsupported(_) => false,
        }
    }

    pub(super) fn new(integration: Option<&Integration>, variables: &Strings, tls: &mut Kinds<'_>) -> Self {
        let Some(integration) = integration else {
            // The control plane deploys no method without an integration; a mock that selects nothing answers 500.
            return Self::Unsupported(IntegrationType::Mock);
        };
        match integration.kind {
            // A VPC link leads into a network that this node is in itself: the URI's host is called.
            IntegrationType::Http | IntegrationType::HttpProxy => {
                Self::Http(Box::new(CompiledHttp::new(integration, variables, tls)))
            }
            IntegrationType::Mock => Self::Mock(Box::new(CompiledMock {
                content_handling: integration.content_handling,
                templates: TemplateChoice::new(integration),
                responses: compile_responses(integration, variables),
            })),
            IntegrationType::Aws => Self::Aws(Box::new(CompiledAws::new(integration, variables))),
            IntegrationType::AwsProxy => Self::Lambda(Box::new(CompiledLambda::new(integration, variables))),
        }
    }
}

impl CompiledIntegration {
    /// How answers are mapped, where they don't pass as they are.
    pub fn responses(&self) -> Option<&[CompiledResponse]> {
        match self {
            Self::Http(http) if !http.proxy => Some(&http.call.responses),
            Self::Aws(service) => Some(&service.call.responses),
            Self::Mock(mock) => Some(&mock.responses),
            Self::Http(_) | Self::Lambda(_) | Self::Unsupported(_) => None,
        }
    }

    /// What a route calls: the same as a method of V1 would, with templates and responses that are chosen in V2's way.
    pub(super) fn of_route(target: Option<&SnapshotIntegration>, variables: &Strings, tls: &mut Kinds<'_>) -> Self {
        let Some(SnapshotIntegration { integration, responses }) = target else {
            return Self::new(None, variables, tls);
        };
        let mut compiled = Self::new(Some(&as_v1(integration)), variables, tls);
        let parts = match &mut compiled {
            Self::Http(http) => {
                http.tls = tls.get(false, integration.server_name_to_verify.as_deref());
                (&mut http.call.templates, &mut http.call.responses)
            }
            Self::Aws(service) => (&mut service.call.templates, &mut service.call.responses),
            Self::Mock(mock) => (&mut mock.templates, &mut mock.responses),
            Self::Lambda(_) | Self::Unsupported(_) => return compiled,
        };
        *parts.0 = TemplateChoice::of_route(integration, variables);
        *parts.1 = compile_route_responses(responses, variables);
        compiled
    }
}

impl CompiledHttp {
    fn new(integration: &Integration, variables: &Strings, tls: &mut Kinds<'_>) -> Self {
        let uri = Uri::compile(integration.uri.as_deref().unwrap_or_default(), variables);
        Self {
            proxy: integration.kind == IntegrationType::HttpProxy,
            host: Host::of(&uri),
            uri,
            tls: tls.get(integration.insecure_skip_verification == Some(true), None),
            streams: integration.transfer_mode == Some(TransferMode::Stream),
            call: CompiledCall::new(integration, variables),
        }
    }
}

impl CompiledCall {
    pub(super) fn new(integration: &Integration, variables: &Strings) -> Self {
        let mut mapped = Vec::new();
        let mut unmappable = None;
        for (target, expression) in &integration.request_parameters {
            let Some(target) = Target::parse(target) else { continue };
            match &target {
                Target::Header(name) if breaks_every_call(name, integration.kind) => {
                    unmappable = Some(Unmappable(name.clone()));
                }
                Target::Header(name) if is_never_sent(name, integration.kind) => continue,
                Target::Header(_) | Target::Path(_) | Target::Query(_) => {}
            }
            if let Some(source) = Source::parse(expression, variables) {
                mapped.push(Mapped { target, source });
            }
        }
        Self {
            verb: integration
                .http_method
                .as_deref()
                .filter(|verb| *verb != "ANY")
                .and_then(|verb| Verb::from_bytes(verb.as_bytes()).ok()),
            maps_body: mapped.iter().any(|mapped| matches!(mapped.source, Source::Body(_))),
            mapped,
            unmappable,
            timeout: Duration::from_millis(u64::from(integration.timeout_millis)),
            content_handling: integration.content_handling,
            templates: TemplateChoice::new(integration),
            responses: compile_responses(integration, variables),
        }
    }
}

impl Host {
    /// Who is called, if the URI's text up to the path does not depend on the request.
    fn of(uri: &Uri) -> Self {
        let start = uri.constant_start();
        let Some((_, rest)) = start.split_once("://") else {
            return if uri.constant().is_some() { Self::Invalid } else { Self::Dynamic };
        };
        if uri.constant().is_none() && !rest.contains(['/', '?']) {
            return Self::Dynamic;
        }
        Origin::parse(start).map_or(Self::Invalid, |(origin, _)| Self::Constant(Arc::new(origin)))
    }
}

/// Mapping these headers makes every call fail (data-plane reference, 9.2).
pub(super) fn breaks_every_call(header: &str, kind: IntegrationType) -> bool {
    let any = ["content-length", "transfer-encoding", "x-amzn-trace-id", "x-amzn-apigateway-api-id"];
    let aws = ["authorization", "connection", "expect", "proxy-authenticate", "te"];
    let is = |name: &&str| header.eq_ignore_ascii_case(name);
    any.iter().any(is) || (is_aws(kind) && aws.iter().any(is))
}

/// Mappings of these headers are accepted and ignored (data-plane reference, 9.2).
fn is_never_sent(header: &str, kind: IntegrationType) -> bool {
    let any = ["connection", "expect", "proxy-authenticate", "te", "via"];
    let is = |name: &&str| header.eq_ignore_ascii_case(name);
    any.iter().any(is) || (is_aws(kind) && is(&"referer"))
}

fn is_aws(kind: IntegrationType) -> bool {
    matches!(kind, IntegrationType::Aws | IntegrationType::AwsProxy)
}

/// Compiles responses in the order of their status codes, in which patterns are tried.
fn compile_responses(integration: &Integration, variables: &Strings) -> Vec<CompiledResponse> {
    let compile = |(status, response): (&String, &IntegrationResponse)| {
        let headers = response.parameters.iter().flatten().filter_map(|(target, expression)| {
            let name = target.strip_prefix("method.response.header.")?;
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, ResponseSource::parse(expression, variables)?))
        });
        Some(CompiledResponse {
            status: Some(status.parse().ok()?),
            pattern: match response.selection_pattern.as_deref() {
                None | Some("") => None,
                Some(pattern) => Some(Regex::new(&format!("^(?:{pattern})$")).ok()?),
            },
            headers: headers.collect(),
            content_handling: response.content_handling,
            templates: compile_templates(response.templates.as_ref()),
            selection: None,
        })
    };
    integration.responses.iter().filter_map(compile).collect()
}

/// Compiles the responses of a route's integration: a key is a pattern between slashes, a text as it is, or the
/// default's.
fn compile_route_responses(responses: &[http::IntegrationResponse], variables: &Strings) -> Vec<CompiledResponse> {
    let compile = |response: &http::IntegrationResponse| {
        let headers = response.response_parameters.iter().flatten().filter_map(|(target, expression)| {
            let name = target.strip_prefix("integrationresponse.header.");
            let name = name.or_else(|| target.strip_prefix("method.response.header."))?;
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, ResponseSource::parse(expression, variables)?))
        });
        let pattern = response.key.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        let selection = response.template_selection_expression.as_deref();
        let selection = selection
            .map_or_else(|| Selection::constant(DEFAULT), |selection| Selection::compile(selection, variables));
        Some(CompiledResponse {
            status: None,
            pattern: match (response.key.as_str(), pattern) {
                (DEFAULT, _) => None,
                (_, Some(pattern)) => Some(Regex::new(&format!("^(?:{pattern})$")).ok()?),
                (key, None) => Some(Regex::new(&format!("^{}$", regex::escape(key))).ok()?),
            },
            headers: headers.collect(),
            content_handling: response.content_handling,
            templates: compile_selected(response.response_templates.as_ref()),
            selection: Some(selection),
        })
    };
    responses.iter().filter_map(compile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::IntegrationResponseId;

    #[test]
    fn keys_of_a_routes_responses_are_patterns_texts_or_the_default() {
        let chosen = |keys: &[&str], text: &str| {
            let response = |key: &&str| http::IntegrationResponse {
                id: IntegrationResponseId::new(*key),
                key: (*key).to_owned(),
                content_handling: None,
                response_parameters: None,
                response_templates: None,
                template_selection_expression: None,
            };
            let responses: Vec<_> = keys.iter().map(response).collect();
            let compiled = compile_route_responses(&responses, &Strings::new());
            let matching = compiled
                .iter()
                .position(|response| response.pattern.as_ref().is_some_and(|pattern| pattern.is_match(text)));
            matching
                .or_else(|| compiled.iter().position(|response| response.pattern.is_none()))
                .map(|at| keys[at].to_owned())
        };
        for (keys, text, expected) in [
            (&["$default"][..], "200", Some("$default")),
            (&["/2\\d\\d/", "$default"], "204", Some("/2\\d\\d/")),
            (&["/2\\d\\d/", "$default"], "1204", Some("$default")),
            (&["/.*timeout.*/"], "a timeout it was", Some("/.*timeout.*/")),
            (&["404"], "404", Some("404")),
            (&["4.4"], "404", None),
            (&["/5\\d\\d/"], "200", None),
        ] {
            assert_eq!(chosen(keys, text).as_deref(), expected, "{keys:?} {text}");
        }
    }

    #[test]
    fn hosts_are_known_when_they_do_not_depend_on_the_request() {
        let host = |text: &str| Host::of(&Uri::compile(text, &Strings::new()));
        let constant = |text: &str| Host::Constant(Arc::new(Origin::parse(text).expect("a URI").0));
        assert_eq!(host("http://h:81/x"), constant("http://h:81"));
        assert_eq!(host("https://h/{proxy}"), constant("https://h"));
        assert_eq!(host("http://h"), constant("http://h"));
        assert_eq!(host("http://{host}/x"), Host::Dynamic);
        assert_eq!(host("http://h{n}/x"), Host::Dynamic);
        assert_eq!(host("ftp://h/x"), Host::Invalid);
        assert_eq!(host(""), Host::Invalid);
    }
}
