//! Usage plans: CreateUsagePlan, GetUsagePlans, GetUsagePlan, UpdateUsagePlan, DeleteUsagePlan.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};

impl Target<'_> {
    pub(super) async fn create_usage_plan(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_usage_plans(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_usage_plan(&self, _plan: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn update_usage_plan(&self, _plan: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn delete_usage_plan(&self, _plan: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
