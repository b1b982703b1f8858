//! Where each kind of document lives: every key of the catalog is made, and read, in this file.
//!
//! | key | document |
//! | --- | --- |
//! | `identity/root` | the root credentials, sealed |
//! | `restapis/{api}` | a REST API |
//! | `restapis/{api}/resources/{resource}` | a resource |
//! | `restapis/{api}/resources/{resource}/children/{part}` | the id of the child that holds this path part |
//! | `restapis/{api}/resources/{resource}/methods/{verb}` | a method with its integration and responses |
//! | `restapis/{api}/models/{name}` | a model |
//! | `restapis/{api}/deployments/{deployment}` | a deployment's card |
//! | `restapis/{api}/snapshots/{deployment}` | what the deployment holds |
//! | `restapis/{api}/stages/{stage}` | a stage |
//!
//! The `children` documents are claims: that two siblings never share a path part, nor have two variable ones,
//! is a condition of the transaction which creates the claim, whichever nodes the callers speak to.

use std::fmt;
use std::marker::PhantomData;

use super::Sealed;
use crate::model::id::{DeploymentId, ResourceId, RestApiId, StageName};
use crate::model::rest::{Deployment, Method, Model, PathPart, Resource, RestApi, Snapshot, Stage, Verb};

/// The key of one document of type `T`.
pub struct Key<T> {
    text: String,
    kind: PhantomData<fn() -> T>,
}

/// What the keys of some documents of type `T` start with.
pub struct Prefix<T> {
    text: String,
    kind: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    fn new(text: String) -> Self {
        Self { text, kind: PhantomData }
    }

    /// The key as the store knows it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<T> Prefix<T> {
    fn new(text: String) -> Self {
        Self { text, kind: PhantomData }
    }

    /// The prefix as the store knows it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The root credentials.
pub fn root_credentials() -> Key<Sealed> {
    Key::new("identity/root".to_owned())
}

/// All REST APIs.
pub fn rest_apis() -> Prefix<RestApi> {
    Prefix::new("restapis/".to_owned())
}

/// A REST API.
pub fn rest_api(api: &RestApiId) -> Key<RestApi> {
    Key::new(format!("restapis/{api}"))
}

/// The resources of an API.
pub fn resources(api: &RestApiId) -> Prefix<Resource> {
    Prefix::new(format!("restapis/{api}/resources/"))
}

/// A resource.
pub fn resource(api: &RestApiId, resource: &ResourceId) -> Key<Resource> {
    Key::new(format!("restapis/{api}/resources/{resource}"))
}

/// The claims of a resource's children.
pub fn children(api: &RestApiId, parent: &ResourceId) -> Prefix<ResourceId> {
    Prefix::new(format!("restapis/{api}/resources/{parent}/children/"))
}

/// The claim of a path part under a parent. All variable parts claim the same: there may be only one.
pub fn child(api: &RestApiId, parent: &ResourceId, part: &str) -> Key<ResourceId> {
    let claimed = if PathPart::parse(part).is_variable() { "{}" } else { part };
    Key::new(format!("restapis/{api}/resources/{parent}/children/{claimed}"))
}

/// The methods of a resource.
pub fn methods(api: &RestApiId, resource: &ResourceId) -> Prefix<Method> {
    Prefix::new(format!("restapis/{api}/resources/{resource}/methods/"))
}

/// A method.
pub fn method(api: &RestApiId, resource: &ResourceId, verb: Verb) -> Key<Method> {
    Key::new(format!("restapis/{api}/resources/{resource}/methods/{verb}"))
}

/// The models of an API.
pub fn models(api: &RestApiId) -> Prefix<Model> {
    Prefix::new(format!("restapis/{api}/models/"))
}

/// A model.
pub fn model(api: &RestApiId, name: &str) -> Key<Model> {
    Key::new(format!("restapis/{api}/models/{name}"))
}

/// The deployments of an API.
pub fn deployments(api: &RestApiId) -> Prefix<Deployment> {
    Prefix::new(format!("restapis/{api}/deployments/"))
}

/// A deployment's card.
pub fn deployment(api: &RestApiId, deployment: &DeploymentId) -> Key<Deployment> {
    Key::new(format!("restapis/{api}/deployments/{deployment}"))
}

/// What a deployment holds.
pub fn snapshot(api: &RestApiId, deployment: &DeploymentId) -> Key<Snapshot> {
    Key::new(format!("restapis/{api}/snapshots/{deployment}"))
}

/// The stages of an API.
pub fn stages(api: &RestApiId) -> Prefix<Stage> {
    Prefix::new(format!("restapis/{api}/stages/"))
}

/// A stage.
pub fn stage(api: &RestApiId, stage: &StageName) -> Key<Stage> {
    Key::new(format!("restapis/{api}/stages/{stage}"))
}

/// Reads the key of a stage; `None` for every other key.
pub fn parse_stage(key: &str) -> Option<(RestApiId, StageName)> {
    let mut parts = key.strip_prefix("restapis/")?.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(api), Some("stages"), Some(stage), None) => Some((RestApiId::new(api), StageName::new(stage))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_key_is_read_back_and_no_other_is() {
        let (api, name) = (RestApiId::new("abc"), StageName::new("prod"));
        assert_eq!(parse_stage(stage(&api, &name).as_str()), Some((api.clone(), name)));
        assert_eq!(parse_stage(rest_api(&api).as_str()), None);
        assert_eq!(parse_stage(snapshot(&api, &DeploymentId::new("d")).as_str()), None);
    }

    #[test]
    fn variable_siblings_claim_the_same_key() {
        let (api, parent) = (RestApiId::new("abc"), ResourceId::new("r"));
        let claim = |part| child(&api, &parent, part).as_str().to_owned();
        assert_eq!(claim("{a}"), claim("{proxy+}"));
        assert_ne!(claim("a"), claim("{a}"));
    }
}
