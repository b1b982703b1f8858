//! Sdks: GetSdk, GetSdkTypes, GetSdkType.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};
use crate::model::id::{RestApiId, StageName};

impl Target<'_> {
    pub(super) fn get_sdk(&self, _api: &RestApiId, _stage: &StageName, _sdk_type: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_sdk_types(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_sdk_type(&self, _sdktype_id: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
