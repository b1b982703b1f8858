//! Account: GetAccount, UpdateAccount.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};

impl Target<'_> {
    pub(super) fn get_account(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn update_account(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
