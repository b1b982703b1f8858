//! Resources and their methods after an import. What is refused of a single call is refused here, in the same words.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::api::Tree;
use super::super::resources::{MAX_RESOURCES, check_parent, check_part};
use super::super::{integration_responses, integrations, methods};
use super::{Before, Change, Mode};
use crate::catalog::{Edit, keys};
use crate::control::openapi::import::{Description, Report};
use crate::control::wire::Error;
use crate::model::id::ResourceId;
use crate::model::rest::{Method, PathPart, Resource, Verb};

/// Writes and removes resources and methods, and tells it.
pub(super) fn settle(
    before: &Before,
    description: &Description,
    mode: Mode,
    report: &mut Report,
    changes: &mut Vec<Change>,
    edit: Edit,
) -> Edit {
    let tree = Tree::of(&before.resources);
    let existing: BTreeMap<String, &Resource> = tree.iter().map(|resource| (tree.path(resource), resource)).collect();
    let mut wanted: BTreeSet<String> = description.paths.keys().flat_map(|path| with_ancestors(path)).collect();
    wanted.insert("/".to_owned());
    let mut settling = Settling { before, report, changes, edit, ids: BTreeMap::new(), variables: HashMap::new() };
    for (path, resource) in &existing {
        if mode == Mode::Overwrite && !wanted.contains(path) {
            settling.remove(path, resource);
        } else {
            settling.keep(path, resource);
        }
    }
    let count = wanted.iter().filter(|path| !existing.contains_key(*path)).count() + settling.ids.len();
    if count > MAX_RESOURCES {
        settling.report.refuse("paths", format!("An API may have at most {MAX_RESOURCES} resources"));
        return settling.edit;
    }
    for path in wanted.iter().filter(|path| !existing.contains_key(*path)) {
        settling.create(path);
    }
    settling.check_foreign_models(description, mode);
    let none = BTreeMap::new();
    for (path, id) in settling.ids.clone() {
        let described = description.paths.get(&path).unwrap_or(&none);
        settling.methods(&path, &id, described, description, mode);
    }
    settling.edit
}

/// A path and all above it, but for the root.
fn with_ancestors(path: &str) -> impl Iterator<Item = String> {
    let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0).chain([path.len()]);
    ends.map(|end| path[..end].to_owned()).collect::<Vec<_>>().into_iter()
}

struct Settling<'a> {
    before: &'a Before,
    report: &'a mut Report,
    changes: &'a mut Vec<Change>,
    edit: Edit,
    /// The ids of the resources that there are afterwards, by path.
    ids: BTreeMap<String, ResourceId>,
    /// The variable child of a resource, which may have one.
    variables: HashMap<ResourceId, String>,
}

impl Settling<'_> {
    fn change(&mut self, edit: impl FnOnce(Edit) -> Edit) {
        self.edit = edit(std::mem::take(&mut self.edit));
    }

    fn keep(&mut self, path: &str, resource: &Resource) {
        self.ids.insert(path.to_owned(), resource.id.clone());
        if let Some(parent) = &resource.parent
            && PathPart::parse(&resource.path_part).is_variable()
        {
            self.variables.insert(parent.clone(), resource.path_part.clone());
        }
    }

    fn remove(&mut self, path: &str, resource: &Resource) {
        let api = &self.before.api.id;
        let key = keys::resource(api, &resource.id);
        self.change(|edit| {
            let edit = edit.discard(&key).discard_below(&key);
            match &resource.parent {
                Some(parent) => edit.discard(&keys::child(api, parent, &resource.path_part)),
                None => edit,
            }
        });
        self.changes.push(Change::new("removed", "path", path));
        for verb in self.before.methods.get(&resource.id).into_iter().flat_map(BTreeMap::keys) {
            self.changes.push(Change::new("removed", "method", format!("{verb} {path}")));
        }
    }

    /// Parents come before their children: a path's text begins with its parent's.
    fn create(&mut self, path: &str) {
        let Some((parent_path, part)) = path.rsplit_once('/') else { return };
        let parent_path = if parent_path.is_empty() { "/" } else { parent_path };
        // A parent that could not be made has been told.
        let Some(parent) = self.ids.get(parent_path).cloned() else { return };
        let parent_part = parent_path.rsplit('/').next().unwrap_or_default();
        let variable = PathPart::parse(part).is_variable();
        let sibling = match self.variables.get(&parent).filter(|_| variable) {
            None => Ok(()),
            Some(sibling) => Err(Error::bad_request(format!(
                "A sibling ({sibling}) of this resource already has a variable path part -- only one is allowed"
            ))),
        };
        if let Err(error) = check_part(part).and_then(|()| check_parent(parent_part)).and(sibling) {
            return self.report.refuse(format!("Unable to create resource at path '{path}'"), error);
        }
        let resource = Resource { id: ResourceId::random(), parent: Some(parent.clone()), path_part: part.to_owned() };
        let api = &self.before.api.id;
        self.change(|edit| {
            edit.put(&keys::child(api, &parent, part), &resource.id).put(&keys::resource(api, &resource.id), &resource)
        });
        self.changes.push(Change::new("added", "path", path));
        self.keep(path, &resource);
    }

    fn methods(
        &mut self,
        path: &str,
        id: &ResourceId,
        described: &BTreeMap<Verb, Method>,
        description: &Description,
        mode: Mode,
    ) {
        let api = &self.before.api.id;
        let none = BTreeMap::new();
        let before = self.before.methods.get(id).unwrap_or(&none);
        if mode == Mode::Overwrite {
            for verb in before.keys().filter(|verb| !described.contains_key(verb)) {
                self.change(|edit| edit.discard(&keys::method(api, id, *verb)));
                self.changes.push(Change::new("removed", "method", format!("{verb} {path}")));
            }
        }
        for (verb, method) in described {
            self.check(path, method, description, mode);
            let method = with_ids(method, id, description);
            let how = match before.get(verb) {
                Some(old) if *old == method => continue,
                Some(_) => "changed",
                None => "added",
            };
            self.change(|edit| edit.put(&keys::method(api, id, *verb), &method));
            self.changes.push(Change::new(how, "method", format!("{verb} {path}")));
        }
    }

    /// What PutMethod, PutMethodResponse, PutIntegration and PutIntegrationResponse look at.
    fn check(&mut self, path: &str, method: &Method, description: &Description, mode: Mode) {
        let verb = method.verb;
        let mut told = |what: &str, error: Error| self.report.refuse(format!("Unable to put {what}"), error);
        let at_method = format!("method '{verb}' on resource at path '{path}'");
        if let Err(error) = methods::check_parameters(&method.request_parameters) {
            told(&at_method, error);
        }
        if let Some(name) = &method.request_validator_id
            && !description.request_validators.contains_key(name)
        {
            told(&at_method, Error::bad_request("Invalid Request Validator identifier specified"));
        }
        let is_known = |name: &String| {
            description.models.contains_key(name) || (mode == Mode::Merge && self.before.models.contains_key(name))
        };
        for model in method.request_models.values().filter(|name| !is_known(name)) {
            told(&at_method, Error::bad_request(format!("Invalid model identifier specified: {model}")));
        }
        let at_response = format!("method response on '{verb}' for resource at path '{path}'");
        for response in method.responses.values() {
            for model in response.models.iter().flatten().map(|(_, model)| model).filter(|name| !is_known(name)) {
                told(&at_response, Error::bad_request(format!("Invalid model identifier specified: {model}")));
            }
            for name in response.parameters.iter().flatten().map(|(name, _)| name) {
                if let Err(error) = super::super::expressions::check_declared(name, "method.response.", &["header."]) {
                    told(&at_response, error);
                }
            }
        }
        let Some(integration) = &method.integration else { return };
        if let Err(error) = integrations::check(integration, method) {
            told(&format!("integration on '{verb}' for resource at path '{path}'"), error);
        }
        for (status, response) in &integration.responses {
            if let Err(error) = integration_responses::check(method, status, response) {
                told(&format!("integration response on '{verb}' for resource at path '{path}'"), error);
            }
        }
    }

    /// Models that schemas name by URL must be there, or stay.
    fn check_foreign_models(&mut self, description: &Description, mode: Mode) {
        for name in &description.foreign_models {
            let stays = mode == Mode::Merge && self.before.models.contains_key(name);
            if !stays && !description.models.contains_key(name) {
                self.report.refuse("models", format!("Invalid model identifier specified: {name}"));
            }
        }
    }
}

/// A described method names authorizer and validator; a stored one has their ids.
fn with_ids(method: &Method, resource: &ResourceId, description: &Description) -> Method {
    let mut method = method.clone();
    let authorizer = method.authorizer_id.as_ref().and_then(|name| description.authorizers.get(name));
    method.authorizer_id = authorizer.map(|authorizer| authorizer.id.to_string());
    let validator = method.request_validator_id.as_ref().and_then(|name| description.request_validators.get(name));
    method.request_validator_id = validator.map(|validator| validator.id.to_string());
    if let Some(integration) = &mut method.integration
        && integration.cache_namespace.is_empty()
    {
        integration.cache_namespace = resource.to_string();
    }
    method
}
