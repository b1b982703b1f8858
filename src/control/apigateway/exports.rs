//! Exports: GetExport.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};
use crate::model::id::{RestApiId, StageName};

impl Target<'_> {
    pub(super) fn get_export(&self, _api: &RestApiId, _stage: &StageName, _export_type: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
