//! The settings of an API after an import (control-plane reference, 12).

use super::Mode;
use crate::control::openapi::import::{Description, Report};
use crate::model::rest::{ApiKeySource, EndpointType, RestApi};

/// Name and version follow the document in both modes. Of the rest, merging takes what the document says, and
/// overwriting takes away what it doesn't. The endpoint stays as it is, but for what is said of it.
pub(super) fn settings(before: &RestApi, description: &Description, mode: Mode, report: &mut Report) -> RestApi {
    let mut api = before.clone();
    api.name.clone_from(&description.name);
    api.version.clone_from(&description.version);
    if mode == Mode::Overwrite {
        api.description = None;
        api.api_key_source = ApiKeySource::Header;
        api.binary_media_types.clear();
        api.minimum_compression_size = None;
        api.policy = None;
    }
    let or = |new: &Option<String>, old: Option<String>| new.clone().or(old);
    api.description = or(&description.description, api.description);
    api.policy = or(&description.policy, api.policy);
    api.security_policy = or(&description.security_policy, api.security_policy);
    api.api_key_source = description.api_key_source.unwrap_or(api.api_key_source);
    api.minimum_compression_size = description.minimum_compression_size.or(api.minimum_compression_size);
    api.endpoint_access_mode = description.endpoint_access_mode.or(api.endpoint_access_mode);
    for media_type in &description.binary_media_types {
        if !api.binary_media_types.contains(media_type) {
            api.binary_media_types.push(media_type.clone());
        }
    }
    if let Some(disabled) = description.disable_execute_api_endpoint {
        api.disable_execute_api_endpoint = disabled;
    }
    if let Some(ids) = &description.vpc_endpoint_ids {
        if api.endpoint.kind != EndpointType::Private && !ids.is_empty() {
            let place = crate::control::openapi::extensions::ENDPOINT_CONFIGURATION;
            report.refuse(place, "VPCEndpoints can only be specified with PRIVATE apis.");
        }
        api.endpoint.vpc_endpoint_ids.clone_from(ids);
    }
    api
}
