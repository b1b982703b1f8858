//! The names of API Gateway's extensions of OpenAPI (control-plane reference, 13).

/// What every extension of API Gateway's starts with.
pub(in crate::control) const PREFIX: &str = "x-amazon-apigateway-";
/// What a method calls.
pub(in crate::control) const INTEGRATION: &str = "x-amazon-apigateway-integration";
/// The operation of the verbs that have none of their own.
pub(in crate::control) const ANY_METHOD: &str = "x-amazon-apigateway-any-method";
/// An authorization type, said outright.
pub(in crate::control) const AUTH: &str = "x-amazon-apigateway-auth";
/// A text about an authorizer; `awsSigv4` is IAM.
pub(in crate::control) const AUTHTYPE: &str = "x-amazon-apigateway-authtype";
/// The authorizer behind a security scheme.
pub(in crate::control) const AUTHORIZER: &str = "x-amazon-apigateway-authorizer";
/// Where API keys are looked for.
pub(in crate::control) const API_KEY_SOURCE: &str = "x-amazon-apigateway-api-key-source";
/// Media types that are bytes.
pub(in crate::control) const BINARY_MEDIA_TYPES: &str = "x-amazon-apigateway-binary-media-types";
/// From which size on answers are compressed.
pub(in crate::control) const MINIMUM_COMPRESSION_SIZE: &str = "x-amazon-apigateway-minimum-compression-size";
/// The resource policy.
pub(in crate::control) const POLICY: &str = "x-amazon-apigateway-policy";
/// Gateway responses.
pub(in crate::control) const GATEWAY_RESPONSES: &str = "x-amazon-apigateway-gateway-responses";
/// Request validators.
pub(in crate::control) const REQUEST_VALIDATORS: &str = "x-amazon-apigateway-request-validators";
/// The request validator of a method, or of all.
pub(in crate::control) const REQUEST_VALIDATOR: &str = "x-amazon-apigateway-request-validator";
/// Documentation parts.
pub(in crate::control) const DOCUMENTATION: &str = "x-amazon-apigateway-documentation";
/// The endpoint's settings.
pub(in crate::control) const ENDPOINT_CONFIGURATION: &str = "x-amazon-apigateway-endpoint-configuration";
/// The TLS policy of the endpoint.
pub(in crate::control) const SECURITY_POLICY: &str = "x-amazon-apigateway-security-policy";
/// How strictly the endpoint checks where a call came in.
pub(in crate::control) const ENDPOINT_ACCESS_MODE: &str = "x-amazon-apigateway-endpoint-access-mode";
