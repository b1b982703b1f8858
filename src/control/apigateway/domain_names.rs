//! Domain names: CreateDomainName, GetDomainNames, GetDomainName, UpdateDomainName, DeleteDomainName.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};

impl Target<'_> {
    pub(super) async fn create_domain_name(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_domain_names(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_domain_name(&self, _domain_name: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn update_domain_name(&self, _domain_name: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn delete_domain_name(&self, _domain_name: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
