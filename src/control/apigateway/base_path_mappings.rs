//! Base path mappings: CreateBasePathMapping, GetBasePathMappings, GetBasePathMapping, UpdateBasePathMapping, DeleteBasePathMapping.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};

impl Target<'_> {
    pub(super) async fn create_base_path_mapping(&self, _domain_name: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_base_path_mappings(&self, _domain_name: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_base_path_mapping(&self, _domain_name: &str, _base_path: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn update_base_path_mapping(&self, _domain_name: &str, _base_path: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn delete_base_path_mapping(&self, _domain_name: &str, _base_path: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
