//! Methods, compiled: who may call, what a request must have, and what is called.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use http::StatusCode;

use super::authorizer::CompiledAuthorizer;
use super::integration::CompiledIntegration;
use super::templates::media_type;
use crate::mapping::parameters::Source;
use crate::mapping::schema::{self, Schema};
use crate::model::id::{AuthorizerId, ResourceId};
use crate::model::rest::{AuthorizationType, Method, Snapshot, SnapshotResource, Strings, Verb};
use crate::observe::metrics::MethodMetrics;
use crate::traffic::integration::Kinds;
use crate::traffic::stage::cache::CachePolicy;
use crate::traffic::stage::throttle::Bucket;

/// A method, ready to run.
pub struct CompiledMethod {
    /// The resource's id.
    pub resource: ResourceId,
    /// The resource's path.
    pub resource_path: String,
    /// Its verb, or `ANY`.
    pub verb: Verb,
    /// How callers are authorized.
    pub authorization: AuthorizationType,
    /// The authorizer that is asked, for the types that have one.
    pub authorizer: Option<Arc<CompiledAuthorizer>>,
    /// Whether callers need an API key.
    pub api_key_required: bool,
    /// What a request must have, if the method has a validator.
    pub required: Vec<Required>,
    /// What bodies must be like, by content type, if the method has a validator.
    pub models: Vec<(String, BodyModel)>,
    /// What is called.
    pub integration: CompiledIntegration,
    /// Status codes that the method declares.
    pub responses: BTreeSet<StatusCode>,
    /// What the stage adds.
    pub staged: Staged,
}

/// What a stage adds to a method, whatever is deployed.
pub struct Staged {
    /// Where requests are counted.
    pub metrics: MethodMetrics,
    /// Whether the stories of requests are told.
    pub is_traced: bool,
    /// How answers are kept, if the stage says so.
    pub cache: Option<CachePolicy>,
    /// How many requests are let through, if the stage says so.
    pub throttle: Option<Arc<Bucket>>,
}

/// A parameter that a request must have.
#[derive(Debug, PartialEq)]
pub struct Required {
    /// Its name, as callers are told.
    pub name: String,
    /// Where it is.
    pub source: Source,
}

/// A model for bodies, or why it can't be used.
pub type BodyModel = Result<Arc<Schema>, schema::Error>;

/// What the methods of one deployment share.
pub(super) struct Shared<'a> {
    pub(super) models: Models,
    pub(super) tls: Kinds<'a>,
    pub(super) authorizers: HashMap<AuthorizerId, Arc<CompiledAuthorizer>>,
}

/// The models of an API that its methods check bodies against, each compiled once.
#[derive(Default)]
pub(super) struct Models(HashMap<String, BodyModel>);

impl Models {
    /// The model of this name; `text` has the schema of each.
    pub(super) fn get(&mut self, name: &str, text: &impl Fn(&str) -> Option<String>) -> BodyModel {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        let compiled = Schema::compile(name, text).map(Arc::new);
        self.0.insert(name.to_owned(), compiled.clone());
        compiled
    }
}

impl CompiledMethod {
    /// The model for bodies of a content type; none if they are not checked. Source: data-plane reference, 8.2.
    pub fn model(&self, content_type: Option<&str>) -> Option<&BodyModel> {
        if self.models.is_empty() {
            return None;
        }
        let media_type = media_type(content_type);
        let find = |wanted: &str| self.models.iter().find(|(known, _)| known == wanted).map(|(_, model)| model);
        find(&media_type).or_else(|| find("$default"))
    }

    pub(super) fn new(
        snapshot: &Snapshot,
        resource: &SnapshotResource,
        method: &Method,
        variables: &Strings,
        shared: &mut Shared<'_>,
        staged: Staged,
    ) -> Self {
        let validator = method.request_validator_id.as_ref();
        let validator =
            validator.and_then(|id| snapshot.request_validators.iter().find(|known| known.id.as_str() == id));
        let checks_parameters = validator.is_some_and(|validator| validator.validate_parameters);
        let schema = |name: &str| {
            let model = snapshot.models.iter().find(|model| model.name == name)?;
            model.schema.clone()
        };
        let checked = method.request_models.iter().filter(|_| validator.is_some_and(|known| known.validate_body));
        Self {
            resource: resource.id.clone(),
            resource_path: resource.path.clone(),
            verb: method.verb,
            authorization: method.authorization_type,
            authorizer: method.authorizer_id.as_deref().and_then(|id| shared.authorizers.get(id)).map(Arc::clone),
            api_key_required: method.api_key_required,
            required: if checks_parameters { required(method) } else { Vec::new() },
            models: checked
                .map(|(content_type, name)| (content_type.to_ascii_lowercase(), shared.models.get(name, &schema)))
                .collect(),
            integration: CompiledIntegration::new(method.integration.as_ref(), variables, &mut shared.tls),
            responses: method.responses.keys().filter_map(|code| code.parse().ok()).collect(),
            staged,
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
