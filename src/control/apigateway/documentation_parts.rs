//! Documentation parts: CreateDocumentationPart, GetDocumentationParts, GetDocumentationPart, UpdateDocumentationPart, DeleteDocumentationPart.

use serde_json::Value;

use super::{Target, undocumented};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Input, Members, Op, Page, Violations, any_of, operations};
use crate::model::id::{ApiId, DocumentationPartId};
use crate::model::rest::{DocumentationPart, Location, LocationType};

/// An API has at most so many documentation parts.
pub(super) const MAX_PARTS: usize = 2000;
/// The properties of a part have at most so many bytes.
const MAX_PROPERTIES: usize = 64 * 1024;
const MISSING: &str = "Invalid Documentation part identifier specified";
/// The types in the order in which AWS's refusal lists them.
const TYPES: &[&str] = &[
    "RESPONSE_BODY",
    "RESPONSE",
    "METHOD",
    "MODEL",
    "AUTHORIZER",
    "RESPONSE_HEADER",
    "RESOURCE",
    "PATH_PARAMETER",
    "REQUEST_BODY",
    "QUERY_PARAMETER",
    "API",
    "REQUEST_HEADER",
];

/// Which parts a list is to hold.
struct Filter {
    kind: Option<String>,
    name: Option<String>,
    path: Option<String>,
}

impl Target<'_> {
    pub(super) async fn create_documentation_part(&self, api: &ApiId) -> Result<Answer, Error> {
        let location = self.body.object("location")?;
        let kind = location.as_ref().map(|location| location.text("type")).transpose()?.flatten();
        let mut violations = Violations::new();
        violations.present(location.is_some(), "createDocumentationPartInput.location");
        match &kind {
            Some(kind) => violations.one_of(kind, "createDocumentationPartInput.location.type", TYPES),
            None => violations.present(false, "createDocumentationPartInput.location.type"),
        }
        violations.check()?;
        let location = read_location(&location.unwrap_or_default()).map_err(Error::bad_request)?;
        let properties = self.body.text("properties")?.unwrap_or_default();
        check_properties(&properties)?;
        let part = DocumentationPart { id: DocumentationPartId::random(), location, properties };
        let claim = keys::documentation_location(api, &part.location);
        self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            if documents.exists(&claim) {
                return Err(Error::conflict(format!(
                    "Documentation part already exists for the specified location: {}",
                    printed(&part.location)
                )));
            }
            check_number(documents.count(&keys::documentation_parts(api)) + 1)
        })?;
        let edit = Edit::new().require(&keys::rest_api(api)).create(&claim, &part.id);
        let edit = edit.create(&keys::documentation_part(api, &part.id), &part);
        self.control.catalog.commit(edit).await?;
        Ok(Answer::json(201, members(&part)))
    }

    pub(super) fn get_documentation_parts(&self, api: &ApiId) -> Result<Answer, Error> {
        let status = self.call.parameter("locationStatus").filter(|status| !status.is_empty());
        let parameter = |name| self.call.parameter(name).filter(|text: &String| !text.is_empty());
        let filter = Filter { kind: parameter("type"), name: parameter("name"), path: parameter("path") };
        let mut violations = Violations::new();
        if let Some(status) = &status {
            violations.one_of(status, "locationStatus", &["UNDOCUMENTED", "DOCUMENTED"]);
        }
        if let Some(kind) = &filter.kind {
            violations.one_of(kind, "type", TYPES);
        }
        violations.check()?;
        let page = Page::read(self.call)?;
        if status.as_deref() == Some("UNDOCUMENTED") {
            let things = self.control.catalog.read(|documents| {
                self.find_api(documents, api)?;
                undocumented::locations(documents, api)
            })?;
            let things = things.into_iter().filter(|(_, location)| filter.takes(location)).collect();
            let (things, position) = page.take(things, |(spelled, _): &(String, Location)| spelled);
            let shown = things.iter().map(|(_, location)| Members::new().set("location", spell(location)).into());
            return Ok(Answer::list(shown.collect(), position));
        }
        let parts = self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            Ok::<_, Error>(documents.list(&keys::documentation_parts(api))?)
        })?;
        let parts = parts.into_iter().filter(|found| filter.takes(&found.value.location)).collect();
        let (parts, position) = page.take(parts, |found: &Stored<DocumentationPart>| found.value.id.as_str());
        Ok(Answer::list(parts.iter().map(|found| members(&found.value).into()).collect(), position))
    }

    pub(super) fn get_documentation_part(&self, api: &ApiId, id: &str) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, api, id))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_documentation_part(&self, api: &ApiId, id: &str) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateDocumentationPartInput")?;
        let found = self.control.catalog.read(|documents| find(documents, api, id))?;
        let mut changed = found.value.clone();
        for operation in &operations {
            match (operation.op, operation.parts().as_slice()) {
                (Op::Replace, ["properties"]) => {
                    check_properties(operation.text())?;
                    operation.text().clone_into(&mut changed.properties);
                }
                _ => return Err(any_of(operation, &["/properties"])),
            }
        }
        if changed != found.value {
            let key = keys::documentation_part(api, &changed.id);
            self.control.catalog.commit(Edit::new().update(&key, &found, &changed)).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_documentation_part(&self, api: &ApiId, id: &str) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, api, id))?;
        let part = &found.value;
        let edit = Edit::new().delete(&keys::documentation_part(api, &part.id), &found);
        let edit = edit.discard(&keys::documentation_location(api, &part.location));
        self.control.catalog.commit(edit).await?;
        Ok(Answer::empty(202))
    }
}

impl Filter {
    fn takes(&self, location: &Location) -> bool {
        self.kind.as_deref().is_none_or(|kind| location.kind.as_str() == kind)
            && self.path.as_ref().is_none_or(|path| location.path.as_ref() == Some(path))
            && self.name.as_deref().is_none_or(|name| location.name.as_deref().is_some_and(|own| own.contains(name)))
    }
}

fn find(documents: &Documents<'_>, api: &ApiId, id: &str) -> Result<Stored<DocumentationPart>, Error> {
    let found = documents.get(&keys::documentation_part(api, &DocumentationPartId::new(id)))?;
    found.ok_or_else(|| Error::not_found(MISSING))
}

/// Reads what a part is about, or says what is wrong with it.
pub(super) fn read_location(location: &Input) -> Result<Location, String> {
    let text = |name: &str| location.text(name).map_err(|_| format!("The field '{name}' must be a text"));
    let kind = text("type")?.unwrap_or_default();
    let kind = LocationType::parse(&kind).ok_or_else(|| format!("Invalid documentation part type '{kind}'"))?;
    let (path, method) = (text("path")?, text("method")?);
    Location { kind, path, method, status_code: text("statusCode")?, name: text("name")? }.checked()
}

/// Properties are a JSON object, as a text.
pub(super) fn check_properties(text: &str) -> Result<(), Error> {
    if text.trim().is_empty() {
        return Err(Error::bad_request("Documentation part properties must be non-empty"));
    }
    if text.len() > MAX_PROPERTIES {
        return Err(Error::bad_request(format!("Documentation part properties can be at most {MAX_PROPERTIES} bytes")));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(_)) => Ok(()),
        _ => Err(Error::bad_request("Documentation part properties must be a valid JSON object")),
    }
}

/// An API has room for so many parts.
pub(super) fn check_number(count: u64) -> Result<(), Error> {
    match usize::try_from(count) {
        Ok(count) if count <= MAX_PARTS => Ok(()),
        _ => Err(Error::limit_exceeded(format!("An API may have at most {MAX_PARTS} documentation parts"))),
    }
}

/// A location in a sentence.
pub(super) fn printed(location: &Location) -> String {
    let parts = [
        ("path", &location.path),
        ("method", &location.method),
        ("statusCode", &location.status_code),
        ("name", &location.name),
    ];
    let parts = parts.into_iter().filter_map(|(field, value)| Some(format!(", {field}: '{}'", value.as_ref()?)));
    format!("type: '{}'{}", location.kind, parts.collect::<String>())
}

fn spell(location: &Location) -> Members {
    Members::new()
        .set("type", location.kind.as_str())
        .some("path", location.path.clone())
        .some("method", location.method.clone())
        .some("statusCode", location.status_code.clone())
        .some("name", location.name.clone())
}

fn members(part: &DocumentationPart) -> Members {
    Members::new()
        .set("id", part.id.as_str())
        .set("location", spell(&part.location))
        .set("properties", part.properties.as_str())
}
