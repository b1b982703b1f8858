//! Usage plan keys: CreateUsagePlanKey, GetUsagePlanKeys, GetUsagePlanKey, DeleteUsagePlanKey.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};

impl Target<'_> {
    pub(super) async fn create_usage_plan_key(&self, _plan: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_usage_plan_keys(&self, _plan: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_usage_plan_key(&self, _plan: &str, _key: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn delete_usage_plan_key(&self, _plan: &str, _key: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
