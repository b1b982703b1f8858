//! Api keys: CreateApiKey, GetApiKeys, ImportApiKeys, GetApiKey, UpdateApiKey, DeleteApiKey.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};

impl Target<'_> {
    pub(super) async fn create_api_key(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_api_keys(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn import_api_keys(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_api_key(&self, _key: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn update_api_key(&self, _key: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn delete_api_key(&self, _key: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
