//! Documentation parts: of the descriptions all over a document, and of the extension that lists them
//! (control-plane reference, 15).

use serde_json::{Map, Value, json};

use super::super::extensions::DOCUMENTATION;
use super::{Dialect, Node, Reader};
use crate::model::rest::{Location, LocationType, Verb};

/// An API has at most so many documentation parts.
const MAX_PARTS: usize = 20_000;

/// Where something is, as far as it has such places.
fn location(kind: LocationType, path: Option<&str>, verb: Option<Verb>) -> Location {
    let method = verb.map(|verb| if verb == Verb::Any { "*".to_owned() } else { verb.to_string() });
    Location { kind, path: path.map(str::to_owned), method, status_code: None, name: None }
}

impl<'a> Reader<'a> {
    /// What is said of the API, of models and authorizers; then the parts of the extension, which win.
    pub(super) fn read_documentation(&mut self) {
        if let Some(info) = self.root.get("info") {
            let said = picked(&info, &["description", "termsOfService", "contact", "license"]);
            if !said.is_empty() {
                self.add_part(location(LocationType::Api, None, None), json!({ "info": said }));
            }
        }
        let schemes = match self.dialect {
            Dialect::Swagger => self.root.get("securityDefinitions"),
            Dialect::OpenApi => self.root.within(&["components", "securitySchemes"]),
        };
        for (name, scheme) in schemes.map(|node| node.members()).unwrap_or_default() {
            if self.description.authorizers.contains_key(name) {
                let place = Location { name: Some(name.to_owned()), ..location(LocationType::Authorizer, None, None) };
                self.document(place, &scheme, &["description"]);
            }
        }
        for (name, schema) in self.schemas().map(|node| node.members()).unwrap_or_default() {
            if self.description.models.contains_key(name) {
                let place = Location { name: Some(name.to_owned()), ..location(LocationType::Model, None, None) };
                self.document(place, &schema, &["title", "description"]);
            }
        }
        let parts = self.root.within(&[DOCUMENTATION, "documentationParts"]);
        for part in parts.map(|node| node.items()).unwrap_or_default() {
            self.read_part(&part);
        }
    }

    fn read_part(&mut self, part: &Node<'a>) {
        let place = part.get("location");
        let kind = place.as_ref().and_then(|place| place.text_of("type"));
        let Some((place, kind)) = place.zip(kind.and_then(|kind| LocationType::parse(&kind))) else {
            return self.report.refuse(part.place("location"), "a location has a type that AWS knows");
        };
        use LocationType as Kind;
        let has_path = !matches!(kind, Kind::Api | Kind::Authorizer | Kind::Model);
        let has_method = has_path && kind != Kind::Resource;
        let has_status = matches!(kind, Kind::Response | Kind::ResponseHeader | Kind::ResponseBody);
        let needs_name = matches!(
            kind,
            Kind::Authorizer
                | Kind::Model
                | Kind::PathParameter
                | Kind::QueryParameter
                | Kind::RequestHeader
                | Kind::ResponseHeader
        );
        let name = place.text_of("name");
        self.expect(&place, name.is_some() == needs_name, "name is wanted for named things, and for no other");
        let or_all = |has: bool, name: &str, all: &str| has.then(|| place.text_of(name).unwrap_or(all.to_owned()));
        let location = Location {
            kind,
            path: or_all(has_path, "path", "/"),
            method: or_all(has_method, "method", "*"),
            status_code: or_all(has_status, "statusCode", "*"),
            name,
        };
        match part.get("properties") {
            Some(properties) if properties.object().is_some() => self.add_part(location, properties.value.clone()),
            Some(properties) => {
                let parsed = properties.text().and_then(|text| serde_json::from_str(text).ok());
                match parsed.filter(Value::is_object) {
                    Some(parsed) => self.add_part(location, parsed),
                    None => self.report.refuse(&properties, "properties are an object"),
                }
            }
            None => self.report.refuse(part, "Documentation part properties must be non-empty"),
        }
    }

    pub(super) fn document_resource(&mut self, path: &str, item: &Node<'a>) {
        self.document(location(LocationType::Resource, Some(path), None), item, &["summary", "description"]);
    }

    pub(super) fn document_method(&mut self, path: &str, verb: Verb, operation: &Node<'a>) {
        let keys = ["tags", "summary", "description", "deprecated", "externalDocs"];
        self.document(location(LocationType::Method, Some(path), Some(verb)), operation, &keys);
    }

    pub(super) fn document_parameter(
        &mut self,
        path: &str,
        verb: Verb,
        kind: LocationType,
        name: &str,
        node: &Node<'a>,
    ) {
        let place = Location { name: Some(name.to_owned()), ..location(kind, Some(path), Some(verb)) };
        self.document(place, node, &["description"]);
    }

    pub(super) fn document_body(&mut self, path: &str, verb: Verb, body: &Node<'a>) {
        self.document(location(LocationType::RequestBody, Some(path), Some(verb)), body, &["description"]);
    }

    pub(super) fn document_response(&mut self, path: &str, verb: Verb, status: &str, response: &Node<'a>) {
        let place = Location {
            status_code: Some(status.to_owned()),
            ..location(LocationType::Response, Some(path), Some(verb))
        };
        self.document(place, response, &["description"]);
    }

    pub(super) fn document_header(&mut self, path: &str, verb: Verb, status: &str, name: &str, header: &Node<'a>) {
        let place = Location {
            status_code: Some(status.to_owned()),
            name: Some(name.to_owned()),
            ..location(LocationType::ResponseHeader, Some(path), Some(verb))
        };
        self.document(place, header, &["description"]);
    }

    fn document(&mut self, place: Location, node: &Node<'a>, keys: &[&str]) {
        let said = picked(node, keys);
        if !said.is_empty() {
            self.add_part(place, Value::Object(said));
        }
    }

    fn add_part(&mut self, place: Location, properties: Value) {
        if self.description.documentation.len() >= MAX_PARTS {
            return self.report.refuse("documentation", format!("an API has at most {MAX_PARTS} documentation parts"));
        }
        self.description.documentation.insert(place, properties.to_string());
    }
}

/// Those of the members that are there and say something.
fn picked(node: &Node<'_>, keys: &[&str]) -> Map<String, Value> {
    let said = keys.iter().filter_map(|key| node.get(key).map(|said| ((*key).to_owned(), said.value.clone())));
    said.filter(|(_, said)| said.as_str() != Some("")).collect()
}
