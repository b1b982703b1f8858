//! What an API consists of that could have a text and has none.

use std::collections::BTreeMap;

use super::references;
use crate::catalog::{Documents, keys};
use crate::control::wire::Error;
use crate::model::id::ApiId;
use crate::model::rest::{Location, LocationType, Method};

/// The locations of an API's things that no documentation part is about, each by its spelling.
pub(super) fn locations(documents: &Documents<'_>, api: &ApiId) -> Result<Vec<(String, Location)>, Error> {
    let mut things = vec![Location::of(LocationType::Api)];
    let named = |kind, name: String| Location { name: Some(name), ..Location::of(kind) };
    for found in documents.list(&keys::authorizers(api))? {
        things.push(named(LocationType::Authorizer, found.value.name));
    }
    for found in documents.list(&keys::models(api))? {
        things.push(named(LocationType::Model, found.value.name));
    }
    let tree = super::api::Tree::read(documents, api)?;
    things.extend(tree.iter().map(|resource| at(LocationType::Resource, &tree.path(resource))));
    for used in references::methods(documents, api)? {
        things.extend(of_method(&used.path, &used.method));
    }
    let missing = things.into_iter().filter(|thing| !documents.exists(&keys::documentation_location(api, thing)));
    // By their spelling, as pages go on behind it; and each once.
    let missing: BTreeMap<_, _> = missing.map(|thing| (thing.spelled(), thing)).collect();
    Ok(missing.into_iter().collect())
}

fn at(kind: LocationType, path: &str) -> Location {
    Location { path: Some(path.to_owned()), ..Location::of(kind) }
}

/// A method with its parameters, its body and its answers.
fn of_method(path: &str, method: &Method) -> Vec<Location> {
    let of = |kind| Location { method: Some(method.verb.to_string()), ..at(kind, path) };
    let mut things = vec![of(LocationType::Method)];
    for parameter in method.request_parameters.keys() {
        let mut parts = parameter.splitn(4, '.').skip(2);
        let kind = match parts.next() {
            Some("path") => LocationType::PathParameter,
            Some("header" | "multivalueheader") => LocationType::RequestHeader,
            _ => LocationType::QueryParameter,
        };
        things.push(Location { name: parts.next().map(str::to_owned), ..of(kind) });
    }
    if !method.request_models.is_empty() {
        things.push(of(LocationType::RequestBody));
    }
    for (status, response) in &method.responses {
        let of = |kind| Location { status_code: Some(status.clone()), ..of(kind) };
        things.push(of(LocationType::Response));
        if response.models.as_ref().is_some_and(|models| !models.is_empty()) {
            things.push(of(LocationType::ResponseBody));
        }
        for header in response.parameters.iter().flat_map(|parameters| parameters.keys()) {
            let name = header.splitn(4, '.').nth(3).map(str::to_owned);
            things.push(Location { name, ..of(LocationType::ResponseHeader) });
        }
    }
    things
}
