//! Operations become methods, with what they answer and what they call.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::extensions::{INTEGRATION, REQUEST_VALIDATOR};
use super::root::OF_OPERATIONS;
use super::{Node, Reader};
use crate::control::apigateway::integrations;
use crate::control::wire::{Error, Input};
use crate::model::rest::{AuthorizationType, Flags, Integration, IntegrationResponse, Method, MethodResponse, Verb};

/// A method has at most so many responses.
const MAX_RESPONSES: usize = 500;

impl<'a> Reader<'a> {
    pub(super) fn read_method(&mut self, path: &str, verb: Verb, item: &Node<'a>, operation: &Node<'a>) -> Method {
        self.warn_of_unknown(operation, OF_OPERATIONS);
        let mut method = Method {
            verb,
            authorization_type: AuthorizationType::None,
            authorizer_id: None,
            authorization_scopes: Vec::new(),
            api_key_required: false,
            request_validator_id: operation.text_of(REQUEST_VALIDATOR).or_else(|| self.root.text_of(REQUEST_VALIDATOR)),
            operation_name: operation.text_of("operationId"),
            request_parameters: Flags::new(),
            request_models: Default::default(),
            responses: BTreeMap::new(),
            integration: None,
        };
        self.document_method(path, verb, operation);
        self.secure(&mut method, operation);
        self.read_parameters(&mut method, path, item, operation);
        self.read_request_body(&mut method, path, operation);
        self.read_responses(&mut method, path, operation);
        if let Some(extension) = operation.get(INTEGRATION)
            && let Some(extension) = self.resolve(extension)
        {
            method.integration = self.read_integration(&method, path, &extension);
        }
        method
    }

    fn read_responses(&mut self, method: &mut Method, path: &str, operation: &Node<'a>) {
        let Some(responses) = operation.get("responses") else { return };
        if responses.object().is_none_or(|all| all.len() > MAX_RESPONSES) {
            return self.report.refuse(&responses, format!("an object of at most {MAX_RESPONSES} responses is wanted"));
        }
        for (status, node) in responses.members() {
            if status.starts_with("x-") {
                continue;
            }
            if !is_status(status) {
                self.report.warn(&node, "a method's response has a status code of three digits: it is ignored");
                continue;
            }
            let Some(response) = self.resolve(node) else { continue };
            self.document_response(path, method.verb, status, &response);
            let parameters = self.read_headers(method.verb, path, status, &response);
            let models = self.response_models(operation, &response);
            method.responses.insert(status.to_owned(), MethodResponse { parameters, models });
        }
    }

    fn read_headers(&mut self, verb: Verb, path: &str, status: &str, response: &Node<'a>) -> Option<Flags> {
        let headers = response.get("headers")?;
        let mut flags = Flags::new();
        for (name, header) in headers.members() {
            let Some(header) = self.resolve(header) else { continue };
            self.document_header(path, verb, status, name, &header);
            flags.insert(format!("method.response.header.{name}"), false);
        }
        (!flags.is_empty()).then_some(flags)
    }

    /// The integration: its members are PutIntegration's, in small letters; its responses are keyed by pattern.
    fn read_integration(&mut self, method: &Method, path: &str, extension: &Node<'a>) -> Option<Integration> {
        let place = format!("on '{}' for resource at path '{path}'", method.verb);
        let mut told = |what: &str, error: Error| self.report.refuse(format!("Unable to put {what} {place}"), error);
        let Some(members) = extension.object() else {
            told("integration", Error::bad_request("the integration is no object"));
            return None;
        };
        let input = Input::from(members.iter().map(|(name, value)| spelled(name, value)).collect::<Map<_, _>>());
        let mut integration = match integrations::read(&input, "") {
            Ok(integration) => integration,
            Err(error) => {
                told("integration", error);
                return None;
            }
        };
        let responses = extension.get("responses").map(|node| node.members()).unwrap_or_default();
        for (pattern, node) in responses.into_iter().take(MAX_RESPONSES) {
            match integration_response(pattern, &node) {
                Ok((status, response)) => {
                    if integration.responses.insert(status.clone(), response).is_some() {
                        let told = format!("status code {status} has another response already: it is replaced");
                        self.report.warn(&node, told);
                    }
                }
                Err(error) => self.report.refuse(format!("Unable to put integration response {place}"), error),
            }
        }
        Some(integration)
    }
}

/// A member as PutIntegration has it: enumerations in capitals, numbers that are texts as numbers.
fn spelled(name: &str, value: &Value) -> (String, Value) {
    let value = match (name, value) {
        ("type" | "connectionType" | "passthroughBehavior" | "contentHandling", Value::String(text)) => {
            Value::from(text.to_ascii_uppercase())
        }
        ("responseTransferMode" | "httpMethod", Value::String(text)) => Value::from(text.to_ascii_uppercase()),
        ("timeoutInMillis", Value::String(text)) => text.parse::<i64>().map_or_else(|_| value.clone(), Value::from),
        ("requestParameters" | "requestTemplates", Value::Object(members)) => {
            let plain = |value: &Value| match value {
                Value::Bool(_) | Value::Number(_) => Value::from(value.to_string()),
                other => other.clone(),
            };
            Value::Object(members.iter().map(|(name, value)| (name.clone(), plain(value))).collect())
        }
        (_, value) => value.clone(),
    };
    (name.to_owned(), value)
}

/// An integration's response, by the status code that it answers with. `default` has no pattern.
fn integration_response(pattern: &str, node: &Node<'_>) -> Result<(String, IntegrationResponse), Error> {
    let status = node.text_of("statusCode").unwrap_or_default();
    if !is_status(&status) {
        return Err(Error::bad_request(format!("Invalid status code specified for '{pattern}': '{status}'")));
    }
    let input = Input::from(node.object().cloned().unwrap_or_default());
    let handling = input.text("contentHandling")?.map(|text| text.to_ascii_uppercase());
    Ok((
        status,
        IntegrationResponse {
            selection_pattern: (pattern != "default").then(|| pattern.to_owned()),
            parameters: input.strings("responseParameters")?,
            templates: input.optional_strings("responseTemplates")?,
            content_handling: integrations::content_handling(handling.as_deref())?,
        },
    ))
}

fn is_status(text: &str) -> bool {
    text.len() == 3 && text.parse().is_ok_and(|code| (100..=599).contains(&code))
}
