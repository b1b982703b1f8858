//! Method responses: PutMethodResponse, GetMethodResponse, UpdateMethodResponse, DeleteMethodResponse.

use super::{Place, Target, expressions, methods};
use crate::catalog::Edit;
use crate::control::wire::{Answer, Error, Input, Members, Op, Operation, Violations, as_boolean, operations_and};
use crate::model::rest::MethodResponse;

const MISSING: &str = "Invalid Response status code specified";
/// What AWS says of an operation that entries of maps don't have.
pub(super) const ONLY_MAP_OPERATIONS: &str =
    "Invalid patch operation specified. Must be one of: [add, remove, replace]";

impl Target<'_> {
    pub(super) async fn put_method_response(&self, place: &Place, status: &str) -> Result<Answer, Error> {
        check_status(status)?;
        let response = read(self.body)?;
        let (found, edit) = self.control.catalog.read(|documents| {
            let found = place.find(documents)?;
            let models = response.models.clone().unwrap_or_default();
            let edit = methods::rely_on_models(documents, &place.api, &models, Edit::new())?;
            Ok::<_, Error>((found, edit))
        })?;
        if found.value.responses.contains_key(status) {
            return Err(Error::conflict("Response already exists for this resource"));
        }
        let mut changed = found.value.clone();
        changed.responses.insert(status.to_owned(), response.clone());
        place.update_relying(self.control, &found, &changed, edit).await?;
        Ok(Answer::json(201, members(status, &response)))
    }

    pub(super) fn get_method_response(&self, place: &Place, status: &str) -> Result<Answer, Error> {
        check_status(status)?;
        let found = self.control.catalog.read(|documents| place.find(documents))?;
        let response = found.value.responses.get(status).ok_or_else(|| Error::not_found(MISSING))?;
        Ok(Answer::json(200, members(status, response)))
    }

    pub(super) async fn update_method_response(&self, place: &Place, status: &str) -> Result<Answer, Error> {
        let operations =
            operations_and(self.body, "updateMethodResponseInput", |violations| violations.status_code(status))?;
        let (found, changed, response, edit) = self.control.catalog.read(|documents| {
            let found = place.find(documents)?;
            let mut changed = found.value.clone();
            let response = changed.responses.get_mut(status).ok_or_else(|| Error::not_found(MISSING))?;
            for operation in &operations {
                patch(response, operation)?;
            }
            let response = response.clone();
            let models = response.models.clone().unwrap_or_default();
            let edit = methods::rely_on_models(documents, &place.api, &models, Edit::new())?;
            Ok::<_, Error>((found, changed, response, edit))
        })?;
        place.update_relying(self.control, &found, &changed, edit).await?;
        Ok(Answer::json(201, members(status, &response)))
    }

    pub(super) async fn delete_method_response(&self, place: &Place, status: &str) -> Result<Answer, Error> {
        check_status(status)?;
        let found = self.control.catalog.read(|documents| place.find(documents))?;
        let mut changed = found.value.clone();
        changed.responses.remove(status).ok_or_else(|| Error::not_found(MISSING))?;
        place.update(self.control, &found, &changed).await?;
        Ok(Answer::empty(204))
    }
}

pub(super) fn check_status(status: &str) -> Result<(), Error> {
    let mut violations = Violations::new();
    violations.status_code(status);
    violations.check()
}

fn read(body: &Input) -> Result<MethodResponse, Error> {
    let response =
        MethodResponse { parameters: body.flags("responseParameters")?, models: body.strings("responseModels")? };
    for name in response.parameters.iter().flatten().map(|(name, _)| name) {
        expressions::check_declared(name, "method.response.", &["header."])?;
    }
    Ok(response)
}

/// What of a method response can be patched, and how.
fn patch(response: &mut MethodResponse, operation: &Operation) -> Result<(), Error> {
    use Op::{Add, Remove, Replace};
    let (parameters, models) = (&mut response.parameters, &mut response.models);
    match (operation.op, operation.parts().as_slice()) {
        (op @ (Add | Replace), ["responseParameters", name]) => {
            let map = parameters.get_or_insert_default();
            if op == Replace && !map.contains_key(*name) {
                return Err(Error::not_found("Invalid parameter name specified"));
            }
            expressions::check_declared(name, "method.response.", &["header."])?;
            map.insert((*name).to_owned(), as_boolean(operation));
        }
        (Remove, ["responseParameters", name]) => {
            if parameters.get_or_insert_default().remove(*name).is_none() {
                return Err(Error::not_found("Invalid parameter name specified"));
            }
        }
        (op @ (Add | Replace), ["responseModels", media_type]) => {
            let map = models.get_or_insert_default();
            if op == Replace && !map.contains_key(*media_type) {
                return Err(Error::not_found("Content-Type specified was not found"));
            }
            map.insert((*media_type).to_owned(), operation.text().to_owned());
        }
        (Remove, ["responseModels", media_type]) => {
            if models.get_or_insert_default().remove(*media_type).is_none() {
                return Err(Error::not_found("Content-Type specified was not found"));
            }
        }
        (_, ["responseParameters" | "responseModels", _]) => return Err(Error::bad_request(ONLY_MAP_OPERATIONS)),
        _ => return Err(Error::bad_request(format!("Invalid patch path {}", operation.path))),
    }
    // A map that a patch has emptied is no longer shown, one that was sent empty is.
    *parameters = parameters.take().filter(|map| !map.is_empty());
    *models = models.take().filter(|map| !map.is_empty());
    Ok(())
}

pub(super) fn members(status: &str, response: &MethodResponse) -> Members {
    Members::new()
        .set("statusCode", status)
        .some("responseParameters", response.parameters.as_ref().map(|map| serde_json::json!(map)))
        .some("responseModels", response.models.as_ref().map(|map| serde_json::json!(map)))
}
