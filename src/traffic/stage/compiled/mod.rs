//! A stage, compiled: everything a request needs, worked out once when the stage or its deployment changes.

mod authorizer;
mod binary;
mod gateway_responses;
mod integration;
mod lambda;
mod method;
mod routes;
mod service;
mod templates;

use std::collections::HashMap;
use std::sync::Arc;

use self::method::{Models, Shared};
use super::canary::{self, Side};
use super::lasting::{Lasting, Place};
use super::router::Router;
use crate::model::http::{self, RouteSettings};
use crate::model::id::{ApiId, AuthorizerId, DeploymentId, StageName};
use crate::model::rest::{ApiKeySource, Method, Snapshot, SnapshotResource, Stage, Strings};
use crate::observe::access_log::AccessLog;
use crate::observe::metrics::MethodMetrics;
use crate::traffic::integration::{Identity, Kinds, Upstream};

pub use authorizer::{CompiledAuthorizer, Permissions};
pub use binary::BinaryTypes;
pub use gateway_responses::{CompiledGatewayResponse, GatewayResponses};
pub use integration::{
    CompiledCall, CompiledHttp, CompiledIntegration, CompiledMock, CompiledResponse, Host, Mapped, Unmappable,
};
pub use lambda::CompiledLambda;
pub use method::{BodyModel, CompiledMethod, Required, Staged};
pub use routes::{CONNECT, CompiledRoute, DISCONNECT, MessageModels, Routes};
pub use service::{CompiledAws, Rights};
pub use templates::{Chosen, TemplateChoice, accepted, media_type};

/// The expression by which an API takes callers' keys from what its authorizer says.
const KEY_OF_AUTHORIZER: &str = "$context.authorizer.usageIdentifierKey";

/// A stage as requests see it; never changed, only replaced.
pub struct CompiledStage {
    /// The API.
    pub api: ApiId,
    /// The stage's name.
    pub name: StageName,
    /// The deployment that the stage stands for.
    pub base: Deployed,
    /// Whether the stories of some methods' requests are told.
    pub is_traced: bool,
    /// Where requests are logged, if they are.
    pub access_log: Option<AccessLog>,
    /// The canary's share in percent, and its deployment.
    pub canary: Option<(f64, Deployed)>,
}

/// A deployment, compiled with the stage's variables.
pub struct Deployed {
    /// Its id.
    pub deployment: DeploymentId,
    /// Whether the `execute-api` host is refused.
    pub endpoint_disabled: bool,
    /// The stage's variables, as this deployment sees them.
    pub variables: Strings,
    /// Where callers' API keys are.
    pub key_source: ApiKeySource,
    /// Media types that are bytes.
    pub binary: BinaryTypes,
    /// Answers of at least so many bytes are compressed, and requests may be; neither, if there is none.
    pub minimum_compression: Option<u32>,
    /// How refusals look.
    pub gateway_responses: GatewayResponses,
    /// Its methods.
    pub router: Router<Arc<CompiledMethod>>,
    /// Its routes, if it is a WebSocket API's: it has no methods then.
    pub routes: Option<Routes>,
}

impl CompiledStage {
    /// Compiles a stage with its deployment, and its canary's if it has one; `tls` is how backends are called, and the
    /// certificate that they are shown.
    pub(super) fn new(
        api: &ApiId,
        stage: &Stage,
        base: &Snapshot,
        canary: Option<&Snapshot>,
        tls: (&Upstream, Option<&Identity>),
        lasting: &mut Lasting,
    ) -> Self {
        let mut compile = |side, deployment: &DeploymentId, snapshot: &Snapshot, variables: &Strings| {
            let place = Place { api, stage, side, deployment, variables };
            let kept = |authorizer: &CompiledAuthorizer| Some(lasting.permissions(&place, authorizer));
            let authorizers = authorizer::compile(snapshot, variables, kept);
            let staged = |resource: &SnapshotResource, method: &Method| lasting.staged(&place, resource, method);
            Deployed::new(deployment.clone(), snapshot, variables, tls, authorizers, staged)
        };
        let canary = stage.canary.as_ref().zip(canary).map(|(settings, snapshot)| {
            let mut variables = stage.variables.clone();
            variables.extend(settings.stage_variable_overrides.clone().unwrap_or_default());
            let deployed = compile(Side::Canary, &settings.deployment, snapshot, &variables);
            (settings.percent_traffic, deployed)
        });
        let base = compile(Side::Base, &stage.deployment, base, &stage.variables);
        lasting.tidy();
        let is_traced = stage.method_settings.values().any(|setting| setting.data_trace_enabled);
        let access_log = AccessLog::compile(stage.access_log.as_ref());
        Self { api: api.clone(), name: stage.name.clone(), base, is_traced, access_log, canary }
    }

    /// Compiles a stage of a WebSocket API.
    pub(super) fn of_routes(
        api: &ApiId,
        stage: &http::Stage,
        (deployment, snapshot): (&DeploymentId, &http::Snapshot),
        tls: (&Upstream, Option<&Identity>),
        lasting: &mut Lasting,
    ) -> Self {
        let staged = |route: &http::Route| lasting.staged_route(stage, &route.key);
        let base = Deployed::of_routes(deployment, snapshot, &stage.variables, tls, staged);
        lasting.tidy();
        let settings = stage.route_settings.values().chain([&stage.default_route_settings]);
        let is_traced = settings.into_iter().any(RouteSettings::is_traced);
        let access_log = AccessLog::compile(stage.access_log.as_ref());
        Self { api: api.clone(), name: stage.name.clone(), base, is_traced, access_log, canary: None }
    }

    /// Compiles an API as if it were deployed, for test invocations: nothing of it is counted.
    pub fn undeployed(snapshot: &Snapshot, variables: &Strings, tls: &Upstream) -> Self {
        // A test goes past every authorizer.
        let authorizers = HashMap::new();
        Self {
            api: snapshot.api.id.clone(),
            name: StageName::new("test-invoke-stage"),
            base: Deployed::new(DeploymentId::new(""), snapshot, variables, (tls, None), authorizers, |_, _| Staged {
                metrics: MethodMetrics::default(),
                throttle: None,
                cache: None,
                is_traced: false,
            }),
            is_traced: false,
            access_log: None,
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
    /// `staged` says what the stage adds to a method.
    fn new(
        deployment: DeploymentId,
        snapshot: &Snapshot,
        variables: &Strings,
        (upstream, identity): (&Upstream, Option<&Identity>),
        authorizers: HashMap<AuthorizerId, Arc<CompiledAuthorizer>>,
        mut staged: impl FnMut(&SnapshotResource, &Method) -> Staged,
    ) -> Self {
        let mut router = Router::default();
        let mut shared = Shared { models: Models::default(), tls: Kinds::new(upstream, identity), authorizers };
        for resource in &snapshot.resources {
            for method in &resource.methods {
                let staged = staged(resource, method);
                let compiled = CompiledMethod::new(snapshot, resource, method, variables, &mut shared, staged);
                router.insert(&resource.path, method.verb, Arc::new(compiled));
            }
        }
        Self {
            deployment,
            endpoint_disabled: snapshot.api.disable_execute_api_endpoint,
            variables: variables.clone(),
            key_source: snapshot.api.api_key_source,
            binary: BinaryTypes::new(&snapshot.api.binary_media_types),
            minimum_compression: snapshot.api.minimum_compression_size,
            gateway_responses: GatewayResponses::new(&snapshot.gateway_responses, variables),
            router,
            routes: None,
        }
    }

    /// `staged` says what the stage adds to a route.
    fn of_routes(
        deployment: &DeploymentId,
        snapshot: &http::Snapshot,
        variables: &Strings,
        (upstream, identity): (&Upstream, Option<&Identity>),
        staged: impl FnMut(&http::Route) -> (Staged, RouteSettings),
    ) -> Self {
        let mut tls = Kinds::new(upstream, identity);
        Self {
            deployment: deployment.clone(),
            endpoint_disabled: snapshot.api.disable_execute_api_endpoint,
            variables: variables.clone(),
            key_source: match snapshot.api.api_key_selection_expression.as_str() {
                KEY_OF_AUTHORIZER => ApiKeySource::Authorizer,
                _ => ApiKeySource::Header,
            },
            binary: BinaryTypes::default(),
            minimum_compression: None,
            gateway_responses: GatewayResponses::default(),
            router: Router::default(),
            routes: Some(Routes::new(snapshot, variables, &mut tls, staged)),
        }
    }
}
