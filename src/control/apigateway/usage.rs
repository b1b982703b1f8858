//! Usage: UpdateUsage, GetUsage.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};

impl Target<'_> {
    pub(super) async fn update_usage(&self, _plan: &str, _key: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_usage(&self, _plan: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
