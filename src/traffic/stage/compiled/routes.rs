//! The routes of a WebSocket API, compiled: each is a method of the phases that requests go through, and what is a
//! route's own besides.

use std::collections::HashMap;
use std::sync::Arc;

use super::authorizer::CompiledAuthorizer;
use super::integration::CompiledIntegration;
use super::method::{BodyModel, CompiledMethod, Models, Required, Staged};
use crate::mapping::parameters::Source;
use crate::mapping::selection::Selection;
use crate::model::http::{self, AuthorizationType, LoggingLevel, Route, RouteSettings, Snapshot, SnapshotRoute};
use crate::model::id::{AuthorizerId, ResourceId};
use crate::model::rest::{self, Strings, Verb};
use crate::observe::route_metrics::RouteMetrics;
use crate::traffic::integration::Kinds;
use crate::traffic::stage::Table;

/// The route that is asked whether a connection may be opened.
pub const CONNECT: &str = "$connect";
/// The route that is told of a connection's end.
pub const DISCONNECT: &str = "$disconnect";
/// The route of messages that no other is for, and the key of whatever else is chosen if nothing else is.
pub(super) const DEFAULT: &str = "$default";

/// The routes of a deployment.
pub struct Routes {
    /// What a message's route is read from.
    pub selection: Selection,
    /// Where messages are counted that no route is for.
    pub unmatched: RouteMetrics,
    /// Whether a route for messages wants an API key, which is shown when a connection is made.
    pub wants_keys: bool,
    by_key: Table<String, Arc<CompiledRoute>>,
}

/// A route, ready to run.
pub struct CompiledRoute {
    /// What the phases of requests run on.
    pub method: Arc<CompiledMethod>,
    /// Whether it has an integration: without one a connection is opened, or closed, without asking anybody.
    pub has_target: bool,
    /// Whether its messages are answered.
    pub replies: bool,
    /// What messages must be like, where the route says so.
    pub models: Option<MessageModels>,
    /// Whether stories leave out what callers and endpoints say.
    pub hides_data: bool,
    /// Whether stories are told of what fails alone.
    pub tells_failures_only: bool,
    /// Where its events are counted.
    pub metrics: RouteMetrics,
}

/// The models of a route's messages, and what a message's is read from.
pub struct MessageModels {
    /// What a message's model is read from.
    pub selection: Selection,
    by_key: Table<String, BodyModel>,
}

impl Routes {
    /// The route of a connection's beginning or end.
    pub fn of_connection(&self, key: &str) -> Option<&Arc<CompiledRoute>> {
        self.by_key.get(key)
    }

    /// The route of a message: the one of this key, which none has that is about connections, or the one that is for
    /// all others.
    pub fn of_message(&self, key: Option<&str>) -> Option<&Arc<CompiledRoute>> {
        let own = key.filter(|key| ![CONNECT, DISCONNECT].contains(key)).and_then(|key| self.by_key.get(key));
        own.or_else(|| self.by_key.get(DEFAULT))
    }

    pub(super) fn new(
        snapshot: &Snapshot,
        variables: &Strings,
        tls: &mut Kinds<'_>,
        mut staged: impl FnMut(&Route) -> (Staged, RouteSettings),
    ) -> Self {
        let authorizers = super::authorizer::of_routes(snapshot, variables);
        let mut models = Models::default();
        let compile = |SnapshotRoute { route, responses }: &SnapshotRoute| {
            let (staged, settings) = staged(route);
            let data_is_shown = settings.data_trace_enabled == Some(true);
            let compiled = CompiledRoute {
                has_target: route.target.is_some(),
                replies: route.route_response_selection_expression.is_some() && !responses.is_empty(),
                models: MessageModels::new(route, snapshot, variables, &mut models),
                hides_data: !data_is_shown,
                tells_failures_only: !data_is_shown && settings.logging_level == Some(LoggingLevel::Error),
                metrics: RouteMetrics::default(),
                method: Arc::new(method(route, snapshot, variables, tls, &authorizers, staged)),
            };
            (route.key.clone(), Arc::new(compiled))
        };
        let by_key: Table<_, _> = snapshot.routes.iter().map(compile).collect();
        let wants_keys = by_key.values().any(|route: &Arc<CompiledRoute>| route.method.api_key_required);
        let selection = Selection::compile(&snapshot.api.route_selection_expression, variables);
        Self { selection, unmatched: RouteMetrics::default(), wants_keys, by_key }
    }
}

impl MessageModels {
    /// The model for what the expression gives; none, if there is none of that name and none for all others.
    pub fn find(&self, key: &str) -> Option<&BodyModel> {
        self.by_key.get(key).or_else(|| self.by_key.get(DEFAULT))
    }

    fn new(route: &Route, snapshot: &Snapshot, variables: &Strings, models: &mut Models) -> Option<Self> {
        if snapshot.api.disable_schema_validation == Some(true) {
            return None;
        }
        let selection = Selection::compile(route.model_selection_expression.as_deref()?, variables);
        let text = |name: &str| {
            let model = snapshot.models.iter().find(|model| model.name == name)?;
            Some(model.schema.clone())
        };
        let model = |(key, name): (&String, &String)| (key.clone(), models.get(name, &text));
        Some(Self { selection, by_key: route.request_models.iter().flatten().map(model).collect() })
    }
}

/// A route as the phases of requests know it: its key stands where a method has its resource's path.
fn method(
    route: &Route,
    snapshot: &Snapshot,
    variables: &Strings,
    tls: &mut Kinds<'_>,
    authorizers: &HashMap<AuthorizerId, Arc<CompiledAuthorizer>>,
    staged: Staged,
) -> CompiledMethod {
    let target = route.target.as_ref();
    let target = target.and_then(|id| snapshot.integrations.iter().find(|known| known.integration.id == *id));
    CompiledMethod {
        resource: ResourceId::new(route.id.as_str()),
        resource_path: route.key.clone(),
        verb: Verb::Any,
        authorization: authorization(route.authorization),
        authorizer: route.authorizer.as_ref().and_then(|id| authorizers.get(id)).map(Arc::clone),
        api_key_required: route.api_key_required,
        required: required(route),
        models: Vec::new(),
        integration: CompiledIntegration::of_route(target, variables, tls),
        responses: Default::default(),
        staged,
    }
}

fn authorization(kind: AuthorizationType) -> rest::AuthorizationType {
    match kind {
        AuthorizationType::None => rest::AuthorizationType::None,
        AuthorizationType::AwsIam => rest::AuthorizationType::AwsIam,
        AuthorizationType::Custom => rest::AuthorizationType::Custom,
        // No route of a WebSocket API has it. What can't be checked is refused.
        AuthorizationType::Jwt => rest::AuthorizationType::CognitoUserPools,
    }
}

/// The parameters that a route requires.
fn required(route: &Route) -> Vec<Required> {
    let required = route.request_parameters.iter().flatten().filter(|(_, required)| **required);
    let source = |(expression, _): (&String, &bool)| {
        let source = Source::parse(expression, &Strings::new())?;
        let (Source::Header(name) | Source::HeaderAll(name) | Source::Query(name) | Source::QueryAll(name)) = &source
        else {
            return None;
        };
        Some(Required { name: name.clone(), source })
    };
    required.filter_map(source).collect()
}

/// An integration of V2 as V1 writes it, without what the two have differently: templates and responses.
pub(super) fn as_v1(integration: &http::Integration) -> rest::Integration {
    rest::Integration {
        kind: integration.kind,
        http_method: integration.method.clone(),
        uri: integration.uri.clone(),
        connection_type: Some(integration.connection_type),
        connection_id: integration.connection_id.clone(),
        credentials: integration.credentials.clone(),
        request_parameters: integration.request_parameters.clone().unwrap_or_default(),
        request_templates: None,
        passthrough: integration.passthrough,
        content_handling: integration.content_handling,
        timeout_millis: integration.timeout_millis,
        cache_namespace: String::new(),
        cache_key_parameters: Vec::new(),
        insecure_skip_verification: None,
        transfer_mode: None,
        target: None,
        responses: Default::default(),
    }
}
