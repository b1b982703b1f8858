//! Vpc links: CreateVpcLink, GetVpcLinks, GetVpcLink, UpdateVpcLink, DeleteVpcLink.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};

impl Target<'_> {
    pub(super) async fn create_vpc_link(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_vpc_links(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_vpc_link(&self, _vpclink_id: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn update_vpc_link(&self, _vpclink_id: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn delete_vpc_link(&self, _vpclink_id: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
