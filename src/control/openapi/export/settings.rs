//! What an API is beside its operations, as extensions at the root of a document. Defaults are left out.

use serde_json::{Map, Value};

use super::integrations::strings;
use crate::control::openapi::extensions::{
    API_KEY_SOURCE, BINARY_MEDIA_TYPES, ENDPOINT_ACCESS_MODE, GATEWAY_RESPONSES, MINIMUM_COMPRESSION_SIZE, POLICY,
    REQUEST_VALIDATORS, SECURITY_POLICY,
};
use crate::control::wire::Members;
use crate::model::rest::{ApiKeySource, EndpointAccessMode, GatewayResponse, RequestValidator, Snapshot};

/// The extensions of an API's settings.
pub(super) fn settings(snapshot: &Snapshot) -> Members {
    let api = &snapshot.api;
    let source = Some(api.api_key_source).filter(|source| *source != ApiKeySource::Header);
    let policy = api.policy.as_ref();
    // A policy that can't be read is passed on as it is.
    let policy = policy.map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str())));
    // By name: their ids, which a snapshot has them by, are random.
    let mut validators: Vec<&RequestValidator> = snapshot.request_validators.iter().collect();
    validators.sort_by_key(|known| &known.name);
    let validators = validators.into_iter().map(|known| (known.name.clone(), validator(known)));
    let responses = snapshot.gateway_responses.iter().map(|known| (known.kind.to_string(), response(known)));
    Members::new()
        .some(API_KEY_SOURCE, source.map(ApiKeySource::as_str))
        .some(SECURITY_POLICY, api.security_policy.clone())
        .some(ENDPOINT_ACCESS_MODE, api.endpoint_access_mode.map(EndpointAccessMode::as_str))
        .some(POLICY, policy)
        .unless_empty(REQUEST_VALIDATORS, validators.collect::<Map<_, _>>())
        .unless_empty(GATEWAY_RESPONSES, responses.collect::<Map<_, _>>())
        .unless_empty(BINARY_MEDIA_TYPES, api.binary_media_types.clone())
        .some(MINIMUM_COMPRESSION_SIZE, api.minimum_compression_size)
}

fn validator(validator: &RequestValidator) -> Value {
    Members::new()
        .set("validateRequestParameters", validator.validate_parameters)
        .set("validateRequestBody", validator.validate_body)
        .into()
}

fn response(response: &GatewayResponse) -> Value {
    let status = response.status.as_deref().and_then(|status| status.parse::<u16>().ok());
    Members::new()
        .some("statusCode", status)
        .unless_empty("responseParameters", strings(&response.parameters))
        .unless_empty("responseTemplates", strings(&response.templates))
        .into()
}
