//! Imports: ImportRestApi, PutRestApi.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};
use crate::model::id::RestApiId;

impl Target<'_> {
    pub(super) async fn import_rest_api(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn put_rest_api(&self, _api: &RestApiId) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
