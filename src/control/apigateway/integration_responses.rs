//! Integration responses: PutIntegrationResponse, GetIntegrationResponse, UpdateIntegrationResponse,
//! DeleteIntegrationResponse.

use super::method_responses::check_status;
use super::{Place, Target, expressions, integrations};
use crate::control::wire::{Answer, Error, Members, Op, Operation, operations_and};
use crate::model::rest::{ContentHandling, Integration, IntegrationResponse, Method};

const NO_INTEGRATION: &str = "Invalid Integration identifier specified";
const MISSING: &str = "Invalid Response status code specified";
const NO_METHOD_RESPONSE: &str = "Invalid mapping expression specified: Validation Result: warnings : [], errors : [No method response exists for method.]";

impl Target<'_> {
    pub(super) async fn put_integration_response(&self, place: &Place, status: &str) -> Result<Answer, Error> {
        check_status(status)?;
        let body = self.body;
        let response = IntegrationResponse {
            selection_pattern: body.text("selectionPattern")?,
            parameters: body.strings("responseParameters")?,
            templates: body.optional_strings("responseTemplates")?,
            content_handling: integrations::content_handling(body.text("contentHandling")?.as_deref())?,
        };
        let found = self.find_integration(place)?;
        let mut changed = found.value.clone();
        check(&changed, status, &response)?;
        integration(&mut changed)?.responses.insert(status.to_owned(), response.clone());
        place.update(self.control, &found, &changed).await?;
        Ok(Answer::json(201, members(status, &response)))
    }

    pub(super) fn get_integration_response(&self, place: &Place, status: &str) -> Result<Answer, Error> {
        check_status(status)?;
        let mut found = self.find_integration(place)?;
        let integration = integration(&mut found.value)?;
        let response = integration.responses.get(status).ok_or_else(|| Error::not_found(MISSING))?;
        Ok(Answer::json(200, members(status, response)))
    }

    pub(super) async fn update_integration_response(&self, place: &Place, status: &str) -> Result<Answer, Error> {
        let operations =
            operations_and(self.body, "updateIntegrationResponseInput", |violations| violations.status_code(status))?;
        let found = self.find_integration(place)?;
        let mut changed = found.value.clone();
        let responses = &mut integration(&mut changed)?.responses;
        let response = responses.get_mut(status).ok_or_else(|| Error::not_found(MISSING))?;
        for operation in &operations {
            patch(response, operation)?;
        }
        let response = response.clone();
        check(&changed, status, &response)?;
        place.update(self.control, &found, &changed).await?;
        Ok(Answer::json(200, members(status, &response)))
    }

    pub(super) async fn delete_integration_response(&self, place: &Place, status: &str) -> Result<Answer, Error> {
        check_status(status)?;
        let found = self.find_integration(place)?;
        let mut changed = found.value.clone();
        integration(&mut changed)?.responses.remove(status).ok_or_else(|| Error::not_found(MISSING))?;
        place.update(self.control, &found, &changed).await?;
        Ok(Answer::empty(204))
    }
}

fn integration(method: &mut Method) -> Result<&mut Integration, Error> {
    method.integration.as_mut().ok_or_else(|| Error::not_found(NO_INTEGRATION))
}

/// What must be true of an integration response, however it came to be so.
pub(super) fn check(method: &Method, status: &str, response: &IntegrationResponse) -> Result<(), Error> {
    if method.integration.is_none() {
        return Err(Error::not_found(NO_INTEGRATION));
    }
    let method_response = method.responses.get(status).ok_or_else(|| Error::bad_request(NO_METHOD_RESPONSE))?;
    for (target, source) in response.parameters.iter().flatten() {
        expressions::check_response(target, source)?;
        let declared = method_response.parameters.as_ref().is_some_and(|known| known.contains_key(target));
        if !declared {
            return Err(Error::bad_request(format!(
                "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: {target}]"
            )));
        }
    }
    let pattern = response.selection_pattern.as_deref().unwrap_or_default();
    if pattern.len() > 1024 {
        return Err(Error::bad_request("Invalid selection pattern specified"));
    }
    integrations::check_content_types(response.templates.as_ref())
}

/// What of an integration response can be patched, and how.
fn patch(response: &mut IntegrationResponse, operation: &Operation) -> Result<(), Error> {
    use Op::{Add, Remove, Replace};
    match (operation.op, operation.parts().as_slice()) {
        (Replace, ["contentHandling"]) => {
            response.content_handling = integrations::content_handling(operation.value.as_deref())?;
        }
        (Replace, ["selectionPattern"]) => response.selection_pattern = operation.value.clone(),
        (op @ (Add | Replace), ["responseParameters", name]) => {
            let map = response.parameters.get_or_insert_default();
            if op == Replace && !map.contains_key(*name) {
                return Err(Error::not_found("Invalid parameter name specified"));
            }
            map.insert((*name).to_owned(), operation.text().to_owned());
        }
        (Remove, ["responseParameters", name]) => {
            if response.parameters.get_or_insert_default().remove(*name).is_none() {
                return Err(Error::not_found("Invalid parameter name specified"));
            }
        }
        (op @ (Add | Replace), ["responseTemplates", content_type]) => {
            let map = response.templates.get_or_insert_default();
            if op == Replace && !map.contains_key(*content_type) {
                return Err(Error::not_found("Content-Type specified was not found"));
            }
            map.insert((*content_type).to_owned(), operation.some_text());
        }
        (Remove, ["responseTemplates", content_type]) => {
            if response.templates.get_or_insert_default().remove(*content_type).is_none() {
                return Err(Error::not_found("Content-Type specified was not found"));
            }
        }
        _ => return Err(Error::bad_request(format!("Invalid patch path {}", operation.path))),
    }
    Ok(())
}

pub(super) fn members(status: &str, response: &IntegrationResponse) -> Members {
    Members::new()
        .set("statusCode", status)
        .some("selectionPattern", response.selection_pattern.clone())
        .some("responseParameters", response.parameters.as_ref().map(|map| serde_json::json!(map)))
        .some("responseTemplates", response.templates.as_ref().map(|map| serde_json::json!(map)))
        .some("contentHandling", response.content_handling.map(ContentHandling::as_str))
}
