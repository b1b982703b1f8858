//! Schemas of models: how they refer to other models, and how all that one needs is put into it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::model::id::ApiId;

/// How a schema names a model of an API, up to the API's id.
const BASE: &str = "https://apigateway.amazonaws.com/restapis/";
/// Where a flattened schema keeps the models that it refers to.
const DEFINITIONS: &str = "definitions";

/// What a `$ref` points to.
#[derive(Clone, Debug, PartialEq)]
pub enum Reference<'a> {
    /// A place in the same schema.
    Inside(&'a str),
    /// Another model.
    Model {
        /// The API's id, as it was written.
        api: &'a str,
        /// The model's name.
        name: &'a str,
        /// A place in it: empty, or a `#` and a pointer.
        place: &'a str,
    },
    /// Anything else; no model may have it.
    Foreign(&'a str),
}

impl<'a> Reference<'a> {
    /// Reads the value of a `$ref`.
    pub fn parse(text: &'a str) -> Self {
        if text.starts_with('#') {
            return Self::Inside(text);
        }
        let (address, place) = text.split_at(text.find('#').unwrap_or(text.len()));
        match address.strip_prefix(BASE).map(|rest| rest.split('/').collect::<Vec<_>>()).as_deref() {
            Some([api, "models", name]) if !api.is_empty() && !name.is_empty() => Self::Model { api, name, place },
            _ => Self::Foreign(text),
        }
    }
}

/// The address by which schemas refer to a model.
pub fn address(api: &ApiId, name: &str) -> String {
    format!("{BASE}{api}/models/{name}")
}

/// All references in a schema, wherever they are.
pub fn references(schema: &Value) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut rest = vec![schema];
    while let Some(value) = rest.pop() {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                rest.extend(members.values());
            }
            Value::Array(items) => rest.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    found
}

/// The names of the models that a schema refers to.
pub fn referred_models(schema: &Value) -> BTreeSet<&str> {
    let name = |text| match Reference::parse(text) {
        Reference::Model { name, .. } => Some(name),
        Reference::Inside(_) | Reference::Foreign(_) => None,
    };
    references(schema).into_iter().filter_map(name).collect()
}

/// Puts the models that a schema refers to, and those that they refer to, under its `definitions`, and lets every
/// `$ref` point there. Each model is there once: models that refer to each other in a circle make nothing grow.
/// A reference to a model that `models` hasn't stays as it is.
pub fn flatten(name: &str, models: &BTreeMap<&str, Value>) -> Option<Value> {
    let root = models.get(name)?;
    let mut needed = BTreeSet::new();
    let mut rest = vec![root];
    while let Some(schema) = rest.pop() {
        for other in referred_models(schema) {
            if let Some((other, schema)) = models.get_key_value(other)
                && *other != name
                && needed.insert(*other)
            {
                rest.push(schema);
            }
        }
    }
    let place = |of: &str| match of {
        of if of == name => Some("#".to_owned()),
        of => needed.contains(of).then(|| format!("#/{DEFINITIONS}/{}", key(of, root))),
    };
    let mut flat = redirect(root, "#", &place);
    if let (Value::Object(members), false) = (&mut flat, needed.is_empty()) {
        let definitions = members.entry(DEFINITIONS).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(definitions) = definitions {
            for other in &needed {
                let own = place(other).unwrap_or_default();
                definitions.insert(key(other, root), redirect(&models[other], &own, &place));
            }
        }
    }
    Some(flat)
}

/// The name of a model among the definitions of `root`, which may have one of the same name.
fn key(name: &str, root: &Value) -> String {
    let taken = |key: &str| root.get(DEFINITIONS).is_some_and(|known| known.get(key).is_some());
    let mut key = name.to_owned();
    while taken(&key) {
        key.push('_');
    }
    key
}

/// A schema whose references point to where things are in the flat one; `own` is where this schema itself is.
fn redirect(schema: &Value, own: &str, place: &impl Fn(&str) -> Option<String>) -> Value {
    match schema {
        Value::Object(members) => {
            let moved = members.iter().map(|(name, value)| match value {
                Value::String(text) if name == "$ref" => (name.clone(), Value::String(moved(text, own, place))),
                value => (name.clone(), redirect(value, own, place)),
            });
            Value::Object(moved.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| redirect(item, own, place)).collect()),
        other => other.clone(),
    }
}

fn moved(reference: &str, own: &str, place: &impl Fn(&str) -> Option<String>) -> String {
    let (start, rest) = match Reference::parse(reference) {
        Reference::Inside(rest) => (Some(own.to_owned()), rest),
        Reference::Model { name, place: rest, .. } => (place(name), rest),
        Reference::Foreign(_) => (None, ""),
    };
    match start {
        Some(start) => format!("{start}{}", rest.strip_prefix('#').unwrap_or(rest)),
        None => reference.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model(name: &str) -> String {
        address(&ApiId::new("a"), name)
    }

    #[test]
    fn references_are_told_apart() {
        let address = model("Pet");
        assert_eq!(Reference::parse(&address), Reference::Model { api: "a", name: "Pet", place: "" });
        let inside = format!("{address}#/properties/x");
        assert_eq!(Reference::parse(&inside), Reference::Model { api: "a", name: "Pet", place: "#/properties/x" });
        assert_eq!(Reference::parse("#/definitions/x"), Reference::Inside("#/definitions/x"));
        for foreign in ["http://example.com/s", "Pet", "", "https://apigateway.amazonaws.com/restapis/a/models/"] {
            assert_eq!(Reference::parse(foreign), Reference::Foreign(foreign));
        }
    }

    #[test]
    fn a_flat_schema_holds_each_model_once_even_in_circles() {
        let models = BTreeMap::from([
            ("Pets", json!({"type": "array", "items": {"$ref": model("Pet")}})),
            (
                "Pet",
                json!({"properties": {
                    "owner": {"$ref": model("Owner")}, "tag": {"$ref": "#/definitions/tag"}, "all": {"$ref": model("Pets")},
                }, "definitions": {"tag": {"type": "string"}}}),
            ),
            ("Owner", json!({"properties": {"pets": {"$ref": model("Pets")}, "self": {"$ref": model("Owner")}}})),
        ]);
        let expected = json!({
            "type": "array", "items": {"$ref": "#/definitions/Pet"},
            "definitions": {
                "Owner": {"properties": {"pets": {"$ref": "#"}, "self": {"$ref": "#/definitions/Owner"}}},
                "Pet": {"properties": {
                    "owner": {"$ref": "#/definitions/Owner"}, "tag": {"$ref": "#/definitions/Pet/definitions/tag"},
                    "all": {"$ref": "#"},
                }, "definitions": {"tag": {"type": "string"}}},
            },
        });
        assert_eq!(flatten("Pets", &models), Some(expected));
        assert_eq!(flatten("None", &models), None);
    }

    #[test]
    fn a_definition_of_the_same_name_is_kept() {
        let models = BTreeMap::from([
            (
                "A",
                json!({"definitions": {"B": {"type": "string"}}, "allOf": [{"$ref": "#/definitions/B"}, {"$ref": model("B")}]}),
            ),
            ("B", json!({"type": "object"})),
        ]);
        let flat = flatten("A", &models).expect("known");
        assert_eq!(flat["allOf"], json!([{"$ref": "#/definitions/B"}, {"$ref": "#/definitions/B_"}]));
        assert_eq!(flat["definitions"], json!({"B": {"type": "string"}, "B_": {"type": "object"}}));
    }
}
