//! An API as it is, and as a document describes it, brought together: what an import changes.
//!
//! What stays keeps its id, and only what differs is written. A file a kind of thing: the API itself, what has a name
//! of its own (models, authorizers, …), resources with their methods.

mod api;
mod named;
mod resources;

use std::collections::{BTreeMap, HashMap};

use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::openapi::import::{Description, Report};
use crate::control::wire::{Error, Members};
use crate::model::id::ResourceId;
use crate::model::rest::{
    Authorizer, DocumentationPart, GatewayResponse, GatewayResponseType, Location, Method, Model, RequestValidator,
    Resource, RestApi, Verb,
};

/// What becomes of that which the document doesn't have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It stays.
    Merge,
    /// It goes.
    Overwrite,
}

/// An API as it is.
pub(super) struct Before {
    api: RestApi,
    /// The API's document; a new API has none.
    found: Option<Stored<RestApi>>,
    /// Nothing so far but what the import relies on: that nobody changes what was read.
    edit: Edit,
    resources: HashMap<ResourceId, Resource>,
    methods: HashMap<ResourceId, BTreeMap<Verb, Method>>,
    models: BTreeMap<String, Model>,
    authorizers: BTreeMap<String, Authorizer>,
    request_validators: BTreeMap<String, RequestValidator>,
    gateway_responses: BTreeMap<GatewayResponseType, GatewayResponse>,
    documentation: BTreeMap<Location, DocumentationPart>,
}

/// What an import makes of an API.
pub(super) struct Plan {
    /// The API afterwards.
    pub(super) api: RestApi,
    /// All changes.
    pub(super) edit: Edit,
    /// The same, for people.
    pub(super) changes: Vec<Change>,
}

/// A change of one thing.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    how: &'static str,
    kind: &'static str,
    name: String,
}

impl Change {
    fn new(how: &'static str, kind: &'static str, name: impl Into<String>) -> Self {
        Self { how, kind, name: name.into() }
    }

    /// The change on the wire.
    pub(super) fn members(&self) -> Members {
        Members::new().set("change", self.how).set("kind", self.kind).set("name", self.name.as_str())
    }
}

impl Before {
    /// An API that is about to be made.
    pub(super) fn nothing(api: RestApi) -> Self {
        let root = Resource { id: api.root.clone(), parent: None, path_part: String::new() };
        Self {
            edit: Edit::new().put(&keys::resource(&api.id, &root.id), &root),
            resources: HashMap::from([(root.id.clone(), root)]),
            api,
            found: None,
            methods: HashMap::new(),
            models: BTreeMap::new(),
            authorizers: BTreeMap::new(),
            request_validators: BTreeMap::new(),
            gateway_responses: BTreeMap::new(),
            documentation: BTreeMap::new(),
        }
    }

    /// An API that there is. One condition a kind of thing, as an API may have thousands of them.
    pub(super) fn read(documents: &Documents<'_>, found: Stored<RestApi>) -> Result<Self, Error> {
        fn by<K: Ord, T>(found: Vec<Stored<T>>, key: impl Fn(&T) -> K) -> BTreeMap<K, T> {
            found.into_iter().map(|found| (key(&found.value), found.value)).collect()
        }
        let api = &found.value.id;
        let resources = documents.list(&keys::resources(api))?.into_iter();
        let resources: HashMap<_, Resource> = resources.map(|found| (found.value.id.clone(), found.value)).collect();
        let mut methods = HashMap::new();
        for id in resources.keys() {
            let found = documents.list(&keys::methods(api, id))?;
            methods.insert(id.clone(), by(found, |method: &Method| method.verb));
        }
        Ok(Self {
            edit: conditions(documents, &found),
            resources,
            methods,
            models: by(documents.list(&keys::models(api))?, |model: &Model| model.name.clone()),
            authorizers: by(documents.list(&keys::authorizers(api))?, |found: &Authorizer| found.name.clone()),
            request_validators: by(documents.list(&keys::request_validators(api))?, |found: &RequestValidator| {
                found.name.clone()
            }),
            gateway_responses: by(documents.list(&keys::gateway_responses(api))?, |found: &GatewayResponse| found.kind),
            documentation: by(documents.list(&keys::documentation_parts(api))?, |found: &DocumentationPart| {
                found.location.completed()
            }),
            api: found.value.clone(),
            found: Some(found),
        })
    }
}

/// That nobody changes meanwhile what was read.
fn conditions(documents: &Documents<'_>, found: &Stored<RestApi>) -> Edit {
    let api = &found.value.id;
    Edit::new()
        .rely_on(&keys::rest_api(api), found)
        .unchanged(documents, &keys::resources(api))
        .unchanged(documents, &keys::models(api))
        .unchanged(documents, &keys::authorizers(api))
        .unchanged(documents, &keys::request_validators(api))
        .unchanged(documents, &keys::gateway_responses(api))
        .unchanged(documents, &keys::documentation_parts(api))
}

/// Brings both together. What the document asks for and can't be is told as a problem.
pub(super) fn plan(mut before: Before, mut description: Description, mode: Mode, report: &mut Report) -> Plan {
    let mut changes = Vec::new();
    let mut edit = std::mem::take(&mut before.edit);
    let api = api::settings(&before.api, &description, mode, report);
    match &before.found {
        None => {
            edit = edit.create(&keys::rest_api(&api.id), &api);
            changes.push(Change::new("added", "api", api.name.as_str()));
        }
        Some(found) if found.value != api => {
            edit = edit.update(&keys::rest_api(&api.id), found, &api);
            changes.push(Change::new("changed", "api", api.name.as_str()));
        }
        Some(_) => {}
    }
    named::keep_ids(&before, &mut description);
    edit = resources::settle(&before, &description, mode, report, &mut changes, edit);
    edit = named::settle(&before, description, mode, &mut changes, edit);
    Plan { api, edit, changes }
}

#[cfg(test)]
mod tests;
