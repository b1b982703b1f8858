//! A stage, compiled: everything a request needs, worked out once when the stage or its deployment changes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Method as Verb, StatusCode};
use regex::Regex;

use super::canary::{self, Side};
use super::router::Router;
use crate::mapping::parameters::{ResponseSource, Source, Target};
use crate::mapping::template::Template;
use crate::mapping::uri::Uri;
use crate::model::id::{DeploymentId, ResourceId, RestApiId, StageName};
use crate::model::rest::{
    self, AuthorizationType, Integration, IntegrationResponse, IntegrationType, Passthrough, Snapshot, Stage, Strings,
    Templates,
};
use crate::observe::metrics::MethodMetrics;
use crate::traffic::integration::Origin;

/// A stage as requests see it; never changed, only replaced.
pub struct CompiledStage {
    /// The API.
    pub api: RestApiId,
    /// The stage's name.
    pub name: StageName,
    /// The deployment that the stage stands for.
    pub base: Deployed,
    /// The canary's share in percent, and its deployment.
    pub canary: Option<(f64, Deployed)>,
}

/// A deployment, compiled with the stage's variables.
pub struct Deployed {
    /// Its id.
    pub deployment: DeploymentId,
    /// Whether the `execute-api` host is refused.
    pub endpoint_disabled: bool,
    /// Its methods.
    pub router: Router<Arc<CompiledMethod>>,
}

/// A method, ready to run.
pub struct CompiledMethod {
    /// The resource's id.
    pub resource: ResourceId,
    /// The resource's path.
    pub resource_path: String,
    /// How callers are authorized.
    pub authorization: AuthorizationType,
    /// Whether callers need an API key.
    pub api_key_required: bool,
    /// What is called.
    pub integration: CompiledIntegration,
    /// Status codes that the method declares.
    pub responses: BTreeSet<StatusCode>,
    /// Where its requests are counted.
    pub metrics: MethodMetrics,
}

/// What a method calls.
pub enum CompiledIntegration {
    /// An HTTP endpoint.
    Http(Box<CompiledHttp>),
    /// Nothing: the answer comes from templates.
    Mock(Box<CompiledMock>),
    /// Something that this release does not call; every request fails and the log says so.
    Unsupported(IntegrationType),
}

/// A call of an HTTP endpoint.
pub struct CompiledHttp {
    /// Whether request and answer pass as they are (`HTTP_PROXY`).
    pub proxy: bool,
    /// The verb of the call; a caller's own if absent.
    pub verb: Option<Verb>,
    /// The URI.
    pub uri: Uri,
    /// Who is called.
    pub host: Host,
    /// Values put into the request.
    pub mapped: Vec<Mapped>,
    /// A mapping that makes every call fail.
    pub unmappable: Option<Unmappable>,
    /// How long the endpoint may take.
    pub timeout: Duration,
    /// Templates of the request's body (`HTTP` alone).
    pub templates: TemplateChoice,
    /// How answers are made of the endpoint's (`HTTP` alone).
    pub responses: Vec<CompiledResponse>,
}

/// An answer without an endpoint.
pub struct CompiledMock {
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

/// The templates of a request by content type, and what happens without one.
pub struct TemplateChoice {
    templates: Vec<(String, Template)>,
    passthrough: Passthrough,
}

/// How an answer with one status is made.
pub struct CompiledResponse {
    /// The status.
    pub status: StatusCode,
    /// What of the endpoint's status it is for; the default has none.
    pub pattern: Option<Regex>,
    /// Headers of the answer.
    pub headers: Vec<(HeaderName, ResponseSource)>,
    /// Templates of the body, by content type.
    pub templates: Vec<(String, Template)>,
}

/// What a request's body goes through.
#[derive(Debug, PartialEq)]
pub enum Chosen<'a> {
    /// This template.
    Template(&'a Template),
    /// Nothing: it passes.
    Passes,
    /// It is refused with 415.
    Refused,
}

impl CompiledStage {
    /// Compiles a stage with its deployment, and its canary's if it has one.
    pub fn new(api: &RestApiId, stage: &Stage, base: &Snapshot, canary: Option<&Snapshot>) -> Self {
        let canary = stage.canary.as_ref().zip(canary).map(|(settings, snapshot)| {
            let mut variables = stage.variables.clone();
            variables.extend(settings.stage_variable_overrides.clone().unwrap_or_default());
            let deployed = Deployed::new(settings.deployment.clone(), snapshot, &variables, counted(api, stage));
            (settings.percent_traffic, deployed)
        });
        Self {
            api: api.clone(),
            name: stage.name.clone(),
            base: Deployed::new(stage.deployment.clone(), base, &stage.variables, counted(api, stage)),
            canary,
        }
    }

    /// Compiles an API as if it were deployed, for test invocations: nothing of it is counted.
    pub fn undeployed(snapshot: &Snapshot, variables: &Strings) -> Self {
        Self {
            api: snapshot.api.id.clone(),
            name: StageName::new("test-invoke-stage"),
            base: Deployed::new(DeploymentId::new(""), snapshot, variables, |_, _| MethodMetrics::none()),
            canary: None,
        }
    }

    /// Draws the deployment that one request gets.
    pub fn draw(&self) -> (Side, &Deployed) {
        let side = self.canary.as_ref().map_or(Side::Base, |(percent, _)| canary::draw(*percent));
        (side, self.deployed(side))
    }

    /// The deployment of a side.
    pub fn deployed(&self, side: Side) -> &Deployed {
        match (side, &self.canary) {
            (Side::Canary, Some((_, deployed))) => deployed,
            _ => &self.base,
        }
    }
}

impl Deployed {
    /// `metrics` says where the requests of a verb on a path are counted.
    fn new(
        deployment: DeploymentId,
        snapshot: &Snapshot,
        variables: &Strings,
        metrics: impl Fn(rest::Verb, &str) -> MethodMetrics,
    ) -> Self {
        let mut router = Router::default();
        for resource in &snapshot.resources {
            for method in &resource.methods {
                let verb = method.verb;
                let compiled = CompiledMethod {
                    resource: resource.id.clone(),
                    resource_path: resource.path.clone(),
                    authorization: method.authorization_type,
                    api_key_required: method.api_key_required,
                    integration: CompiledIntegration::new(method.integration.as_ref(), variables),
                    responses: method.responses.keys().filter_map(|code| code.parse().ok()).collect(),
                    metrics: metrics(verb, &resource.path),
                };
                router.insert(&resource.path, verb, Arc::new(compiled));
            }
        }
        Self { deployment, endpoint_disabled: snapshot.api.disable_execute_api_endpoint, router }
    }
}

/// Where the requests of a stage's methods are counted.
fn counted(api: &RestApiId, stage: &Stage) -> impl Fn(rest::Verb, &str) -> MethodMetrics {
    move |verb, path| MethodMetrics::new(api.as_str(), stage.name.as_str(), verb.as_str(), path)
}

impl CompiledIntegration {
    fn new(integration: Option<&Integration>, variables: &Strings) -> Self {
        let Some(integration) = integration else {
            // The control plane deploys no method without an integration; a mock that selects nothing answers 500.
            return Self::Unsupported(IntegrationType::Mock);
        };
        match integration.kind {
            IntegrationType::Http | IntegrationType::HttpProxy
                if integration.connection_type != Some(rest::ConnectionType::VpcLink) =>
            {
                Self::Http(Box::new(CompiledHttp::new(integration, variables)))
            }
            IntegrationType::Mock => Self::Mock(Box::new(CompiledMock {
                templates: TemplateChoice::new(integration),
                responses: compile_responses(integration, variables),
            })),
            kind @ (IntegrationType::Http
            | IntegrationType::HttpProxy
            | IntegrationType::Aws
            | IntegrationType::AwsProxy) => Self::Unsupported(kind),
        }
    }
}

impl CompiledHttp {
    fn new(integration: &Integration, variables: &Strings) -> Self {
        let uri = Uri::compile(integration.uri.as_deref().unwrap_or_default(), variables);
        let mut mapped = Vec::new();
        let mut unmappable = None;
        for (target, expression) in &integration.request_parameters {
            let Some(target) = Target::parse(target) else { continue };
            match &target {
                Target::Header(name) if breaks_every_call(name) => unmappable = Some(Unmappable(name.clone())),
                Target::Header(name) if is_never_sent(name) => continue,
                Target::Header(_) | Target::Path(_) | Target::Query(_) => {}
            }
            if let Some(source) = Source::parse(expression, variables) {
                mapped.push(Mapped { target, source });
            }
        }
        Self {
            proxy: integration.kind == IntegrationType::HttpProxy,
            verb: integration
                .http_method
                .as_deref()
                .filter(|verb| *verb != "ANY")
                .and_then(|verb| Verb::from_bytes(verb.as_bytes()).ok()),
            host: Host::of(&uri),
            uri,
            mapped,
            unmappable,
            timeout: Duration::from_millis(u64::from(integration.timeout_millis)),
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
fn breaks_every_call(header: &str) -> bool {
    ["content-length", "transfer-encoding", "x-amzn-trace-id", "x-amzn-apigateway-api-id"]
        .iter()
        .any(|name| header.eq_ignore_ascii_case(name))
}

/// Mappings of these headers are accepted and ignored (data-plane reference, 9.2).
fn is_never_sent(header: &str) -> bool {
    ["connection", "expect", "proxy-authenticate", "te", "via"].iter().any(|name| header.eq_ignore_ascii_case(name))
}

impl TemplateChoice {
    fn new(integration: &Integration) -> Self {
        Self {
            templates: compile_templates(integration.request_templates.as_ref()),
            passthrough: integration.passthrough,
        }
    }

    /// Chooses by a request's content type; one without counts as JSON. Source: "Integration passthrough behaviors".
    pub fn choose(&self, content_type: Option<&str>) -> Chosen<'_> {
        let media_type = media_type(content_type);
        let find = |key: &str| self.templates.iter().find(|(known, _)| known == key).map(|(_, template)| template);
        match (find(&media_type).or_else(|| find("$default")), self.passthrough) {
            (Some(template), _) => Chosen::Template(template),
            (None, Passthrough::Never) => Chosen::Refused,
            (None, Passthrough::WhenNoTemplates) if !self.templates.is_empty() => Chosen::Refused,
            (None, Passthrough::WhenNoTemplates | Passthrough::WhenNoMatch) => Chosen::Passes,
        }
    }
}

/// The media type of a `Content-Type` or of the first entry of an `Accept`, without parameters, in small letters.
pub fn media_type(header: Option<&str>) -> String {
    let first = header.unwrap_or_default().split([';', ',']).next().unwrap_or_default().trim();
    if first.is_empty() { "application/json".to_owned() } else { first.to_ascii_lowercase() }
}

fn compile_templates(templates: Option<&Templates>) -> Vec<(String, Template)> {
    let templates = templates.into_iter().flatten();
    templates
        .map(|(content_type, text)| {
            (content_type.to_ascii_lowercase(), Template::compile(text.as_deref().unwrap_or_default()))
        })
        .collect()
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
            status: status.parse().ok()?,
            pattern: match response.selection_pattern.as_deref() {
                None | Some("") => None,
                Some(pattern) => Some(Regex::new(&format!("^(?:{pattern})$")).ok()?),
            },
            headers: headers.collect(),
            templates: compile_templates(response.templates.as_ref()),
        })
    };
    integration.responses.iter().filter_map(compile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn passthrough_follows_the_table() {
        let template = vec![("application/xml".to_owned(), Template::compile("x"))];
        for (templates, passthrough, content_type, expected) in [
            (&template, Passthrough::WhenNoMatch, Some("application/json"), Chosen::Passes),
            (&template, Passthrough::WhenNoTemplates, None, Chosen::Refused),
            (&template, Passthrough::Never, None, Chosen::Refused),
            (&template, Passthrough::Never, Some("Application/XML; a=b"), Chosen::Template(&template[0].1)),
            (&vec![], Passthrough::WhenNoTemplates, None, Chosen::Passes),
            (&vec![], Passthrough::Never, None, Chosen::Refused),
        ] {
            let choice = TemplateChoice { templates: templates.clone(), passthrough };
            assert_eq!(choice.choose(content_type), expected, "{passthrough:?} {content_type:?}");
        }
    }
}
