//! Models as schemas: which are part of a document, and how they refer to each other in it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Dialect, Problem};
use crate::control::wire::Members;
use crate::model::rest::{Method, Model, Snapshot};

/// How a model names another one, wherever the API lives; the API's id and the model's name follow.
const EXTERNAL: &str = "https://apigateway.amazonaws.com/restapis/";
const JSON: &str = "application/json";

/// The models of a document, by name, as schemas.
pub(super) struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// Takes the models that methods use, and those that these refer to; with `all`, those that nobody uses as well, but
    /// for the two that every API is born with.
    pub(super) fn of(snapshot: &Snapshot, dialect: Dialect, all: bool) -> Result<Self, Problem> {
        let known: BTreeMap<&str, &Model> = snapshot.models.iter().map(|model| (model.name.as_str(), model)).collect();
        let mut wanted: Vec<String> = Vec::new();
        for method in snapshot.resources.iter().flat_map(|resource| &resource.methods) {
            wanted.extend(used(method).map(str::to_owned));
        }
        if all {
            wanted.extend(snapshot.models.iter().filter(|model| !is_inborn(model)).map(|model| model.name.clone()));
        }
        let mut schemas = BTreeMap::new();
        let mut seen = BTreeSet::new();
        while let Some(name) = wanted.pop() {
            let Some(model) = known.get(name.as_str()) else { continue };
            if !seen.insert(name.clone()) {
                continue;
            }
            if model.content_type != JSON {
                return Err(Problem::NotJson { model: name, content_type: model.content_type.clone() });
            }
            let mut schema = read(model);
            localize(&mut schema, &name, dialect, &mut wanted);
            if all {
                describe(&mut schema, model);
            }
            schemas.insert(name, schema);
        }
        Ok(Self(schemas))
    }

    /// A reference to a model; a schema that says nothing if there is none of this name.
    pub(super) fn reference(&self, dialect: Dialect, name: &str) -> Value {
        if self.0.contains_key(name) { json!({"$ref": dialect.schema(name)}) } else { json!({}) }
    }

    /// Changes a schema, if it is part of the document.
    pub(super) fn change(&mut self, name: &str, change: impl FnOnce(&mut Map<String, Value>)) {
        if let Some(Value::Object(schema)) = self.0.get_mut(name) {
            change(schema);
        }
    }

    /// All of them.
    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0.into_iter().collect())
    }
}

fn used(method: &Method) -> impl Iterator<Item = &str> {
    let answered = method.responses.values().filter_map(|response| response.models.as_ref());
    method.request_models.values().chain(answered.flat_map(|models| models.values())).map(String::as_str)
}

/// CreateRestApi makes the models `Empty` and `Error`; as long as they are as it made them, nobody misses them.
fn is_inborn(model: &Model) -> bool {
    let made = match model.name.as_str() {
        "Empty" => "This is a default empty schema model",
        "Error" => "This is a default error schema model",
        _ => return false,
    };
    model.description.as_deref() == Some(made)
}

fn read(model: &Model) -> Value {
    let schema = model.schema.as_deref().and_then(|schema| serde_json::from_str(schema).ok());
    match schema {
        Some(Value::Object(mut schema)) => {
            // Says which JSON Schema it is, which OpenAPI has no word for.
            schema.shift_remove("$schema");
            Value::Object(schema)
        }
        _ => Members::new().into(),
    }
}

/// An import takes a model's description from its schema.
fn describe(schema: &mut Value, model: &Model) {
    if let (Value::Object(schema), Some(description), false) = (schema, &model.description, is_inborn(model)) {
        schema.entry("description").or_insert_with(|| description.as_str().into());
    }
}

/// Makes references local to the document, and collects the models that they name.
fn localize(value: &mut Value, own: &str, dialect: Dialect, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(reference) if name == "$ref" => {
                        if let Some(model) = external(reference) {
                            found.push(model.split('/').next().unwrap_or(model).to_owned());
                            *reference = dialect.schema(model);
                        } else if let Some(inside) = reference.strip_prefix('#') {
                            // A place in the model itself, which is now a part of something larger.
                            *reference = format!("{}{}", dialect.schema(own), inside.trim_end_matches('/'));
                        }
                    }
                    nested => localize(nested, own, dialect, found),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| localize(item, own, dialect, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The model that a reference from outside names, and what of it.
fn external(reference: &str) -> Option<&str> {
    let (_, model) = reference.strip_prefix(EXTERNAL)?.split_once("/models/")?;
    Some(model).filter(|model| !model.is_empty())
}

/// The media type that a Swagger 2.0 document speaks of where it can only speak of one: JSON, else the first.
pub(super) fn main<T>(models: &BTreeMap<String, T>) -> Option<&T> {
    models.get(JSON).or_else(|| models.values().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_become_local() {
        for (reference, expected, names) in [
            ("https://apigateway.amazonaws.com/restapis/abc/models/Pet", "#/definitions/Pet", &["Pet"][..]),
            (
                "https://apigateway.amazonaws.com/restapis/abc/models/Pet/properties/id",
                "#/definitions/Pet/properties/id",
                &["Pet"],
            ),
            ("#", "#/definitions/Own", &[]),
            ("#/definitions/Inner", "#/definitions/Own/definitions/Inner", &[]),
            ("https://example.com/schema.json", "https://example.com/schema.json", &[]),
        ] {
            let mut value = json!({"items": [{"$ref": reference}]});
            let mut found = Vec::new();
            localize(&mut value, "Own", Dialect::Swagger, &mut found);
            assert_eq!(
                (value["items"][0]["$ref"].as_str(), found),
                (Some(expected), names.iter().map(|name| (*name).to_owned()).collect())
            );
        }
    }

    #[test]
    fn a_property_that_is_called_ref_is_none() {
        let mut value = json!({"properties": {"$ref": {"type": "string"}}});
        localize(&mut value, "Own", Dialect::OpenApi, &mut Vec::new());
        assert_eq!(value, json!({"properties": {"$ref": {"type": "string"}}}));
    }
}
