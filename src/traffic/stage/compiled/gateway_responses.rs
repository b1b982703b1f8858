//! Gateway responses that an API customizes, compiled.

use std::collections::HashMap;

use http::{HeaderName, StatusCode};

use crate::mapping::parameters::Source;
use crate::mapping::substitution::Substitution;
use crate::model::rest::{GatewayResponse, GatewayResponseType, Strings};

/// The gateway responses of an API that it customizes.
#[derive(Debug, Default)]
pub struct GatewayResponses(HashMap<GatewayResponseType, CompiledGatewayResponse>);

/// How a refusal looks to callers.
#[derive(Debug)]
pub struct CompiledGatewayResponse {
    /// The status; the refusal's own, if there is none.
    pub status: Option<StatusCode>,
    /// Header fields.
    pub headers: Vec<(HeaderName, Source)>,
    /// Bodies by content type.
    pub templates: Vec<(String, Substitution)>,
}

impl GatewayResponses {
    pub(super) fn new(responses: &[GatewayResponse], variables: &Strings) -> Self {
        let compile = |response: &GatewayResponse| {
            let headers = response.parameters.iter().filter_map(|(target, expression)| {
                let name = HeaderName::from_bytes(target.strip_prefix("gatewayresponse.header.")?.as_bytes()).ok()?;
                Some((name, Source::parse(expression, variables)?))
            });
            let templates = response.templates.iter();
            let compiled = CompiledGatewayResponse {
                status: response.status.as_deref().and_then(|status| status.parse().ok()),
                headers: headers.collect(),
                templates: templates
                    .map(|(content_type, text)| (content_type.clone(), Substitution::compile(text, variables)))
                    .collect(),
            };
            (response.kind, compiled)
        };
        Self(responses.iter().map(compile).collect())
    }

    /// The response for a refusal of this kind and status: its own, else what stands for all of its class.
    pub fn find(&self, kind: GatewayResponseType, status: StatusCode) -> Option<&CompiledGatewayResponse> {
        let general = match status.as_u16() {
            400..=499 => Some(GatewayResponseType::Default4xx),
            500..=599 => Some(GatewayResponseType::Default5xx),
            _ => None,
        };
        self.0.get(&kind).or_else(|| self.0.get(&general?))
    }
}
