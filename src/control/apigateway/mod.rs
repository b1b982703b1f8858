//! API Gateway's management plane for REST APIs (V1): a file a resource, a function an operation, AWS's names.
//!
//! The table of operations is [`perform`]. Source: the service model `apigateway/2015-07-09`.

mod api;
mod canary;
mod deployments;
mod expressions;
mod integration_responses;
mod integrations;
mod method_responses;
mod method_settings;
mod methods;
mod resources;
mod rest_apis;
mod stages;

use super::Control;
use super::wire::{Answer, Call, Error, Input};
use crate::catalog::{Documents, Stored, keys};
use crate::model::id::{DeploymentId, ResourceId, RestApiId, StageName};
use crate::model::rest::{Method, Resource, RestApi, Strings, Verb};

/// A call's verb and the segments of its path.
pub(super) struct Route {
    verb: String,
    segments: Vec<String>,
}

/// Something has at most so many tags.
const MAX_TAGS: usize = 50;

/// Collections of this service that this release has no operations for yet.
const NOT_YET: &[&str] = &[
    "account",
    "apikeys",
    "clientcertificates",
    "domainnameaccessassociations",
    "domainnames",
    "rejectdomainnameaccessassociations",
    "sdktypes",
    "tags",
    "usageplans",
    "vpclinks",
];

/// Splits a call; calls that are certainly for nobody are refused here.
pub(super) fn route(call: &Call) -> Result<Route, Error> {
    let segments = call.segments();
    match segments.first().map(String::as_str) {
        Some("restapis") => Ok(Route { verb: call.method.clone(), segments }),
        Some(first) if NOT_YET.contains(&first) => Err(not_yet(call)),
        _ => Err(unknown(call)),
    }
}

fn unknown(call: &Call) -> Error {
    Error::unknown_operation(format!("There is no operation {} {}", call.method, call.path))
}

fn not_yet(call: &Call) -> Error {
    Error::unknown_operation(format!(
        "The operation {} {} is one of API Gateway's that this release does not have yet",
        call.method, call.path
    ))
}

/// The table of operations: finds the one that verb and path name, and carries it out.
pub(super) async fn perform(control: &Control, call: &Call, route: &Route) -> Result<Answer, Error> {
    let body = if call.method == "GET" { Input::default() } else { Input::read(&call.body)? };
    // Everything below reads local documents: first they have all that was committed before this call.
    control.catalog.fresh().await?;
    let segments: Vec<&str> = route.segments.iter().map(String::as_str).collect();
    let target = Target { control, call, body: &body };
    let api = RestApiId::new(segments.get(1).copied().unwrap_or_default());
    let place = || Place {
        api: api.clone(),
        resource: ResourceId::new(segments.get(3).copied().unwrap_or_default()),
        verb: segments.get(5).copied().unwrap_or_default().to_owned(),
    };
    let resource = || ResourceId::new(segments[3]);
    match (route.verb.as_str(), &segments[1..]) {
        ("POST", []) if call.parameter("mode").is_some() => Err(not_yet(call)),
        ("POST", []) => target.create_rest_api().await,
        ("GET", []) => target.get_rest_apis(),
        ("GET", [_]) => target.get_rest_api(&api),
        ("PATCH", [_]) => target.update_rest_api(&api).await,
        ("DELETE", [_]) => target.delete_rest_api(&api).await,

        ("GET", [_, "resources"]) => target.get_resources(&api),
        ("POST", [_, "resources", _]) => target.create_resource(&api, &resource()).await,
        ("GET", [_, "resources", _]) => target.get_resource(&api, &resource()),
        ("PATCH", [_, "resources", _]) => target.update_resource(&api, &resource()).await,
        ("DELETE", [_, "resources", _]) => target.delete_resource(&api, &resource()).await,

        ("PUT", [_, "resources", _, "methods", _]) => target.put_method(&place()).await,
        ("GET", [_, "resources", _, "methods", _]) => target.get_method(&place()),
        ("PATCH", [_, "resources", _, "methods", _]) => target.update_method(&place()).await,
        ("DELETE", [_, "resources", _, "methods", _]) => target.delete_method(&place()).await,

        ("PUT", [_, "resources", _, "methods", _, "responses", status]) => {
            target.put_method_response(&place(), status).await
        }
        ("GET", [_, "resources", _, "methods", _, "responses", status]) => target.get_method_response(&place(), status),
        ("PATCH", [_, "resources", _, "methods", _, "responses", status]) => {
            target.update_method_response(&place(), status).await
        }
        ("DELETE", [_, "resources", _, "methods", _, "responses", status]) => {
            target.delete_method_response(&place(), status).await
        }

        ("PUT", [_, "resources", _, "methods", _, "integration"]) => target.put_integration(&place()).await,
        ("GET", [_, "resources", _, "methods", _, "integration"]) => target.get_integration(&place()),
        ("PATCH", [_, "resources", _, "methods", _, "integration"]) => target.update_integration(&place()).await,
        ("DELETE", [_, "resources", _, "methods", _, "integration"]) => target.delete_integration(&place()).await,

        ("PUT", [_, "resources", _, "methods", _, "integration", "responses", status]) => {
            target.put_integration_response(&place(), status).await
        }
        ("GET", [_, "resources", _, "methods", _, "integration", "responses", status]) => {
            target.get_integration_response(&place(), status)
        }
        ("PATCH", [_, "resources", _, "methods", _, "integration", "responses", status]) => {
            target.update_integration_response(&place(), status).await
        }
        ("DELETE", [_, "resources", _, "methods", _, "integration", "responses", status]) => {
            target.delete_integration_response(&place(), status).await
        }

        ("POST", [_, "deployments"]) => target.create_deployment(&api).await,
        ("GET", [_, "deployments"]) => target.get_deployments(&api),
        ("GET", [_, "deployments", id]) => target.get_deployment(&api, &DeploymentId::new(*id)),
        ("PATCH", [_, "deployments", id]) => target.update_deployment(&api, &DeploymentId::new(*id)).await,
        ("DELETE", [_, "deployments", id]) => target.delete_deployment(&api, &DeploymentId::new(*id)).await,

        ("POST", [_, "stages"]) => target.create_stage(&api).await,
        ("GET", [_, "stages"]) => target.get_stages(&api),
        ("GET", [_, "stages", name]) => target.get_stage(&api, &StageName::new(*name)),
        ("PATCH", [_, "stages", name]) => target.update_stage(&api, &StageName::new(*name)).await,
        ("DELETE", [_, "stages", name]) => target.delete_stage(&api, &StageName::new(*name)).await,

        ("PUT", [_]) => Err(not_yet(call)),
        (
            _,
            [_, "models" | "authorizers" | "requestvalidators" | "gatewayresponses" | "documentation" | "stages", ..],
        ) => Err(not_yet(call)),
        ("POST", [_, "resources", _, "methods", _]) => Err(not_yet(call)),
        _ => Err(unknown(call)),
    }
}

/// A call that has found its operation.
struct Target<'a> {
    control: &'a Control,
    call: &'a Call,
    body: &'a Input,
}

/// A method's place, as a path names it; the verb is the caller's text.
struct Place {
    api: RestApiId,
    resource: ResourceId,
    verb: String,
}

impl Target<'_> {
    /// A list of repeated `embed` parameters has this one.
    fn embeds(&self, what: &str) -> bool {
        let values = self.call.parameters("embed");
        values.iter().any(|value| value.split(',').any(|value| value == what))
    }

    fn unknown_api(&self, api: &RestApiId) -> Error {
        Error::not_found(format!("Invalid API identifier specified {}:{api}", self.control.settings.account))
    }

    fn find_api(&self, documents: &Documents<'_>, api: &RestApiId) -> Result<Stored<RestApi>, Error> {
        documents.get(&keys::rest_api(api))?.ok_or_else(|| self.unknown_api(api))
    }
}

fn find_resource(documents: &Documents<'_>, api: &RestApiId, resource: &ResourceId) -> Result<Stored<Resource>, Error> {
    let found = documents.get(&keys::resource(api, resource))?;
    found.ok_or_else(|| Error::not_found("Invalid Resource identifier specified"))
}

impl Place {
    /// The verb, if the resource has a method of it.
    fn verb(&self) -> Result<Verb, Error> {
        Verb::parse(&self.verb).ok_or_else(|| Error::not_found("Invalid Method identifier specified"))
    }

    /// The resource must exist, and then the method.
    fn find(&self, documents: &Documents<'_>) -> Result<Stored<Method>, Error> {
        find_resource(documents, &self.api, &self.resource)?;
        let found = documents.get(&keys::method(&self.api, &self.resource, self.verb()?))?;
        found.ok_or_else(|| Error::not_found("Invalid Method identifier specified"))
    }

    /// Writes a method back, as it was found and then changed.
    async fn update(&self, control: &Control, found: &Stored<Method>, method: &Method) -> Result<(), Error> {
        if found.value == *method {
            return Ok(());
        }
        let key = keys::method(&self.api, &self.resource, method.verb);
        control.catalog.commit(crate::catalog::Edit::new().update(&key, found, method)).await?;
        Ok(())
    }
}

/// `tags` of something that is created.
fn tags(body: &Input) -> Result<Strings, Error> {
    let tags = body.strings("tags")?.unwrap_or_default();
    if tags.len() > MAX_TAGS {
        return Err(Error::bad_request(format!("Tags exceed limit of {MAX_TAGS}")));
    }
    let too_long = |text: &str, limit: usize| text.chars().count() > limit;
    match tags.iter().find(|(key, value)| key.is_empty() || too_long(key, 128) || too_long(value, 256)) {
        Some((key, _)) => {
            Err(Error::bad_request(format!("Invalid tag '{key}': keys have 1 to 128 characters, values at most 256")))
        }
        None => Ok(tags),
    }
}

/// Texts and names are at most so long.
fn bounded(text: Option<String>, what: &str, limit: usize) -> Result<Option<String>, Error> {
    match text {
        Some(text) if text.chars().count() > limit => {
            Err(Error::bad_request(format!("Invalid {what}, can be at most {limit} characters.")))
        }
        text => Ok(text),
    }
}
