//! Schemas become models: JSON Schema draft 4, with references between models as AWS spells them.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::{Node, Reader};
use crate::model::id::lowercase_alphanumeric;
use crate::model::rest::Model;

/// An API has at most so many models.
const MAX_MODELS: usize = 4000;
/// A model's schema takes at most so many bytes (control-plane reference, 24: 400 KB).
const MAX_SCHEMA: usize = 400 * 1024;
/// Keywords that AWS drops (control-plane reference, 12.2), and those of OpenAPI that no JSON Schema has.
const DROPPED: &[&str] = &[
    "deprecated",
    "example",
    "discriminator",
    "exclusiveMinimum",
    "readOnly",
    "default",
    "externalDocs",
    "nullable",
    "writeOnly",
    "xml",
];

impl<'a> Reader<'a> {
    /// The models of the schemas that have names.
    pub(super) fn read_models(&mut self) {
        let Some(schemas) = self.schemas() else { return };
        if schemas.object().is_none() {
            return self.report.refuse(&schemas, "an object is wanted");
        }
        for (name, schema) in schemas.members() {
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                self.report.refuse(&schema, format!("Model name must be alphanumeric: {name}"));
                continue;
            }
            let description = schema.get("description").and_then(|text| text.text().map(str::to_owned));
            self.add_model(name.to_owned(), &schema, description);
        }
    }

    /// The name of the model for a schema: the one that it refers to, or one that is made for it.
    pub(super) fn model_for(&mut self, schema: &Node<'a>) -> Option<String> {
        if schema.object().is_none() {
            self.report.refuse(schema, "a schema is an object");
            return None;
        }
        if schema.value.get("$ref").is_some() {
            return self.model_named(schema);
        }
        // The same schema has the same name whenever it is imported, and so its model stays as it is.
        let hash = hex::encode(digest(&SHA256, schema.value.to_string().as_bytes()));
        let name = format!("MODEL{}", &hash[..12]);
        if !self.description.models.contains_key(&name) {
            self.add_model(name.clone(), schema, None);
        }
        Some(name)
    }

    fn add_model(&mut self, name: String, schema: &Node<'a>, description: Option<String>) {
        if schema.object().is_none() {
            return self.report.refuse(schema, "a schema is an object");
        }
        if self.description.models.len() >= MAX_MODELS {
            return self.report.refuse(schema, format!("an API has at most {MAX_MODELS} models"));
        }
        let text = format!("{:#}", self.convert(schema));
        if text.len() > MAX_SCHEMA {
            return self.report.refuse(schema, format!("a model's schema takes at most {MAX_SCHEMA} bytes"));
        }
        let model = Model {
            id: lowercase_alphanumeric(6),
            name: name.clone(),
            content_type: "application/json".to_owned(),
            description: description.filter(|text| !text.is_empty()),
            schema: Some(text),
        };
        self.description.models.insert(name, model);
    }

    /// A schema as JSON Schema. The text's nesting is bounded, and so is this.
    fn convert(&mut self, schema: &Node<'a>) -> Value {
        let Some(members) = schema.object() else { return schema.value.clone() };
        if members.contains_key("$ref") {
            let name = self.model_named(schema).unwrap_or_default();
            let api = &self.options.api;
            let url = format!("https://apigateway.amazonaws.com/restapis/{api}/models/{name}");
            return Value::Object(Map::from_iter([("$ref".to_owned(), Value::from(url))]));
        }
        let mut converted = Map::new();
        for (keyword, node) in schema.members() {
            if DROPPED.contains(&keyword) || keyword.starts_with("x-") {
                continue;
            }
            let value = match keyword {
                "properties" | "patternProperties" | "definitions" => {
                    let inner = node.members().into_iter();
                    Value::Object(inner.map(|(name, inner)| (name.to_owned(), self.convert(&inner))).collect())
                }
                "allOf" | "anyOf" | "oneOf" => node.items().iter().map(|item| self.convert(item)).collect(),
                "items" if node.value.is_array() => node.items().iter().map(|item| self.convert(item)).collect(),
                "items" | "additionalProperties" | "additionalItems" | "not" => self.convert(&node),
                _ => node.value.clone(),
            };
            converted.insert(keyword.to_owned(), value);
        }
        Value::Object(converted)
    }
}
