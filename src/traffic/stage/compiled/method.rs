//! Methods, compiled: who may call, what a request must have, and what is called.

use std::collections::BTreeSet;

use http::StatusCode;

use super::integration::CompiledIntegration;
use crate::mapping::parameters::Source;
use crate::model::id::ResourceId;
use crate::model::rest::{AuthorizationType, Method, Snapshot, SnapshotResource, Strings};
use crate::observe::metrics::MethodMetrics;

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
    /// What a request must have, if the method has a validator.
    pub required: Vec<Required>,
    /// What is called.
    pub integration: CompiledIntegration,
    /// Status codes that the method declares.
    pub responses: BTreeSet<StatusCode>,
    /// Where its requests are counted.
    pub metrics: MethodMetrics,
}

/// A parameter that a request must have.
#[derive(Debug, PartialEq)]
pub struct Required {
    /// Its name, as callers are told.
    pub name: String,
    /// Where it is.
    pub source: Source,
}

impl CompiledMethod {
    pub(super) fn new(
        snapshot: &Snapshot,
        resource: &SnapshotResource,
        method: &Method,
        variables: &Strings,
        metrics: MethodMetrics,
    ) -> Self {
        let validator = method.request_validator_id.as_ref();
        let validator =
            validator.and_then(|id| snapshot.request_validators.iter().find(|known| known.id.as_str() == id));
        let checks_parameters = validator.is_some_and(|validator| validator.validate_parameters);
        Self {
            resource: resource.id.clone(),
            resource_path: resource.path.clone(),
            authorization: method.authorization_type,
            api_key_required: method.api_key_required,
            required: if checks_parameters { required(method) } else { Vec::new() },
            integration: CompiledIntegration::new(method.integration.as_ref(), variables),
            responses: method.responses.keys().filter_map(|code| code.parse().ok()).collect(),
            metrics,
        }
    }
}

/// The parameters that a method requires, in the order in which AWS lists them: that of their whole expressions.
fn required(method: &Method) -> Vec<Required> {
    let required = method.request_parameters.iter().filter(|(_, required)| **required);
    let source = |(expression, _): (&String, &bool)| {
        let source = Source::parse(expression, &Strings::new())?;
        let name = match &source {
            Source::Path(name) | Source::Query(name) | Source::QueryAll(name) => name,
            Source::Header(name) | Source::HeaderAll(name) => name,
            Source::Context(_) | Source::Constant(_) | Source::Body(_) => return None,
        };
        Some(Required { name: name.clone(), source })
    };
    required.filter_map(source).collect()
}
