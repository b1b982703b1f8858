//! Test invocations: TestInvokeAuthorizer, TestInvokeMethod.

use super::{Place, Target, not_yet};
use crate::control::wire::{Answer, Error};
use crate::model::id::RestApiId;

impl Target<'_> {
    pub(super) async fn test_invoke_authorizer(&self, _api: &RestApiId, _authorizer_id: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn test_invoke_method(&self, _place: &Place) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
