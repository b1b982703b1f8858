//! Documentation parts in an export: each text where OpenAPI has a place for it, and all of them in an extension.
//!
//! Of several parts about the same thing the most specific one is used: the longest path first, then the status code,
//! then the verb. Source: control-plane reference, 15.

use serde_json::{Map, Value};

use super::time_of;
use crate::control::wire::Members;
use crate::model::rest::{DocumentationPart, DocumentationVersion, Location, LocationType};

/// What OpenAPI knows of an operation's texts.
const OPERATION: &[&str] = &["tags", "summary", "description", "externalDocs", "deprecated"];
/// Of a resource's, which is a path item.
const PATH_ITEM: &[&str] = &["summary", "description"];
/// Of a model's, which is a schema.
const SCHEMA: &[&str] = &["title", "description", "externalDocs", "example"];
/// Of an API's `info`; its title and version are the API's own.
const INFO: &[&str] = &["description", "termsOfService", "contact", "license"];
/// Of an API's, beside `info`.
const ROOT: &[&str] = &["tags", "externalDocs"];
/// Of everything else.
const DESCRIPTION: &[&str] = &["description"];
/// Any verb, any status code.
const ANY: &str = "*";

/// The documentation of a stage: the parts of its version, ready to be looked up.
#[derive(Clone, Debug, Default)]
pub struct Documentation {
    version: Option<(String, i64)>,
    parts: Vec<(Location, Map<String, Value>)>,
}

/// Something that a part may be about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) path: &'a str,
    pub(super) verb: &'a str,
    pub(super) status: &'a str,
}

impl Documentation {
    /// Reads the parts of a version; properties that are no JSON object say nothing.
    pub fn of(version: &DocumentationVersion) -> Self {
        Self { version: Some((version.version.clone(), version.created)), ..Self::now(&version.parts) }
    }

    /// Reads parts as they are at the moment, of no version.
    pub fn now(parts: &[DocumentationPart]) -> Self {
        let parts = parts.iter().map(|part| {
            let properties = serde_json::from_str::<Value>(&part.properties);
            let properties = properties.ok().and_then(|value| value.as_object().cloned()).unwrap_or_default();
            (part.location.completed(), properties)
        });
        let mut parts: Vec<_> = parts.collect();
        parts.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self { version: None, parts }
    }

    /// The whole version, as an extension.
    pub(super) fn extension(&self) -> Option<Value> {
        let (version, created) = self.version.as_ref()?;
        let parts = self.parts.iter().map(|(place, properties)| {
            let location = Members::new()
                .set("type", place.kind.as_str())
                .some("path", place.path.clone())
                .some("method", place.method.clone())
                .some("statusCode", place.status_code.clone())
                .some("name", place.name.clone());
            Members::new().set("location", location).set("properties", properties.clone()).into()
        });
        let parts = Value::Array(parts.collect());
        let members = Members::new().set("version", version.as_str()).set("createdDate", time_of(*created));
        Some(members.set("documentationParts", parts).into())
    }

    /// The API's texts: of its `info`, and of the document.
    pub(super) fn api(&self, info: &mut Map<String, Value>, document: &mut Map<String, Value>) {
        let Some((_, properties)) = self.parts.iter().find(|(place, _)| place.kind == LocationType::Api) else {
            return;
        };
        copy(properties, DESCRIPTION, info);
        if let Some(Value::Object(properties)) = properties.get("info") {
            copy(properties, INFO, info);
        }
        copy(properties, ROOT, document);
    }

    /// The texts of an authorizer's scheme.
    pub(super) fn authorizer(&self, name: &str, into: &mut Map<String, Value>) {
        self.named(LocationType::Authorizer, name, DESCRIPTION, into);
    }

    /// The texts of a model's schema.
    pub(super) fn model(&self, name: &str, into: &mut Map<String, Value>) {
        self.named(LocationType::Model, name, SCHEMA, into);
    }

    /// The texts of a resource: its own alone, no other's.
    pub(super) fn resource(&self, path: &str, into: &mut Map<String, Value>) {
        let of = |place: &Location| place.kind == LocationType::Resource && place.path.as_deref() == Some(path);
        if let Some((_, properties)) = self.parts.iter().find(|(place, _)| of(place)) {
            copy(properties, PATH_ITEM, into);
        }
    }

    /// The texts of an operation.
    pub(super) fn operation(&self, place: Place<'_>, into: &mut Map<String, Value>) {
        self.merge(LocationType::Method, place, None, OPERATION, into);
    }

    /// The description of a parameter, a body, an answer or an answer's header.
    pub(super) fn describe(
        &self,
        kind: LocationType,
        place: Place<'_>,
        name: Option<&str>,
        into: &mut Map<String, Value>,
    ) {
        self.merge(kind, place, name, DESCRIPTION, into);
    }

    fn named(&self, kind: LocationType, name: &str, known: &[&str], into: &mut Map<String, Value>) {
        let found = self.parts.iter().find(|(place, _)| place.kind == kind && place.name.as_deref() == Some(name));
        if let Some((_, properties)) = found {
            copy(properties, known, into);
        }
    }

    fn merge(
        &self,
        kind: LocationType,
        place: Place<'_>,
        name: Option<&str>,
        known: &[&str],
        into: &mut Map<String, Value>,
    ) {
        let about = self.parts.iter().filter(|(part, _)| part.kind == kind && part.name.as_deref() == name);
        let ranked = about.filter_map(|(part, properties)| Some((rank(part, place)?, properties)));
        if let Some((_, properties)) = ranked.max_by_key(|(rank, _)| *rank) {
            copy(properties, known, into);
        }
    }
}

/// How closely a part's location fits a place; `None` if it doesn't.
fn rank(part: &Location, place: Place<'_>) -> Option<(usize, bool, bool)> {
    let path = part.path.as_deref().unwrap_or("/").trim_end_matches('/');
    let below = place.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let fits = |wanted: &Option<String>, is: &str| {
        let wanted = wanted.as_deref().unwrap_or(ANY);
        (wanted == ANY || wanted.eq_ignore_ascii_case(is)).then_some(wanted != ANY)
    };
    let status = fits(&part.status_code, place.status)?;
    let verb = fits(&part.method, place.verb)?;
    below.then_some((path.len(), status, verb))
}

fn copy(properties: &Map<String, Value>, known: &[&str], into: &mut Map<String, Value>) {
    for name in known {
        if let Some(value) = properties.get(*name) {
            into.insert((*name).to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_part_wins() {
        let part = |path: &str, method: &str, status: &str| Location {
            kind: LocationType::Response,
            path: Some(path.to_owned()),
            method: Some(method.to_owned()),
            status_code: Some(status.to_owned()),
            name: None,
        };
        let place = Place { path: "/pets/{id}", verb: "GET", status: "200" };
        for (part, expected) in [
            (part("/", "*", "*"), Some((0, false, false))),
            (part("/pets", "get", "*"), Some((5, false, true))),
            (part("/pets/{id}", "*", "200"), Some((10, true, false))),
            (part("/pet", "*", "*"), None),
            (part("/pets/{id}/toys", "*", "*"), None),
            (part("/pets", "POST", "*"), None),
            (part("/pets", "*", "404"), None),
        ] {
            assert_eq!(rank(&part, place), expected, "{part:?}");
        }
    }
}
