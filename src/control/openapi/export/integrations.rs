//! `x-amazon-apigateway-integration`: what an operation calls, without what is as by default.

use serde_json::{Map, Value, json};

use crate::control::wire::Members;
use crate::model::rest::{
    ConnectionType, Integration, IntegrationResponse, SnapshotResource, Strings, Templates, TransferMode,
};

/// AWS's time limit where none was set, in milliseconds.
const DEFAULT_TIMEOUT: u32 = 29_000;
/// The response without a pattern, by the name that the extension has for it.
const DEFAULT: &str = "default";

/// An integration as its extension says it.
pub(super) fn integration(resource: &SnapshotResource, integration: &Integration) -> Value {
    let lower = |text: &str| text.to_ascii_lowercase();
    let connection = integration.connection_type.filter(|kind| *kind != ConnectionType::Internet);
    let timeout = Some(integration.timeout_millis).filter(|timeout| *timeout != DEFAULT_TIMEOUT);
    let namespace = Some(integration.cache_namespace.as_str()).filter(|name| *name != resource.id.as_str());
    let tls = integration.insecure_skip_verification.map(|skip| json!({"insecureSkipVerification": skip}));
    let mode = integration.transfer_mode.filter(|mode| *mode != TransferMode::Buffered);
    Members::new()
        .set("type", lower(integration.kind.as_str()))
        .some("httpMethod", integration.http_method.clone())
        .some("uri", integration.uri.clone())
        .some("credentials", integration.credentials.clone())
        .some("connectionType", connection.map(ConnectionType::as_str))
        .some("connectionId", integration.connection_id.clone())
        .some("integrationTarget", integration.target.clone())
        .unless_empty("responses", responses(integration))
        .unless_empty("requestParameters", strings(&integration.request_parameters))
        .some("requestTemplates", integration.request_templates.as_ref().map(templates))
        .set("passthroughBehavior", lower(integration.passthrough.as_str()))
        .some("contentHandling", integration.content_handling.map(|handling| handling.as_str()))
        .some("timeoutInMillis", timeout)
        .some("cacheNamespace", namespace.filter(|name| !name.is_empty()))
        .unless_empty("cacheKeyParameters", integration.cache_key_parameters.clone())
        .some("responseTransferMode", mode.map(TransferMode::as_str))
        .some("tlsConfig", tls)
        .into()
}

/// Responses by their patterns. Of several with the same pattern the first is the one that answers, and the one here.
fn responses(integration: &Integration) -> Value {
    let mut responses = Map::new();
    for (status, response) in &integration.responses {
        let pattern = response.selection_pattern.as_deref().filter(|pattern| !pattern.is_empty());
        responses.entry(pattern.unwrap_or(DEFAULT)).or_insert_with(|| self::response(status, response));
    }
    Value::Object(responses)
}

fn response(status: &str, response: &IntegrationResponse) -> Value {
    Members::new()
        .set("statusCode", status)
        .some("responseParameters", response.parameters.as_ref().map(strings))
        .some("responseTemplates", response.templates.as_ref().map(templates))
        .some("contentHandling", response.content_handling.map(|handling| handling.as_str()))
        .into()
}

/// A map of texts.
pub(super) fn strings(strings: &Strings) -> Value {
    Value::Object(strings.iter().map(|(name, text)| (name.clone(), text.as_str().into())).collect())
}

/// An empty template is `null` inside AWS, and an empty text in documents.
fn templates(templates: &Templates) -> Value {
    let texts = templates.iter().map(|(media, text)| (media.clone(), text.as_deref().unwrap_or_default().into()));
    Value::Object(texts.collect())
}
