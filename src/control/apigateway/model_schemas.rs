//! What a model's schema must be before it is kept.

use serde_json::Value;

use crate::catalog::{Documents, Edit, keys};
use crate::control::wire::Error;
use crate::model::id::ApiId;
use crate::model::rest::Model;
use crate::model::rest::schema::{Reference, references};

/// A schema is at most so many levels deep.
const MAX_DEPTH: usize = 100;
const NO_CONTENT: &str = "Model schema must have at least 1 property or array items defined";

/// A model's schema, read; one that can't be, or is nothing, is refused. Other content types than JSON's are
/// nobody's to read.
pub(in crate::control) fn check(content_type: &str, text: Option<&str>) -> Result<Option<Value>, Error> {
    let text = text.unwrap_or_default();
    if text.trim().is_empty() {
        return Err(Error::bad_request(NO_CONTENT));
    }
    if !content_type.contains("json") {
        return Ok(None);
    }
    let schema: Value = serde_json::from_str(text).map_err(|_| invalid("Invalid model schema specified"))?;
    match &schema {
        Value::Object(members) if members.is_empty() => return Err(Error::bad_request(NO_CONTENT)),
        Value::Array(items) if items.is_empty() => return Err(Error::bad_request(NO_CONTENT)),
        Value::Object(_) => {}
        _ => return Err(invalid("Invalid model schema specified")),
    }
    if depth(&schema) > MAX_DEPTH {
        return Err(invalid(&format!("Invalid model schema specified. It may be at most {MAX_DEPTH} levels deep")));
    }
    if !jsonschema::draft4::meta::is_valid(&schema) {
        return Err(invalid("Invalid model schema specified"));
    }
    Ok(Some(schema))
}

/// The models that a schema refers to must exist, and go on existing until the commit. A model may refer to itself.
pub(super) fn rely_on_models(
    documents: &Documents<'_>,
    api: &ApiId,
    own: &str,
    schema: &Value,
    mut edit: Edit,
) -> Result<Edit, Error> {
    for text in references(schema) {
        match Reference::parse(text) {
            Reference::Inside(_) => {}
            Reference::Model { api: named, name, .. } if named == api.as_str() => {
                let key = keys::model(api, name);
                if name != own {
                    if !documents.exists(&key) {
                        return Err(invalid(&format!("Invalid model reference specified: {text}")));
                    }
                    edit = edit.require(&key);
                }
            }
            Reference::Model { .. } => return Err(invalid(&format!("Invalid model reference specified: {text}"))),
            Reference::Foreign(_) => {
                return Err(invalid("Invalid model schema specified, Model reference must be in canonical form"));
            }
        }
    }
    Ok(edit)
}

/// The schema of a model that was kept, if it is one that can be read.
pub(super) fn read(model: &Model) -> Option<Value> {
    serde_json::from_str(model.schema.as_deref()?).ok()
}

fn invalid(problem: &str) -> Error {
    Error::bad_request(format!("Invalid model specified: Validation Result: warnings : [], errors : [{problem}]"))
}

/// How deep a value is; the reader of JSON has bounded it already.
fn depth(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_checked() {
        let json = "application/json";
        let deep = format!("{}{{}}{}", "{\"items\":".repeat(MAX_DEPTH + 1), "}".repeat(MAX_DEPTH + 1));
        let bomb = "[".repeat(100_000);
        for (content_type, text, fine) in [
            (json, Some(r#"{"type":"object"}"#), true),
            (json, Some(r#"{"$schema":"http://json-schema.org/draft-04/schema#","title":"x"}"#), true),
            (json, Some("{}"), false),
            (json, Some("[]"), false),
            (json, Some(""), false),
            (json, None, false),
            (json, Some("text"), false),
            (json, Some(r#"{"type":"nonsense"}"#), false),
            (json, Some(r#"{"required":true}"#), false),
            (json, Some(&deep), false),
            (json, Some(&bomb), false),
            ("application/xml", Some("<xs:schema/>"), true),
            ("application/xml", Some(""), false),
        ] {
            assert_eq!(check(content_type, text).is_ok(), fine, "{text:.40?}");
        }
    }
}
