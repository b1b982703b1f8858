//! Gateway responses: what a caller gets where no backend answers.

use serde::{Deserialize, Serialize};

use super::{Strings, spelled};

/// A gateway response that an API customizes: all of it, what it has by default included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GatewayResponse {
    /// Which one.
    pub kind: GatewayResponseType,
    /// Its status, three digits; the refusal's own where absent.
    pub status: Option<String>,
    /// `gatewayresponse.header.{name}` → source expression.
    pub parameters: Strings,
    /// Content type → template.
    pub templates: Strings,
}

spelled!(
    /// The gateway responses, in AWS's order of listing: that of the alphabet.
    GatewayResponseType {
        /// A policy or an authorizer says no.
        AccessDenied = "ACCESS_DENIED",
        /// The API itself is at fault.
        ApiConfigurationError = "API_CONFIGURATION_ERROR",
        /// The authorizer's answer can't be used.
        AuthorizerConfigurationError = "AUTHORIZER_CONFIGURATION_ERROR",
        /// The authorizer can't be reached.
        AuthorizerFailure = "AUTHORIZER_FAILURE",
        /// The body is not what its model says.
        BadRequestBody = "BAD_REQUEST_BODY",
        /// A required parameter is missing.
        BadRequestParameters = "BAD_REQUEST_PARAMETERS",
        /// Any other of 400 to 499.
        Default4xx = "DEFAULT_4XX",
        /// Any other of 500 to 599.
        Default5xx = "DEFAULT_5XX",
        /// The caller's token is too old.
        ExpiredToken = "EXPIRED_TOKEN",
        /// The backend can't be reached.
        IntegrationFailure = "INTEGRATION_FAILURE",
        /// The backend takes too long.
        IntegrationTimeout = "INTEGRATION_TIMEOUT",
        /// No API key, or not one for this stage.
        InvalidApiKey = "INVALID_API_KEY",
        /// The request's signature is wrong.
        InvalidSignature = "INVALID_SIGNATURE",
        /// No token, or no method for this path and verb.
        MissingAuthenticationToken = "MISSING_AUTHENTICATION_TOKEN",
        /// The usage plan's quota is used up.
        QuotaExceeded = "QUOTA_EXCEEDED",
        /// The request is too large.
        RequestTooLarge = "REQUEST_TOO_LARGE",
        /// No resource for this path, after authorization.
        ResourceNotFound = "RESOURCE_NOT_FOUND",
        /// Too many requests at a time.
        Throttled = "THROTTLED",
        /// The authorizer doesn't know the caller.
        Unauthorized = "UNAUTHORIZED",
        /// No template for the body's type.
        UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE",
        /// A firewall says no.
        WafFiltered = "WAF_FILTERED",
    }
);

impl GatewayResponse {
    /// The template of those that nobody customized.
    pub const DEFAULT_TEMPLATE: &str = "{\"message\":$context.error.messageString}";

    /// What a gateway response is where nobody customized it.
    pub fn default_of(kind: GatewayResponseType) -> Self {
        let template = ("application/json".to_owned(), Self::DEFAULT_TEMPLATE.to_owned());
        Self {
            kind,
            status: kind.default_status().map(str::to_owned),
            parameters: Strings::new(),
            templates: Strings::from([template]),
        }
    }
}

impl GatewayResponseType {
    /// All of them, in the order of listing.
    pub const ALL: [Self; 21] = [
        Self::AccessDenied,
        Self::ApiConfigurationError,
        Self::AuthorizerConfigurationError,
        Self::AuthorizerFailure,
        Self::BadRequestBody,
        Self::BadRequestParameters,
        Self::Default4xx,
        Self::Default5xx,
        Self::ExpiredToken,
        Self::IntegrationFailure,
        Self::IntegrationTimeout,
        Self::InvalidApiKey,
        Self::InvalidSignature,
        Self::MissingAuthenticationToken,
        Self::QuotaExceeded,
        Self::RequestTooLarge,
        Self::ResourceNotFound,
        Self::Throttled,
        Self::Unauthorized,
        Self::UnsupportedMediaType,
        Self::WafFiltered,
    ];

    /// The status that it has where nobody customized it; the `DEFAULT_…` have the refusal's own. Source:
    /// control-plane reference, 6.
    pub fn default_status(self) -> Option<&'static str> {
        match self {
            Self::Default4xx | Self::Default5xx => None,
            Self::BadRequestBody | Self::BadRequestParameters => Some("400"),
            Self::Unauthorized => Some("401"),
            Self::AccessDenied
            | Self::ExpiredToken
            | Self::InvalidApiKey
            | Self::InvalidSignature
            | Self::MissingAuthenticationToken
            | Self::WafFiltered => Some("403"),
            Self::ResourceNotFound => Some("404"),
            Self::RequestTooLarge => Some("413"),
            Self::UnsupportedMediaType => Some("415"),
            Self::QuotaExceeded | Self::Throttled => Some("429"),
            Self::ApiConfigurationError | Self::AuthorizerConfigurationError | Self::AuthorizerFailure => Some("500"),
            Self::IntegrationFailure | Self::IntegrationTimeout => Some("504"),
        }
    }
}
