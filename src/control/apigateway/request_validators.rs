//! Request validators: CreateRequestValidator, GetRequestValidators, GetRequestValidator, UpdateRequestValidator, DeleteRequestValidator.

use super::references::refuse_used;
use super::{Target, bounded};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Op, Operation, Page, any_of, as_boolean, operations};
use crate::model::id::{ApiId, RequestValidatorId};
use crate::model::rest::RequestValidator;

/// What AWS says of a validator that isn't there.
pub(super) const MISSING: &str = "Invalid Request Validator identifier specified";
const MAX_NAME: usize = 128;
/// An API has at most so many request validators.
const MAX_VALIDATORS: u64 = 300;

impl Target<'_> {
    pub(super) async fn create_request_validator(&self, api: &ApiId) -> Result<Answer, Error> {
        let body = self.body;
        let validator = RequestValidator {
            id: RequestValidatorId::random(),
            name: bounded(body.text("name")?, "Request Validator name", MAX_NAME)?.unwrap_or_default(),
            validate_body: body.boolean("validateRequestBody")?.unwrap_or_default(),
            validate_parameters: body.boolean("validateRequestParameters")?.unwrap_or_default(),
        };
        self.control.catalog.read(|documents| {
            if !documents.exists(&keys::rest_api(api)) {
                return Err(Error::bad_request("Invalid REST API identifier specified"));
            }
            if documents.count(&keys::request_validators(api)) >= MAX_VALIDATORS {
                return Err(Error::limit_exceeded(format!(
                    "An API may have at most {MAX_VALIDATORS} request validators"
                )));
            }
            Ok(())
        })?;
        let key = keys::request_validator(api, &validator.id);
        let edit = Edit::new().require(&keys::rest_api(api)).create(&key, &validator);
        self.control.catalog.commit(edit).await?;
        Ok(Answer::json(201, members(&validator)))
    }

    pub(super) fn get_request_validators(&self, api: &ApiId) -> Result<Answer, Error> {
        let validators = self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            Ok::<_, Error>(documents.list(&keys::request_validators(api))?)
        })?;
        let (validators, position) = Page::read(self.call)?.take(validators, |found| found.value.id.as_str());
        Ok(Answer::list(validators.iter().map(|found| members(&found.value).into()).collect(), position))
    }

    pub(super) fn get_request_validator(&self, api: &ApiId, id: &str) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, api, id))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_request_validator(&self, api: &ApiId, id: &str) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateRequestValidatorInput")?;
        let found = self.control.catalog.read(|documents| find(documents, api, id))?;
        let mut changed = found.value.clone();
        for operation in &operations {
            patch(&mut changed, operation)?;
        }
        if changed != found.value {
            let key = keys::request_validator(api, &changed.id);
            self.control.catalog.commit(Edit::new().update(&key, &found, &changed)).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_request_validator(&self, api: &ApiId, id: &str) -> Result<Answer, Error> {
        let edit = self.control.catalog.read(|documents| {
            let found = find(documents, api, id)?;
            refuse_used(documents, api, &format!("request validator '{id}'"), |method| {
                method.request_validator_id.as_deref() == Some(id)
            })?;
            // No method may come to use it between this look and the commit.
            let edit = Edit::new().unchanged(documents, &keys::resources(api));
            Ok::<_, Error>(edit.delete(&keys::request_validator(api, &found.value.id), &found))
        })?;
        self.control.catalog.commit(edit).await?;
        Ok(Answer::empty(202))
    }
}

fn find(documents: &Documents<'_>, api: &ApiId, id: &str) -> Result<Stored<RequestValidator>, Error> {
    let found = documents.get(&keys::request_validator(api, &RequestValidatorId::new(id)))?;
    found.ok_or_else(|| Error::not_found(MISSING))
}

/// What of a request validator can be patched, and how.
fn patch(validator: &mut RequestValidator, operation: &Operation) -> Result<(), Error> {
    match (operation.op, operation.parts().as_slice()) {
        (Op::Replace, ["name"]) => {
            if operation.text().trim().is_empty() {
                return Err(Error::bad_request("Request Validator name cannot be blank"));
            }
            validator.name = bounded(operation.some_text(), "Request Validator name", MAX_NAME)?.unwrap_or_default();
        }
        (Op::Replace, ["validateRequestBody"]) => validator.validate_body = as_boolean(operation),
        (Op::Replace, ["validateRequestParameters"]) => validator.validate_parameters = as_boolean(operation),
        _ => return Err(any_of(operation, &["/name", "/validateRequestParameters", "/validateRequestBody"])),
    }
    Ok(())
}

fn members(validator: &RequestValidator) -> Members {
    Members::new()
        .set("id", validator.id.as_str())
        .unless_empty("name", validator.name.as_str())
        .set("validateRequestBody", validator.validate_body)
        .set("validateRequestParameters", validator.validate_parameters)
}
