//! Authorizers: CreateAuthorizer, GetAuthorizers, GetAuthorizer, UpdateAuthorizer, DeleteAuthorizer.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};
use crate::model::id::RestApiId;

impl Target<'_> {
    pub(super) async fn create_authorizer(&self, _api: &RestApiId) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_authorizers(&self, _api: &RestApiId) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_authorizer(&self, _api: &RestApiId, _authorizer_id: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn update_authorizer(&self, _api: &RestApiId, _authorizer_id: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn delete_authorizer(&self, _api: &RestApiId, _authorizer_id: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
