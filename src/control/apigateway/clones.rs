//! Clones of APIs: what CreateRestApi does with `cloneFrom`.
//!
//! Everything below the API is copied as it is at one commit, under new ids; deployments, stages and documentation
//! versions are the original's own.

use std::collections::HashMap;

use super::api::Tree;
use crate::catalog::{Documents, Edit, keys};
use crate::control::wire::Error;
use crate::model::id::{
    ApiId, AuthorizerId, DocumentationPartId, RequestValidatorId, ResourceId, lowercase_alphanumeric,
};
use crate::model::rest::{Method, Model, Resource, RestApi};

/// The ids that the copies have, by those of the originals.
#[derive(Default)]
struct Renamed {
    resources: HashMap<ResourceId, ResourceId>,
    authorizers: HashMap<String, String>,
    validators: HashMap<String, String>,
}

/// Adds copies of everything below `source` to the creation of `api`.
pub(super) fn copy(documents: &Documents<'_>, source: &RestApi, api: &RestApi, edit: Edit) -> Result<Edit, Error> {
    let mut renamed = Renamed::default();
    let edit = copy_children(documents, &source.id, &api.id, &mut renamed, edit)?;
    let edit = copy_documentation(documents, &source.id, &api.id, edit)?;
    copy_resources(documents, source, api, &mut renamed, edit)
}

/// Models, authorizers, request validators and gateway responses.
fn copy_children(
    documents: &Documents<'_>,
    source: &ApiId,
    api: &ApiId,
    renamed: &mut Renamed,
    mut edit: Edit,
) -> Result<Edit, Error> {
    for found in documents.list(&keys::models(source))? {
        let model = copy_model(found.value, source, api);
        edit = edit.create(&keys::model(api, &model.name), &model);
    }
    for found in documents.list(&keys::authorizers(source))? {
        let mut authorizer = found.value;
        let id = AuthorizerId::random();
        renamed.authorizers.insert(authorizer.id.to_string(), id.to_string());
        authorizer.id = id;
        edit = edit.create(&keys::authorizer(api, &authorizer.id), &authorizer);
    }
    for found in documents.list(&keys::request_validators(source))? {
        let mut validator = found.value;
        let id = RequestValidatorId::random();
        renamed.validators.insert(validator.id.to_string(), id.to_string());
        validator.id = id;
        edit = edit.create(&keys::request_validator(api, &validator.id), &validator);
    }
    for found in documents.list(&keys::gateway_responses(source))? {
        edit = edit.create(&keys::gateway_response(api, found.value.kind), &found.value);
    }
    Ok(edit)
}

/// Models name each other by URLs with the API's id in them.
fn copy_model(model: Model, source: &ApiId, api: &ApiId) -> Model {
    let models = |api: &ApiId| format!("/restapis/{api}/models/");
    let schema = model.schema.map(|schema| schema.replace(&models(source), &models(api)));
    Model { id: lowercase_alphanumeric(6), schema, ..model }
}

fn copy_documentation(documents: &Documents<'_>, source: &ApiId, api: &ApiId, mut edit: Edit) -> Result<Edit, Error> {
    for found in documents.list(&keys::documentation_parts(source))? {
        let mut part = found.value;
        part.id = DocumentationPartId::random();
        edit = edit
            .create(&keys::documentation_location(api, &part.location), &part.id)
            .create(&keys::documentation_part(api, &part.id), &part);
    }
    Ok(edit)
}

fn copy_resources(
    documents: &Documents<'_>,
    source: &RestApi,
    api: &RestApi,
    renamed: &mut Renamed,
    mut edit: Edit,
) -> Result<Edit, Error> {
    let tree = Tree::read(documents, &source.id)?;
    for resource in tree.iter() {
        let id = if resource.id == source.root { api.root.clone() } else { ResourceId::random() };
        renamed.resources.insert(resource.id.clone(), id);
    }
    let new_id = |old: &ResourceId| renamed.resources.get(old).cloned();
    for resource in tree.iter() {
        let Some(id) = new_id(&resource.id) else { continue };
        // The root is made with the API; every other has a parent, which holds the claim of its part.
        if let Some(parent) = resource.parent.as_ref().and_then(new_id) {
            let copy = Resource { id: id.clone(), parent: Some(parent.clone()), path_part: resource.path_part.clone() };
            edit = edit
                .create(&keys::resource(&api.id, &id), &copy)
                .create(&keys::child(&api.id, &parent, &resource.path_part), &id);
        }
        for found in documents.list(&keys::methods(&source.id, &resource.id))? {
            let method = copy_method(found.value, renamed);
            edit = edit.create(&keys::method(&api.id, &id, method.verb), &method);
        }
    }
    Ok(edit)
}

/// A method refers to authorizer and validator by their ids, and its cache is named after the resource by default.
fn copy_method(mut method: Method, renamed: &Renamed) -> Method {
    let new = |ids: &HashMap<String, String>, id: Option<String>| id.and_then(|id| ids.get(&id).cloned());
    method.authorizer_id = new(&renamed.authorizers, method.authorizer_id);
    method.request_validator_id = new(&renamed.validators, method.request_validator_id);
    if let Some(integration) = &mut method.integration
        && let Some(resource) = renamed.resources.get(integration.cache_namespace.as_str())
    {
        integration.cache_namespace = resource.to_string();
    }
    method
}
