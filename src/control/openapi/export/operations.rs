//! Operations: a method's parameters, bodies and answers.

use serde_json::{Map, Value, json};

use super::documentation::Place;
use super::integrations::integration;
use super::schemas::main;
use super::{Dialect, Writer};
use crate::control::openapi::extensions::{ANY_METHOD, INTEGRATION, REQUEST_VALIDATOR};
use crate::control::wire::Members;
use crate::model::rest::{LocationType, Method, MethodResponse, SnapshotResource, Verb};

/// The name of a method's operation in its path.
fn key(verb: Verb) -> String {
    if verb == Verb::Any { ANY_METHOD.to_owned() } else { verb.as_str().to_ascii_lowercase() }
}

impl Writer<'_> {
    /// A path with its operations.
    pub(super) fn path_item(&self, resource: &SnapshotResource) -> Value {
        let mut item = Map::new();
        if self.options.dialect == Dialect::OpenApi {
            self.subject.documentation.resource(&resource.path, &mut item);
        }
        for method in &resource.methods {
            item.insert(key(method.verb), self.operation(resource, method));
        }
        Value::Object(item)
    }

    fn operation(&self, resource: &SnapshotResource, method: &Method) -> Value {
        let place = Place { path: &resource.path, verb: method.verb.as_str(), status: "" };
        let mut operation = Map::new();
        self.subject.documentation.operation(place, &mut operation);
        let mut parameters = self.parameters(place, method);
        let mut body = None;
        match self.options.dialect {
            Dialect::Swagger => parameters.extend(self.body_parameter(place, method)),
            Dialect::OpenApi => body = self.request_body(place, method),
        }
        let (mut consumes, mut produces) = (Vec::new(), Vec::new());
        if self.options.dialect == Dialect::Swagger {
            consumes.extend(method.request_models.keys().cloned());
            let models = method.responses.values().filter_map(|response| response.models.as_ref());
            produces.extend(models.flat_map(|models| models.keys().cloned()));
            produces.sort();
            produces.dedup();
        }
        let responses = method.responses.iter().map(|(status, response)| {
            let place = Place { status, ..place };
            (status.clone(), self.response(place, response))
        });
        let extensions = self.options.extensions;
        let validator = method.request_validator_id.as_ref().filter(|_| extensions.apigateway);
        let validator = validator.and_then(|id| {
            let mut validators = self.subject.snapshot.request_validators.iter();
            validators.find(|validator| validator.id.as_str() == id).map(|validator| validator.name.clone())
        });
        let called = method.integration.as_ref().filter(|_| extensions.shows_integrations());
        let members = Members::new()
            .some("operationId", method.operation_name.clone())
            .unless_empty("consumes", consumes)
            .unless_empty("produces", produces)
            .unless_empty("parameters", parameters)
            .some("requestBody", body)
            .set("responses", responses.collect::<Map<_, _>>())
            .unless_empty("security", self.names.asked(method, &self.subject.snapshot.authorizers))
            .some(REQUEST_VALIDATOR, validator)
            .some(INTEGRATION, called.map(|called| integration(resource, called)));
        if let Value::Object(members) = members.into() {
            operation.extend(members);
        }
        Value::Object(operation)
    }

    /// Parameters in headers, paths and queries.
    fn parameters(&self, place: Place<'_>, method: &Method) -> Vec<Value> {
        let declared = method.request_parameters.iter().filter_map(|(expression, required)| {
            let (within, name) = expression.strip_prefix("method.request.")?.split_once('.')?;
            let (within, kind) = match within {
                "path" => ("path", LocationType::PathParameter),
                "querystring" => ("query", LocationType::QueryParameter),
                "header" => ("header", LocationType::RequestHeader),
                _ => return None,
            };
            // A path without one of its parts is another path.
            let required = *required || within == "path";
            let members = Members::new().set("name", name).set("in", within);
            let members = match self.options.dialect {
                Dialect::Swagger => members.set("required", required).set("type", "string"),
                Dialect::OpenApi => {
                    members.some("required", required.then_some(true)).set("schema", json!({"type": "string"}))
                }
            };
            Some(self.described(kind, place, Some(name), members))
        });
        declared.collect()
    }

    /// Swagger 2.0 knows one body of a request, whatever its media type: the one that JSON is for, else the first.
    fn body_parameter(&self, place: Place<'_>, method: &Method) -> Option<Value> {
        let name = main(&method.request_models)?;
        let members = Members::new()
            .set("in", "body")
            .set("name", name.as_str())
            .set("required", true)
            .set("schema", self.schemas.reference(self.options.dialect, name));
        Some(self.described(LocationType::RequestBody, place, None, members))
    }

    fn request_body(&self, place: Place<'_>, method: &Method) -> Option<Value> {
        if method.request_models.is_empty() {
            return None;
        }
        let members = Members::new().set("content", self.content(&method.request_models)).set("required", true);
        Some(self.described(LocationType::RequestBody, place, None, members))
    }

    fn response(&self, place: Place<'_>, response: &MethodResponse) -> Value {
        let models = response.models.clone().unwrap_or_default();
        let mut members = Members::new().set("description", format!("{} response", place.status));
        if self.options.dialect == Dialect::Swagger
            && let Some(model) = main(&models)
        {
            members = members.set("schema", self.schemas.reference(self.options.dialect, model));
        }
        members = members.unless_empty("headers", self.headers(place, response));
        if self.options.dialect == Dialect::OpenApi {
            members = members.set("content", self.content(&models));
        }
        self.described(LocationType::Response, place, None, members)
    }

    fn headers(&self, place: Place<'_>, response: &MethodResponse) -> Map<String, Value> {
        let declared = response.parameters.iter().flatten();
        let names = declared.filter_map(|(expression, _)| expression.strip_prefix("method.response.header."));
        let headers = names.map(|name| {
            let members = match self.options.dialect {
                Dialect::Swagger => Members::new().set("type", "string"),
                Dialect::OpenApi => Members::new().set("schema", json!({"type": "string"})),
            };
            (name.to_owned(), self.described(LocationType::ResponseHeader, place, Some(name), members))
        });
        headers.collect()
    }

    /// Media types with the schemas of their models.
    fn content(&self, models: &crate::model::rest::Strings) -> Map<String, Value> {
        let schema = |model: &str| json!({"schema": self.schemas.reference(self.options.dialect, model)});
        models.iter().map(|(media, model)| (media.clone(), schema(model))).collect()
    }

    fn described(&self, kind: LocationType, place: Place<'_>, name: Option<&str>, members: Members) -> Value {
        let mut value = Value::from(members);
        if let Value::Object(members) = &mut value {
            self.subject.documentation.describe(kind, place, name, members);
        }
        value
    }
}
