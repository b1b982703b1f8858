//! Where APIs of V2 live: their routes, integrations and what else belongs to them.

use super::{Key, Prefix, named, part};
use crate::model::http::{
    Api, Authorizer, Deployment, Integration, IntegrationResponse, Model, Route, RouteResponse, Snapshot, Stage,
};
use crate::model::id::{
    ApiId, AuthorizerId, DeploymentId, IntegrationId, IntegrationResponseId, ModelId, RouteId, RouteResponseId,
    StageName,
};
use crate::model::rest::BasePathMapping;

/// All APIs of V2.
pub fn apis() -> Prefix<Api> {
    Prefix::new("apis/".to_owned())
}

/// An API of V2.
pub fn api(api: &ApiId) -> Key<Api> {
    Key::new(format!("apis/{}", part(api)))
}

/// The routes of an API.
pub fn routes(api: &ApiId) -> Prefix<Route> {
    Prefix::new(format!("apis/{}/routes/", part(api)))
}

/// A route.
pub fn route(api: &ApiId, route: &RouteId) -> Key<Route> {
    Key::new(format!("apis/{}/routes/{}", part(api), part(route)))
}

/// The claim of a route's key.
pub fn route_claim(api: &ApiId, route_key: &str) -> Key<RouteId> {
    Key::new(format!("apis/{}/routekeys/{}", part(api), part(route_key)))
}

/// The route responses of a route.
pub fn route_responses(api: &ApiId, route: &RouteId) -> Prefix<RouteResponse> {
    Prefix::new(format!("apis/{}/routes/{}/responses/", part(api), part(route)))
}

/// A route response.
pub fn route_response(api: &ApiId, route: &RouteId, response: &RouteResponseId) -> Key<RouteResponse> {
    Key::new(format!("apis/{}/routes/{}/responses/{}", part(api), part(route), part(response)))
}

/// The integrations of an API.
pub fn integrations(api: &ApiId) -> Prefix<Integration> {
    Prefix::new(format!("apis/{}/integrations/", part(api)))
}

/// An integration.
pub fn integration(api: &ApiId, integration: &IntegrationId) -> Key<Integration> {
    Key::new(format!("apis/{}/integrations/{}", part(api), part(integration)))
}

/// The integration responses of an integration.
pub fn integration_responses(api: &ApiId, integration: &IntegrationId) -> Prefix<IntegrationResponse> {
    Prefix::new(format!("apis/{}/integrations/{}/responses/", part(api), part(integration)))
}

/// An integration response.
pub fn integration_response(
    api: &ApiId,
    integration: &IntegrationId,
    response: &IntegrationResponseId,
) -> Key<IntegrationResponse> {
    Key::new(format!("apis/{}/integrations/{}/responses/{}", part(api), part(integration), part(response)))
}

/// The authorizers of an API.
pub fn api_authorizers(api: &ApiId) -> Prefix<Authorizer> {
    Prefix::new(format!("apis/{}/authorizers/", part(api)))
}

/// An authorizer of an API.
pub fn api_authorizer(api: &ApiId, authorizer: &AuthorizerId) -> Key<Authorizer> {
    Key::new(format!("apis/{}/authorizers/{}", part(api), part(authorizer)))
}

/// The models of an API.
pub fn api_models(api: &ApiId) -> Prefix<Model> {
    Prefix::new(format!("apis/{}/models/", part(api)))
}

/// A model of an API.
pub fn api_model(api: &ApiId, model: &ModelId) -> Key<Model> {
    Key::new(format!("apis/{}/models/{}", part(api), part(model)))
}

/// The deployments of an API.
pub fn api_deployments(api: &ApiId) -> Prefix<Deployment> {
    Prefix::new(format!("apis/{}/deployments/", part(api)))
}

/// The card of an API's deployment.
pub fn api_deployment(api: &ApiId, deployment: &DeploymentId) -> Key<Deployment> {
    Key::new(format!("apis/{}/deployments/{}", part(api), part(deployment)))
}

/// What an API's deployment holds.
pub fn api_snapshot(api: &ApiId, deployment: &DeploymentId) -> Key<Snapshot> {
    Key::new(format!("apis/{}/snapshots/{}", part(api), part(deployment)))
}

/// The stages of an API.
pub fn api_stages(api: &ApiId) -> Prefix<Stage> {
    Prefix::new(format!("apis/{}/stages/", part(api)))
}

/// A stage of an API.
pub fn api_stage(api: &ApiId, stage: &StageName) -> Key<Stage> {
    Key::new(format!("apis/{}/stages/{}", part(api), part(stage)))
}

/// The base path mappings that point at an API.
pub fn mappings_of_api(api: &ApiId) -> Prefix<BasePathMapping> {
    Prefix::new(format!("apis/{}/mappings/", part(api)))
}

/// A base path mapping, where the API of V2 that it points at sees it.
pub fn mapping_of_api(mapping: &BasePathMapping) -> Key<BasePathMapping> {
    let (domain, base_path) = (part(&mapping.domain), part(named(&mapping.base_path)));
    Key::new(format!("apis/{}/mappings/{domain}:{base_path}", part(&mapping.api)))
}

/// Reads the key of a stage of an API of V2; `None` for every other key.
pub fn parse_api_stage(key: &str) -> Option<(ApiId, StageName)> {
    let mut parts = key.strip_prefix("apis/")?.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(api), Some("stages"), Some(stage), None) => Some((ApiId::new(api), StageName::new(stage))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_key_is_read_back_and_no_other_is() {
        let (id, name) = (ApiId::new("abc"), StageName::new("prod"));
        assert_eq!(parse_api_stage(api_stage(&id, &name).as_str()), Some((id.clone(), name)));
        assert_eq!(parse_api_stage(api(&id).as_str()), None);
        assert_eq!(parse_api_stage(api_snapshot(&id, &DeploymentId::new("d")).as_str()), None);
    }

    #[test]
    fn what_a_stage_needs_is_restored_before_it() {
        let id = ApiId::new("abc");
        let stage = api_stage(&id, &StageName::new("a"));
        assert!(api_snapshot(&id, &DeploymentId::new("zzz")).as_str() < stage.as_str());
    }
}
