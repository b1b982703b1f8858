//! Integrations: CreateIntegration, GetIntegrations, GetIntegration, UpdateIntegration, DeleteIntegration.

use rustls::pki_types::ServerName;

use super::changes::{Changes, bounded, missing};
use super::references::routes_using;
use super::{Target, check_number, expressions, find_api, find_in, list_in};
use crate::catalog::{Edit, keys};
use crate::control::apigateway::integrations::{check_call, check_millis};
use crate::control::wire::{Answer, Error, Input, Members};
use crate::model::http::Integration;
use crate::model::id::{ApiId, IntegrationId};
use crate::model::rest::{ConnectionType, ContentHandling, IntegrationType, Passthrough, Strings};

const WHAT: &str = "Integration";
/// An API has at most so many integrations: AWS's limit.
const MAX_INTEGRATIONS: usize = 300;
const MAX_DESCRIPTION: usize = 1024;
const MAX_URI: usize = 2048;
const MAX_NAME: usize = 1024;
/// A template has at most so many bytes: AWS's limit.
const MAX_TEMPLATE: usize = 300 * 1024;
/// How long an endpoint may take, if nothing is said, in milliseconds.
const DEFAULT_TIMEOUT: u32 = 29_000;
/// Members that only HTTP APIs have.
const OF_HTTP_APIS: &[&str] = &["integrationSubtype", "responseParameters"];

impl Target<'_> {
    pub(super) async fn create_integration(&self, api: &ApiId) -> Result<Answer, Error> {
        let mut integration = Integration {
            id: IntegrationId::random(),
            kind: IntegrationType::Mock,
            description: None,
            method: None,
            uri: None,
            connection_type: ConnectionType::Internet,
            connection_id: None,
            credentials: None,
            payload_format_version: "1.0".to_owned(),
            request_parameters: None,
            request_templates: None,
            template_selection_expression: None,
            passthrough: Passthrough::WhenNoMatch,
            content_handling: None,
            timeout_millis: DEFAULT_TIMEOUT,
            server_name_to_verify: None,
        };
        if !self.body.has("integrationType") {
            return Err(missing("integrationType"));
        }
        self.apply_to_integration(&mut integration)?;
        let edit = self.control.catalog.read(|documents| {
            find_api(documents, api)?;
            check_number(documents, &keys::integrations(api), "integrations", MAX_INTEGRATIONS)?;
            Ok::<_, Error>(Edit::new().create(&keys::integration(api, &integration.id), &integration))
        })?;
        self.change(api, edit).await?;
        Ok(Answer::json(201, members(&integration)))
    }

    pub(super) fn get_integrations(&self, api: &ApiId) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| list_in(documents, api, &keys::integrations(api)))?;
        self.page(found, |integration| integration.id.as_str(), members)
    }

    pub(super) fn get_integration(&self, api: &ApiId, id: &IntegrationId) -> Result<Answer, Error> {
        let key = keys::integration(api, id);
        let found = self.control.catalog.read(|documents| find_in(documents, api, &key, WHAT, id.as_str()))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_integration(&self, api: &ApiId, id: &IntegrationId) -> Result<Answer, Error> {
        let key = keys::integration(api, id);
        let found = self.control.catalog.read(|documents| find_in(documents, api, &key, WHAT, id.as_str()))?;
        let mut changed = found.value.clone();
        self.apply_to_integration(&mut changed)?;
        if changed != found.value {
            self.change(api, Edit::new().update(&key, &found, &changed)).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    /// Its integration responses go with it.
    pub(super) async fn delete_integration(&self, api: &ApiId, id: &IntegrationId) -> Result<Answer, Error> {
        let key = keys::integration(api, id);
        let edit = self.control.catalog.read(|documents| {
            let found = find_in(documents, api, &key, WHAT, id.as_str())?;
            let (routes, edit) = routes_using(documents, api, |route| Ok(route.target.as_ref() == Some(id)))?;
            if !routes.is_empty() {
                let ids: Vec<&str> = routes.iter().map(|route| route.id.as_str()).collect();
                return Err(Error::conflict(format!(
                    "Cannot delete Integration because it is referenced by the following Routes with Ids: [{}]",
                    ids.join(", ")
                )));
            }
            Ok(edit.delete(&key, &found).discard_below(&key))
        })?;
        self.change(api, edit).await?;
        Ok(Answer::empty(204))
    }

    /// Does to an integration what the body says, and checks what has become of it.
    fn apply_to_integration(&self, integration: &mut Integration) -> Result<(), Error> {
        apply(integration, self.body)?;
        check(integration)?;
        check_millis(integration.timeout_millis, self.control.settings.longest_integration)
    }
}

/// Does to an integration what a body says.
fn apply(integration: &mut Integration, body: &Input) -> Result<(), Error> {
    let changes = Changes(body);
    changes.refuse(OF_HTTP_APIS)?;
    changes.choice("integrationType", &mut integration.kind, IntegrationType::parse, IntegrationType::NAMES)?;
    changes.text("description", &mut integration.description, MAX_DESCRIPTION)?;
    changes.text("integrationMethod", &mut integration.method, MAX_NAME)?;
    changes.text("integrationUri", &mut integration.uri, MAX_URI)?;
    changes.choice("connectionType", &mut integration.connection_type, ConnectionType::parse, ConnectionType::NAMES)?;
    changes.text("connectionId", &mut integration.connection_id, MAX_NAME)?;
    changes.text("credentialsArn", &mut integration.credentials, MAX_URI)?;
    changes.choice("payloadFormatVersion", &mut integration.payload_format_version, payload_version, &["1.0"])?;
    if body.has("requestParameters") {
        changes.merged("requestParameters", integration.request_parameters.get_or_insert_default())?;
    }
    changes.map("requestTemplates", &mut integration.request_templates)?;
    let selection = &mut integration.template_selection_expression;
    changes.text("templateSelectionExpression", selection, MAX_NAME)?;
    changes.choice("passthroughBehavior", &mut integration.passthrough, Passthrough::parse, Passthrough::NAMES)?;
    let handling = &mut integration.content_handling;
    changes.some_choice("contentHandlingStrategy", handling, ContentHandling::parse, ContentHandling::NAMES)?;
    if let Some(millis) = body.integer("timeoutInMillis")? {
        integration.timeout_millis = u32::try_from(millis).unwrap_or(u32::MAX);
    }
    if let Some(tls) = body.object("tlsConfig")? {
        let name = tls.text("serverNameToVerify")?.filter(|name| !name.is_empty());
        integration.server_name_to_verify = name.map(server_name).transpose()?;
    }
    Ok(())
}

/// WebSocket APIs know one form of events.
fn payload_version(text: &str) -> Option<String> {
    (text == "1.0").then(|| text.to_owned())
}

/// The name of an endpoint, which is asked for in the handshake of TLS.
fn server_name(name: String) -> Result<String, Error> {
    match ServerName::try_from(name.as_str()) {
        Ok(_) => bounded("serverNameToVerify", name, MAX_NAME),
        Err(_) => Err(Error::bad_request(format!("Invalid serverNameToVerify specified: {name:.200}"))),
    }
}

/// What must be true of an integration, however it came to be so.
fn check(integration: &mut Integration) -> Result<(), Error> {
    if integration.kind == IntegrationType::AwsProxy {
        // Functions are invoked by POST, whether that is said or not.
        integration.method.get_or_insert_with(|| "POST".to_owned());
    }
    check_call(
        integration.kind,
        integration.method.as_deref(),
        integration.uri.as_deref(),
        integration.credentials.as_deref(),
    )?;
    if integration.connection_type == ConnectionType::VpcLink && integration.connection_id.is_none() {
        return Err(missing("connectionId"));
    }
    for (target, source) in integration.request_parameters.iter().flatten() {
        expressions::check_request(target, source)?;
    }
    if let Some(expression) = &integration.template_selection_expression {
        expressions::check_selection("templateSelectionExpression", expression)?;
    }
    check_templates(integration.request_templates.as_ref())
}

/// A template is at most so long.
pub(super) fn check_templates(templates: Option<&Strings>) -> Result<(), Error> {
    match templates.into_iter().flatten().find(|(_, template)| template.len() > MAX_TEMPLATE) {
        Some((key, _)) => Err(Error::bad_request(format!(
            "Invalid template specified for {key}: a template may have at most {MAX_TEMPLATE} bytes."
        ))),
        None => Ok(()),
    }
}

fn members(integration: &Integration) -> Members {
    let map = |map: &Strings| serde_json::json!(map);
    let tls = integration.server_name_to_verify.as_ref();
    Members::new()
        .some("connectionId", integration.connection_id.clone())
        .set("connectionType", integration.connection_type.as_str())
        .some("contentHandlingStrategy", integration.content_handling.map(ContentHandling::as_str))
        .some("credentialsArn", integration.credentials.clone())
        .some("description", integration.description.clone())
        .set("integrationId", integration.id.as_str())
        .some("integrationMethod", integration.method.clone())
        .some("integrationResponseSelectionExpression", integration.response_selection_expression())
        .set("integrationType", integration.kind.as_str())
        .some("integrationUri", integration.uri.clone())
        .set("passthroughBehavior", integration.passthrough.as_str())
        .set("payloadFormatVersion", integration.payload_format_version.as_str())
        .some("requestParameters", integration.request_parameters.as_ref().map(map))
        .some("requestTemplates", integration.request_templates.as_ref().map(map))
        .some("templateSelectionExpression", integration.template_selection_expression.clone())
        .set("timeoutInMillis", integration.timeout_millis)
        .some("tlsConfig", tls.map(|name| Members::new().set("serverNameToVerify", name.as_str())))
}
