//! An integration: what routes call, and how messages and answers are mapped.

use serde::{Deserialize, Serialize};

use crate::model::id::{IntegrationId, IntegrationResponseId};
use crate::model::rest::{ConnectionType, ContentHandling, IntegrationType, Passthrough, Strings};

/// An integration of a WebSocket API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Integration {
    /// Its id.
    pub id: IntegrationId,
    /// Its kind.
    pub kind: IntegrationType,
    /// What it is for.
    pub description: Option<String>,
    /// The verb of the call.
    pub method: Option<String>,
    /// What is called, with `${stageVariables.name}` in it.
    pub uri: Option<String>,
    /// Over the internet or a VPC link.
    pub connection_type: ConnectionType,
    /// The VPC link.
    pub connection_id: Option<String>,
    /// A role's ARN for calls to AWS services.
    pub credentials: Option<String>,
    /// Which form functions are told of a request in.
    pub payload_format_version: String,
    /// `integration.request.{header|path|querystring}.{name}` → source expression.
    pub request_parameters: Option<Strings>,
    /// What the template selection expression gives → template of the message.
    pub request_templates: Option<Strings>,
    /// What a message's template is read from.
    pub template_selection_expression: Option<String>,
    /// What happens to a message that no template is for.
    pub passthrough: Passthrough,
    /// Conversion of the message.
    pub content_handling: Option<ContentHandling>,
    /// How long the endpoint may take, in milliseconds.
    pub timeout_millis: u32,
    /// The name that an endpoint's certificate must have (`tlsConfig.serverNameToVerify`).
    pub server_name_to_verify: Option<String>,
}

/// How one kind of answer is made of the endpoint's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntegrationResponse {
    /// Its id.
    pub id: IntegrationResponseId,
    /// Which of the endpoint's answers it is for: `$default`, or a regular expression between slashes.
    pub key: String,
    /// Conversion of the answer.
    pub content_handling: Option<ContentHandling>,
    /// `integrationresponse.header.{name}` → source expression.
    pub response_parameters: Option<Strings>,
    /// What the template selection expression gives → template of the answer.
    pub response_templates: Option<Strings>,
    /// What an answer's template is read from.
    pub template_selection_expression: Option<String>,
}

impl Integration {
    /// What an answer's integration response is read from, as AWS prints it; nothing, where answers pass as they are.
    pub fn response_selection_expression(&self) -> Option<&'static str> {
        match self.kind {
            IntegrationType::Http | IntegrationType::Mock => Some("${integration.response.statuscode}"),
            IntegrationType::Aws => Some("${integration.response.body.errorMessage}"),
            IntegrationType::AwsProxy | IntegrationType::HttpProxy => None,
        }
    }
}
