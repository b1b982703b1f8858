//! Models: CreateModel, GetModels, GetModel, UpdateModel, DeleteModel, GetModelTemplate.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};
use crate::model::id::RestApiId;

impl Target<'_> {
    pub(super) async fn create_model(&self, _api: &RestApiId) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_models(&self, _api: &RestApiId) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_model(&self, _api: &RestApiId, _model_name: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn update_model(&self, _api: &RestApiId, _model_name: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn delete_model(&self, _api: &RestApiId, _model_name: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_model_template(&self, _api: &RestApiId, _model_name: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
