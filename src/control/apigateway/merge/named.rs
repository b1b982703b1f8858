//! What has a name of its own: models, authorizers, request validators, gateway responses, documentation parts.

use std::collections::BTreeMap;

use super::{Before, Change, Mode};
use crate::catalog::{Document, Edit, Key, keys};
use crate::control::openapi::import::Description;
use crate::model::id::DocumentationPartId;
use crate::model::rest::{DocumentationPart, Location};

/// What there is already keeps its id under the same name.
pub(super) fn keep_ids(before: &Before, description: &mut Description) {
    for (name, model) in &mut description.models {
        if let Some(known) = before.models.get(name) {
            model.id.clone_from(&known.id);
            // A schema is a text, and JSON: how it is set out is no change.
            let read = |text: &Option<String>| -> Option<serde_json::Value> {
                text.as_deref().and_then(|text| serde_json::from_str(text).ok())
            };
            if read(&known.schema).is_some_and(|schema| read(&model.schema) == Some(schema)) {
                model.schema.clone_from(&known.schema);
            }
        }
    }
    for (name, authorizer) in &mut description.authorizers {
        if let Some(known) = before.authorizers.get(name) {
            authorizer.id = known.id.clone();
        }
    }
    for (name, validator) in &mut description.request_validators {
        if let Some(known) = before.request_validators.get(name) {
            validator.id = known.id.clone();
        }
    }
}

/// The changes of one kind of thing.
struct Kind<'a> {
    name: &'static str,
    mode: Mode,
    changes: &'a mut Vec<Change>,
}

impl Kind<'_> {
    fn settle<K: Ord, T: Document + PartialEq>(
        self,
        before: &BTreeMap<K, T>,
        after: &BTreeMap<K, T>,
        key: impl Fn(&T) -> Key<T>,
        name: impl Fn(&T) -> String,
        mut edit: Edit,
    ) -> Edit {
        if self.mode == Mode::Overwrite {
            for (_, gone) in before.iter().filter(|(known, _)| !after.contains_key(known)) {
                edit = edit.discard(&key(gone));
                self.changes.push(Change::new("removed", self.name, name(gone)));
            }
        }
        for (known, new) in after {
            let how = match before.get(known) {
                Some(old) if old == new => continue,
                Some(_) => "changed",
                None => "added",
            };
            edit = edit.put(&key(new), new);
            self.changes.push(Change::new(how, self.name, name(new)));
        }
        edit
    }
}

pub(super) fn settle(
    before: &Before,
    description: Description,
    mode: Mode,
    changes: &mut Vec<Change>,
    edit: Edit,
) -> Edit {
    let api = &before.api.id;
    let edit = Kind { name: "model", mode, changes }.settle(
        &before.models,
        &description.models,
        |model| keys::model(api, &model.name),
        |model| model.name.clone(),
        edit,
    );
    let edit = Kind { name: "authorizer", mode, changes }.settle(
        &before.authorizers,
        &description.authorizers,
        |authorizer| keys::authorizer(api, &authorizer.id),
        |authorizer| authorizer.name.clone(),
        edit,
    );
    let edit = Kind { name: "request validator", mode, changes }.settle(
        &before.request_validators,
        &description.request_validators,
        |validator| keys::request_validator(api, &validator.id),
        |validator| validator.name.clone(),
        edit,
    );
    let edit = Kind { name: "gateway response", mode, changes }.settle(
        &before.gateway_responses,
        &description.gateway_responses,
        |response| keys::gateway_response(api, response.kind),
        |response| response.kind.to_string(),
        edit,
    );
    documentation(before, description.documentation, mode, changes, edit)
}

/// Documentation parts have a claim of what they are about beside them.
fn documentation(
    before: &Before,
    described: BTreeMap<Location, String>,
    mode: Mode,
    changes: &mut Vec<Change>,
    mut edit: Edit,
) -> Edit {
    let api = &before.api.id;
    let known = |location: &Location| before.documentation.get(location);
    let after: BTreeMap<Location, DocumentationPart> = described
        .into_iter()
        .map(|(location, properties)| {
            let whole = location.completed();
            let id = known(&whole).map_or_else(DocumentationPartId::random, |part| part.id.clone());
            (whole, DocumentationPart { id, location, properties })
        })
        .collect();
    if mode == Mode::Overwrite {
        for location in before.documentation.keys().filter(|location| !after.contains_key(location)) {
            edit = edit.discard(&keys::documentation_location(api, location));
        }
    }
    for (location, part) in after.iter().filter(|(location, _)| known(location).is_none()) {
        edit = edit.put(&keys::documentation_location(api, location), &part.id);
    }
    Kind { name: "documentation part", mode, changes }.settle(
        &before.documentation,
        &after,
        |part| keys::documentation_part(api, &part.id),
        |part| part.location.spelled(),
        edit,
    )
}
