//! Gateway responses: GetGatewayResponses, PutGatewayResponse, GetGatewayResponse, UpdateGatewayResponse, DeleteGatewayResponse.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};
use crate::model::id::RestApiId;

impl Target<'_> {
    pub(super) fn get_gateway_responses(&self, _api: &RestApiId) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn put_gateway_response(&self, _api: &RestApiId, _response_type: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_gateway_response(&self, _api: &RestApiId, _response_type: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn update_gateway_response(
        &self,
        _api: &RestApiId,
        _response_type: &str,
    ) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn delete_gateway_response(
        &self,
        _api: &RestApiId,
        _response_type: &str,
    ) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
