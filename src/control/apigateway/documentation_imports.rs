//! ImportDocumentationParts: texts out of an OpenAPI document, or a documentation object that stands alone.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Target;
use super::documentation_parts::{check_number, check_properties, printed, read_location};
use crate::catalog::{Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Input, Members, Violations};
use crate::model::id::{ApiId, DocumentationPartId};
use crate::model::rest::{DocumentationPart, Location};

const UNREADABLE: &str = "Unable to build importer with provided input.";
/// The member of an OpenAPI document that holds texts.
const EXTENSION: &str = "x-amazon-apigateway-documentation";
/// A document has at most so many bytes.
const MAX_DOCUMENT: usize = 6 * 1024 * 1024;

/// What a document says: texts by what they are about, and what is wrong with the rest.
#[derive(Debug, Default, PartialEq)]
struct Texts {
    found: Vec<(Location, String)>,
    warnings: Vec<String>,
}

impl Target<'_> {
    pub(super) async fn import_documentation_parts(&self, api: &ApiId) -> Result<Answer, Error> {
        let mode = self.call.parameter("mode").filter(|mode| !mode.is_empty());
        let mut violations = Violations::new();
        if let Some(mode) = &mode {
            violations.one_of(mode, "mode", &["overwrite", "merge"]);
        }
        violations.check()?;
        let replaces_all = mode.as_deref() == Some("overwrite");
        // The API is looked for before its document is read, which may take longer than a look may.
        self.control.catalog.read(|documents| self.find_api(documents, api).map(|_| ()))?;
        let Texts { found: texts, warnings } = read(&self.call.body)?;
        if !warnings.is_empty() && self.call.parameter("failonwarnings").as_deref() == Some("true") {
            return Err(Error::bad_request(format!("Warnings found during import:\n\t{}", warnings.join("\n\t"))));
        }
        let (ids, edit) = self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            let all = keys::documentation_parts(api);
            let mut known: BTreeMap<Location, Stored<DocumentationPart>> =
                documents.list(&all)?.into_iter().map(|found| (found.value.location.completed(), found)).collect();
            let mut edit = Edit::new().require(&keys::rest_api(api)).unchanged(documents, &all);
            let mut ids = Vec::new();
            let mut count = if replaces_all { 0 } else { known.len() };
            for (location, properties) in &texts {
                let old = known.remove(&location.completed());
                let id = match &old {
                    Some(old) if !replaces_all => old.value.id.clone(),
                    _ => {
                        count += 1;
                        DocumentationPartId::random()
                    }
                };
                if let Some(old) = old.filter(|_| replaces_all) {
                    edit = edit.discard(&keys::documentation_part(api, &old.value.id));
                }
                let part = DocumentationPart { id, location: location.clone(), properties: properties.clone() };
                edit = edit.put(&keys::documentation_part(api, &part.id), &part);
                edit = edit.put(&keys::documentation_location(api, location), &part.id);
                ids.push(part.id);
            }
            check_number(u64::try_from(count).unwrap_or(u64::MAX))?;
            if replaces_all {
                for old in known.values() {
                    edit = edit.discard(&keys::documentation_part(api, &old.value.id));
                    edit = edit.discard(&keys::documentation_location(api, &old.value.location));
                }
            }
            Ok::<_, Error>((ids, edit))
        })?;
        self.control.catalog.commit(edit).await?;
        let ids: Vec<_> = ids.iter().map(DocumentationPartId::as_str).collect();
        Ok(Answer::json(200, Members::new().set("ids", ids).unless_empty("warnings", warnings)))
    }
}

/// Reads the texts of a document in JSON or YAML. Of two about the same the later one is meant.
fn read(document: &[u8]) -> Result<Texts, Error> {
    let unreadable = || Error::bad_request(UNREADABLE);
    if document.len() > MAX_DOCUMENT {
        return Err(Error::bad_request(format!("The document is larger than {MAX_DOCUMENT} bytes.")));
    }
    let document = std::str::from_utf8(document).map_err(|_| unreadable())?;
    let document: Map<String, Value> = if document.trim_start().starts_with('{') {
        serde_json::from_str(document).map_err(|_| unreadable())?
    } else {
        // The reader's budget, which is on by default, bounds depth, nodes, and what aliases blow up.
        serde_saphyr::from_str(document).map_err(|_| unreadable())?
    };
    let is_api = document.contains_key("swagger") || document.contains_key("openapi");
    let parts = match document.get(EXTENSION) {
        Some(extension) => extension.get("documentationParts"),
        None if is_api => return Ok(Texts::default()),
        None => document.get("documentationParts"),
    };
    let Some(Value::Array(parts)) = parts else { return Err(unreadable()) };
    let mut texts = Texts::default();
    let mut places = BTreeMap::new();
    for (at, part) in parts.iter().enumerate() {
        match read_part(part) {
            Ok((location, properties)) => match places.get(&location.completed()) {
                Some(before) => {
                    texts.warnings.push(format!(
                        "Documentation part already exists for the specified location: {}",
                        printed(&location)
                    ));
                    let (_, text): &mut (Location, String) = &mut texts.found[*before];
                    *text = properties;
                }
                None => {
                    places.insert(location.completed(), texts.found.len());
                    texts.found.push((location, properties));
                }
            },
            Err(problem) => texts.warnings.push(format!("Ignoring documentationParts[{at}]: {problem}")),
        }
    }
    check_number(u64::try_from(texts.found.len()).unwrap_or(u64::MAX))?;
    Ok(texts)
}

/// A part of a document; its properties are an object there, or a text that holds one.
fn read_part(part: &Value) -> Result<(Location, String), String> {
    let location = match part.get("location") {
        Some(location @ Value::Object(_)) => Input::read(location.to_string().as_bytes()).unwrap_or_default(),
        _ => return Err("it has no location".to_owned()),
    };
    let location = read_location(&location)?;
    let properties = match part.get("properties") {
        Some(Value::String(text)) => text.clone(),
        Some(properties @ Value::Object(_)) => properties.to_string(),
        _ => return Err("it has no properties".to_owned()),
    };
    match check_properties(&properties) {
        Ok(()) => Ok((location, properties)),
        Err(Error::Told { message, .. }) => Err(message),
        Err(Error::Overtaken) => Err("its properties can't be read".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_from_json_and_yaml() {
        let bare = r#"{"documentationParts": [{"location": {"type": "API"}, "properties": {"description": "x"}}]}"#;
        let in_json = format!(r#"{{"swagger": "2.0", "x-amazon-apigateway-documentation": {bare}}}"#);
        let in_yaml = "openapi: 3.0.1\nx-amazon-apigateway-documentation:\n  documentationParts:\n  - location:\n      type: API\n    properties:\n      description: x\n";
        for document in [bare, &in_json, in_yaml] {
            let texts = read(document.as_bytes()).expect("texts");
            assert_eq!(texts.found.len(), 1, "{document}");
            assert_eq!(texts.found[0].1, r#"{"description":"x"}"#);
            assert!(texts.warnings.is_empty());
        }
        assert_eq!(read(b"swagger: '2.0'"), Ok(Texts::default()));
    }

    #[test]
    fn what_is_wrong_with_a_part_is_a_warning() {
        let texts = read(
            br#"{"documentationParts": [
                {"location": {"type": "NONSENSE"}, "properties": {}}, {"properties": {}}, 7,
                {"location": {"type": "API", "path": "/"}, "properties": {}}, {"location": {"type": "API"}},
                {"location": {"type": "API"}, "properties": "{}"}, {"location": {"type": "API"}, "properties": {"a": 1}}
            ]}"#,
        );
        let texts = texts.expect("texts");
        assert_eq!(texts.found.len(), 1);
        assert_eq!(texts.found[0].1, r#"{"a":1}"#);
        assert_eq!(texts.warnings.len(), 6, "{:?}", texts.warnings);
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        let bomb = (1..30).fold("a0: &a0 [x,x]\n".to_owned(), |text, at| {
            let before = at - 1;
            format!("{text}a{at}: &a{at} [*a{before},*a{before},*a{before},*a{before}]\n")
        });
        for document in ["", "text", "[]", "{", "{}", "a: b", "{\"documentationParts\": 1}", &deep, &bomb] {
            let refused = read(document.as_bytes());
            assert_eq!(refused, Err(Error::bad_request(UNREADABLE)), "{document:.30}");
        }
        assert!(read(b"\xff\xfe").is_err());
    }
}
