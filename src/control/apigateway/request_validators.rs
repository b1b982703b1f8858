//! Request validators: CreateRequestValidator, GetRequestValidators, GetRequestValidator, UpdateRequestValidator, DeleteRequestValidator.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};
use crate::model::id::RestApiId;

impl Target<'_> {
    pub(super) async fn create_request_validator(&self, _api: &RestApiId) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_request_validators(&self, _api: &RestApiId) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_request_validator(&self, _api: &RestApiId, _requestvalidator_id: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn update_request_validator(
        &self,
        _api: &RestApiId,
        _requestvalidator_id: &str,
    ) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn delete_request_validator(
        &self,
        _api: &RestApiId,
        _requestvalidator_id: &str,
    ) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
