//! Integrations: PutIntegration, GetIntegration, UpdateIntegration, DeleteIntegration.

use std::time::Duration;

use serde_json::Value;

use super::{Place, Target, expressions, integration_responses};
use crate::catalog::Stored;
use crate::control::wire::{
    Answer, Error, Input, Members, Op, Operation, Violations, as_boolean, as_number, operations,
};
use crate::model::arn;
use crate::model::rest::{
    ConnectionType, ContentHandling, Integration, IntegrationType, Method, Passthrough, Templates, TransferMode, Verb,
};

const MISSING: &str = "Invalid Integration identifier specified";
const DEFAULT_TIMEOUT: u32 = 29_000;
/// An integration that streams its answers may take so long: AWS's limit.
const LONGEST_STREAM: Duration = Duration::from_secs(900);

impl Target<'_> {
    pub(super) async fn put_integration(&self, place: &Place) -> Result<Answer, Error> {
        let integration = read(self.body, place.resource.as_str())?;
        let found = self.control.catalog.read(|documents| place.find(documents))?;
        check(&integration, &found.value)?;
        check_timeout(&integration, self.control.settings.longest_integration)?;
        let mut changed = found.value.clone();
        changed.integration = Some(integration.clone());
        place.update(self.control, &found, &changed).await?;
        Ok(Answer::json(201, members(&integration)))
    }

    /// A method whose integration is meant: AWS names that, where the method itself is missing.
    pub(super) fn find_integration(&self, place: &Place) -> Result<Stored<Method>, Error> {
        self.control.catalog.read(|documents| place.find(documents)).map_err(no_integration)
    }

    pub(super) fn get_integration(&self, place: &Place) -> Result<Answer, Error> {
        let found = self.find_integration(place)?;
        let integration = found.value.integration.ok_or_else(|| Error::not_found(MISSING))?;
        Ok(Answer::json(200, members(&integration)))
    }

    pub(super) async fn update_integration(&self, place: &Place) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateIntegrationInput")?;
        let found = self.find_integration(place)?;
        let mut changed = found.value.clone();
        let integration = changed.integration.as_mut().ok_or_else(|| Error::not_found(MISSING))?;
        for operation in &operations {
            patch(integration, operation)?;
        }
        if integration.cache_namespace.is_empty() {
            integration.cache_namespace = place.resource.to_string();
        }
        check(integration, &found.value)?;
        check_timeout(integration, self.control.settings.longest_integration)?;
        let answer = Answer::json(200, members(integration));
        place.update(self.control, &found, &changed).await?;
        Ok(answer)
    }

    pub(super) async fn delete_integration(&self, place: &Place) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| place.find(documents))?;
        let mut changed = found.value.clone();
        changed.integration.take().ok_or_else(|| Error::not_found(MISSING))?;
        place.update(self.control, &found, &changed).await?;
        Ok(Answer::empty(204))
    }
}

/// An update of an integration names the integration where the method is missing.
fn no_integration(error: Error) -> Error {
    match error {
        Error::Told { status: 404, ref message, .. } if message.contains("Method") => Error::not_found(MISSING),
        error => error,
    }
}

/// Reads an integration; its cache is the resource's where nothing else is said.
pub(in crate::control) fn read(body: &Input, namespace: &str) -> Result<Integration, Error> {
    let kind = body.text("type")?;
    let mut violations = Violations::new();
    match &kind {
        Some(kind) => {
            violations.one_of(kind, "putIntegrationInput.type", &["HTTP", "MOCK", "AWS_PROXY", "HTTP_PROXY", "AWS"]);
        }
        None => violations.present(false, "putIntegrationInput.type"),
    }
    let connection = body.text("connectionType")?;
    if let Some(connection) = &connection {
        violations.one_of(connection, "putIntegrationInput.connectionType", &["INTERNET", "VPC_LINK"]);
    }
    violations.check()?;
    let kind = kind.as_deref().and_then(IntegrationType::parse).unwrap_or(IntegrationType::Mock);
    let is_http = matches!(kind, IntegrationType::Http | IntegrationType::HttpProxy);
    let uri = body.text("uri")?.filter(|uri| !uri.is_empty());
    let tls = body.object("tlsConfig")?;
    Ok(Integration {
        kind,
        http_method: body.text("httpMethod")?.filter(|verb| !verb.is_empty()),
        uri: if kind == IntegrationType::Mock { None } else { uri },
        connection_type: match connection.as_deref().and_then(ConnectionType::parse) {
            None if is_http => Some(ConnectionType::Internet),
            connection => connection,
        },
        connection_id: body.text("connectionId")?.filter(|id| !id.is_empty()),
        credentials: body.text("credentials")?.filter(|role| !role.is_empty()),
        request_parameters: body.strings("requestParameters")?.unwrap_or_default(),
        request_templates: body.optional_strings("requestTemplates")?,
        passthrough: passthrough(body.text("passthroughBehavior")?.as_deref())?,
        content_handling: content_handling(body.text("contentHandling")?.as_deref())?,
        timeout_millis: match body.integer("timeoutInMillis")? {
            None => DEFAULT_TIMEOUT,
            Some(millis) => u32::try_from(millis).unwrap_or(u32::MAX),
        },
        cache_namespace: match body.text("cacheNamespace")? {
            Some(namespace) if !namespace.is_empty() => namespace,
            _ => namespace.to_owned(),
        },
        cache_key_parameters: body.texts("cacheKeyParameters")?.unwrap_or_default(),
        insecure_skip_verification: match tls {
            Some(tls) => tls.boolean("insecureSkipVerification")?,
            None => None,
        },
        transfer_mode: match body.text("responseTransferMode")? {
            None => None,
            Some(mode) => Some(transfer_mode(&mode)?),
        },
        target: body.text("integrationTarget")?.filter(|target| !target.is_empty()),
        responses: Default::default(),
    })
}

fn passthrough(text: Option<&str>) -> Result<Passthrough, Error> {
    match text {
        None | Some("") => Ok(Passthrough::WhenNoMatch),
        Some(text) => Passthrough::parse(text).ok_or_else(|| {
            Error::bad_request(
                "Invalid passthroughBehavior specified. Valid options are WHEN_NO_MATCH,WHEN_NO_TEMPLATES,NEVER",
            )
        }),
    }
}

pub(in crate::control) fn content_handling(text: Option<&str>) -> Result<Option<ContentHandling>, Error> {
    match text {
        None | Some("") => Ok(None),
        Some(text) => ContentHandling::parse(text).map(Some).ok_or_else(|| {
            Error::bad_request("Invalid contentHandling specified. Valid options are CONVERT_TO_BINARY,CONVERT_TO_TEXT")
        }),
    }
}

fn transfer_mode(text: &str) -> Result<TransferMode, Error> {
    TransferMode::parse(text)
        .ok_or_else(|| Error::bad_request("Invalid responseTransferMode specified. Valid options are BUFFERED,STREAM"))
}

/// What must be true of an integration, however it came to be so.
pub(super) fn check(integration: &Integration, method: &Method) -> Result<(), Error> {
    check_call(
        integration.kind,
        integration.http_method.as_deref(),
        integration.uri.as_deref(),
        integration.credentials.as_deref(),
    )?;
    for (target, source) in &integration.request_parameters {
        expressions::check_request(target, source, &method.request_parameters)?;
    }
    check_content_types(integration.request_templates.as_ref())
}

/// What an integration of either version calls, and how.
pub(in crate::control) fn check_call(
    kind: IntegrationType,
    method: Option<&str>,
    uri: Option<&str>,
    credentials: Option<&str>,
) -> Result<(), Error> {
    if kind == IntegrationType::Mock {
        return Ok(());
    }
    match method {
        None => return Err(Error::bad_request("Enumeration value for HttpMethod must be non-empty")),
        Some(verb) if Verb::parse(verb).is_none() => {
            return Err(Error::bad_request(
                "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY",
            ));
        }
        Some(_) => {}
    }
    let uri = uri.unwrap_or_default();
    check_uri(kind, uri)?;
    // Functions can permit the gateway themselves; no other service can.
    if kind == IntegrationType::Aws && credentials.is_none() && !is_of_lambda(uri) {
        return Err(Error::bad_request("Role ARN must be specified for AWS integrations"));
    }
    Ok(())
}

/// How long an integration may take: AWS's 29 s, unless this node was given another limit; one that streams, 15 min.
pub(super) fn check_timeout(integration: &Integration, longest: Duration) -> Result<(), Error> {
    let streams = integration.transfer_mode == Some(TransferMode::Stream);
    check_millis(integration.timeout_millis, if streams { longest.max(LONGEST_STREAM) } else { longest })
}

/// How long an integration of either version may take.
pub(in crate::control) fn check_millis(millis: u32, longest: Duration) -> Result<(), Error> {
    let longest = longest.as_millis();
    if !(50..=longest).contains(&u128::from(millis)) {
        return Err(Error::bad_request(format!("Timeout should be between 50 ms and {longest} ms")));
    }
    Ok(())
}

fn check_uri(kind: IntegrationType, uri: &str) -> Result<(), Error> {
    match kind {
        IntegrationType::Mock => Ok(()),
        IntegrationType::Http | IntegrationType::HttpProxy => {
            // Before the stage is known a variable may stand for anything.
            let is_http =
                uri.starts_with("http://") || uri.starts_with("https://") || uri.starts_with("${stageVariables.");
            if is_http && !uri.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
                Ok(())
            } else {
                Err(Error::bad_request("Invalid HTTP endpoint specified for URI"))
            }
        }
        IntegrationType::Aws | IntegrationType::AwsProxy => {
            if !arn::well_formed(uri) {
                return Err(Error::bad_request("Invalid ARN specified in the request"));
            }
            let parts: Vec<&str> = uri.splitn(6, ':').collect();
            let (service, action) = (parts[4], parts[5]);
            if !(action.starts_with("path/") || action.starts_with("action/")) {
                return Err(Error::bad_request("AWS ARN for integration must contain path or action"));
            }
            if kind == IntegrationType::AwsProxy && !matches!(service, "lambda" | "firehose") {
                return Err(Error::bad_request(
                    "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
                ));
            }
            Ok(())
        }
    }
}

/// Whether an ARN that was checked is one of Lambda's.
fn is_of_lambda(uri: &str) -> bool {
    uri.split(':').nth(4) == Some("lambda")
}

pub(super) fn check_content_types(templates: Option<&Templates>) -> Result<(), Error> {
    let is_type = |text: &str| {
        text == "$default" || text.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty())
    };
    match templates.into_iter().flatten().find(|(content_type, _)| !is_type(content_type)) {
        Some((content_type, _)) => Err(Error::bad_request(format!(
            "Validation Result: warnings : [], errors : [Invalid content type specified: {content_type}]"
        ))),
        None => Ok(()),
    }
}

/// What of an integration can be patched, and how.
fn patch(integration: &mut Integration, operation: &Operation) -> Result<(), Error> {
    use Op::{Add, Remove, Replace};
    let is_mock = integration.kind == IntegrationType::Mock;
    match (operation.op, operation.parts().as_slice()) {
        (Replace, ["httpMethod"]) if !is_mock => integration.http_method = operation.some_text(),
        (Replace, ["uri"]) if !is_mock => integration.uri = operation.some_text(),
        (Replace, ["credentials"]) => integration.credentials = operation.some_text(),
        (Replace, ["cacheNamespace"]) => integration.cache_namespace = operation.text().to_owned(),
        (Replace, ["connectionId"]) => integration.connection_id = operation.some_text(),
        (Replace, ["connectionType"]) => {
            let parsed = ConnectionType::parse(operation.text());
            integration.connection_type = Some(parsed.ok_or_else(|| {
                Error::bad_request("Invalid connectionType specified. Valid options are INTERNET,VPC_LINK")
            })?);
        }
        (Replace, ["contentHandling"]) => {
            integration.content_handling = content_handling(operation.value.as_deref())?;
        }
        (Replace, ["integrationTarget"]) => integration.target = operation.some_text(),
        (Replace, ["passthroughBehavior"]) => integration.passthrough = passthrough(operation.value.as_deref())?,
        (Replace, ["responseTransferMode"]) => integration.transfer_mode = Some(transfer_mode(operation.text())?),
        (Replace, ["timeoutInMillis"]) => integration.timeout_millis = as_number(operation)?,
        (Replace, ["tlsConfig", "insecureSkipVerification"]) => {
            integration.insecure_skip_verification = Some(as_boolean(operation));
        }
        (Add | Replace, ["cacheKeyParameters", name]) => {
            if !integration.cache_key_parameters.iter().any(|known| known == name) {
                integration.cache_key_parameters.push((*name).to_owned());
            }
        }
        (Remove, ["cacheKeyParameters", name]) => integration.cache_key_parameters.retain(|known| known != name),
        (op @ (Add | Replace), ["requestParameters", name]) => {
            if op == Replace && !integration.request_parameters.contains_key(*name) {
                return Err(Error::not_found("Invalid parameter name specified"));
            }
            integration.request_parameters.insert((*name).to_owned(), operation.text().to_owned());
        }
        (Remove, ["requestParameters", name]) => {
            if integration.request_parameters.remove(*name).is_none() {
                return Err(Error::not_found("Invalid parameter name specified"));
            }
        }
        (op @ (Add | Replace), ["requestTemplates", content_type]) => {
            let templates = integration.request_templates.get_or_insert_default();
            if op == Replace && !templates.contains_key(*content_type) {
                return Err(Error::not_found("Content-Type specified was not found"));
            }
            templates.insert((*content_type).to_owned(), operation.some_text());
        }
        (Remove, ["requestTemplates", content_type]) => {
            if integration.request_templates.get_or_insert_default().remove(*content_type).is_none() {
                return Err(Error::not_found("Content-Type specified was not found"));
            }
        }
        _ => return Err(Error::bad_request(format!("Invalid patch path {}", operation.path))),
    }
    Ok(())
}

pub(super) fn members(integration: &Integration) -> Members {
    let responses = integration
        .responses
        .iter()
        .map(|(status, response)| (status.clone(), integration_responses::members(status, response).into()));
    let tls = integration.insecure_skip_verification;
    Members::new()
        .set("type", integration.kind.as_str())
        .some("httpMethod", integration.http_method.clone())
        .some("uri", integration.uri.clone())
        .some("connectionType", integration.connection_type.map(ConnectionType::as_str))
        .some("connectionId", integration.connection_id.clone())
        .some("credentials", integration.credentials.clone())
        .unless_empty("requestParameters", serde_json::json!(integration.request_parameters))
        .some("requestTemplates", integration.request_templates.as_ref().map(|map| serde_json::json!(map)))
        .set("passthroughBehavior", integration.passthrough.as_str())
        .some("contentHandling", integration.content_handling.map(ContentHandling::as_str))
        .set("timeoutInMillis", integration.timeout_millis)
        .set("cacheNamespace", integration.cache_namespace.as_str())
        .set("cacheKeyParameters", integration.cache_key_parameters.clone())
        .some("tlsConfig", tls.map(|skip| Members::new().set("insecureSkipVerification", skip)))
        .some("responseTransferMode", integration.transfer_mode.map(TransferMode::as_str))
        .some("integrationTarget", integration.target.clone())
        .unless_empty("integrationResponses", Value::Object(responses.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_checked_by_type() {
        use IntegrationType::{Aws, AwsProxy, HttpProxy};
        let lambda = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f/invocations";
        for (kind, uri, expected) in [
            (HttpProxy, "http://h/{proxy}", None),
            (HttpProxy, "${stageVariables.host}/x", None),
            (HttpProxy, "ftp://h", Some("Invalid HTTP endpoint specified for URI")),
            (HttpProxy, "", Some("Invalid HTTP endpoint specified for URI")),
            (AwsProxy, lambda, None),
            (AwsProxy, "http://h", Some("Invalid ARN specified in the request")),
            (Aws, "arn:aws:apigateway:us-east-1:sqs:x/y", Some("AWS ARN for integration must contain path or action")),
            (
                AwsProxy,
                "arn:aws:apigateway:us-east-1:sqs:path/x",
                Some(
                    "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
                ),
            ),
        ] {
            assert_eq!(check_uri(kind, uri).err(), expected.map(Error::bad_request), "{uri}");
        }
    }
}
