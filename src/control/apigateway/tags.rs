//! Tags: TagResource, GetTags, UntagResource.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};

impl Target<'_> {
    pub(super) async fn tag_resource(&self, _resource_arn: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_tags(&self, _resource_arn: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn untag_resource(&self, _resource_arn: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
