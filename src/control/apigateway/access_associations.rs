//! Access associations: CreateDomainNameAccessAssociation, GetDomainNameAccessAssociations, DeleteDomainNameAccessAssociation, RejectDomainNameAccessAssociation.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};

impl Target<'_> {
    pub(super) async fn create_domain_name_access_association(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_domain_name_access_associations(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn delete_domain_name_access_association(
        &self,
        _domain_name_access_association_arn: &str,
    ) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn reject_domain_name_access_association(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
