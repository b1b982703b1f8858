//! An integration: what a method calls, and how request and answer are mapped.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Strings, spelled};

/// Content type → template. AWS hands an empty template back as `null`, which `None` stands for.
pub type Templates = BTreeMap<String, Option<String>>;

/// An integration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Integration {
    /// Its kind.
    pub kind: IntegrationType,
    /// The verb of the call; a caller's own where absent or `ANY`.
    pub http_method: Option<String>,
    /// What is called, with `{name}` and `${stageVariables.name}` in it.
    pub uri: Option<String>,
    /// Over the internet or a VPC link.
    pub connection_type: Option<ConnectionType>,
    /// The VPC link, or `${stageVariables.name}`.
    pub connection_id: Option<String>,
    /// A role's ARN for calls to AWS services.
    pub credentials: Option<String>,
    /// `integration.request.{header|path|querystring}.{name}` → source expression.
    pub request_parameters: Strings,
    /// Templates of the request's body.
    pub request_templates: Option<Templates>,
    /// What happens to a body that no template is for.
    pub passthrough: Passthrough,
    /// Conversion of the request's body.
    pub content_handling: Option<ContentHandling>,
    /// How long the endpoint may take, in milliseconds.
    pub timeout_millis: u32,
    /// Which methods share cached answers.
    pub cache_namespace: String,
    /// Parameters that tell cached answers apart.
    pub cache_key_parameters: Vec<String>,
    /// Whether the endpoint's certificate may be of an unknown authority (`tlsConfig.insecureSkipVerification`).
    pub insecure_skip_verification: Option<bool>,
    /// Whether answers are streamed.
    pub transfer_mode: Option<TransferMode>,
    /// The load balancer behind a VPC link.
    pub target: Option<String>,
    /// Status code → how an answer is made of the endpoint's.
    pub responses: BTreeMap<String, IntegrationResponse>,
}

/// How the answer with one status code is made of the endpoint's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IntegrationResponse {
    /// A regular expression over the endpoint's status or error; the default response has none.
    pub selection_pattern: Option<String>,
    /// `method.response.header.{name}` → source expression.
    pub parameters: Option<Strings>,
    /// Templates of the answer's body.
    pub templates: Option<Templates>,
    /// Conversion of the answer's body.
    pub content_handling: Option<ContentHandling>,
}

spelled!(
    /// Kinds of integrations.
    IntegrationType {
        /// An HTTP endpoint, with mapping.
        Http = "HTTP",
        /// No endpoint: the answer comes from the mapping alone.
        Mock = "MOCK",
        /// A Lambda function that gets the whole request.
        AwsProxy = "AWS_PROXY",
        /// An HTTP endpoint that gets the request as it is.
        HttpProxy = "HTTP_PROXY",
        /// Any AWS service, with mapping.
        Aws = "AWS",
    }
);

spelled!(
    /// How an endpoint is reached.
    ConnectionType {
        /// Directly.
        Internet = "INTERNET",
        /// Through a VPC link.
        VpcLink = "VPC_LINK",
    }
);

spelled!(
    /// What happens to a body that no template is for.
    Passthrough {
        /// It passes if no template matches its type.
        WhenNoMatch = "WHEN_NO_MATCH",
        /// It passes if there is no template at all.
        WhenNoTemplates = "WHEN_NO_TEMPLATES",
        /// It never passes.
        Never = "NEVER",
    }
);

spelled!(
    /// Conversions of a body between bytes and base64 text.
    ContentHandling {
        /// From base64 to bytes.
        ConvertToBinary = "CONVERT_TO_BINARY",
        /// From bytes to base64.
        ConvertToText = "CONVERT_TO_TEXT",
    }
);

spelled!(
    /// How an answer travels.
    TransferMode {
        /// Whole.
        Buffered = "BUFFERED",
        /// As it comes.
        Stream = "STREAM",
    }
);
