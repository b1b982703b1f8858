//! Reads OpenAPI documents: from a text to a [`Description`], with all warnings and all problems at once.

mod authorizers;
mod bodies;
mod documentation;
mod methods;
mod node;
mod parameters;
mod paths;
mod problems;
mod references;
mod root;
mod schemas;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::id::ApiId;
use crate::model::rest::{
    ApiKeySource, Authorizer, EndpointAccessMode, GatewayResponse, GatewayResponseType, Location, Method, Model,
    RequestValidator, Verb,
};
use node::Node;
pub(in crate::control) use problems::Report;

/// What is wrong with a document that is none of OpenAPI at all (control-plane reference, 7).
pub(in crate::control) const INVALID: &str = "Invalid OpenAPI input.";

/// What becomes of `basePath` (control-plane reference, 12.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::control) enum BasePath {
    /// Nothing.
    #[default]
    Ignore,
    /// It comes before every path.
    Prepend,
    /// Its first segment is the stage's; the rest comes before every path.
    Split,
}

/// What an import is told beside the document.
#[derive(Clone, Debug)]
pub(in crate::control) struct Options {
    /// The API that it is for: schemas refer to models by URLs with this in them.
    pub(in crate::control) api: ApiId,
    /// `${AWS::Region}`.
    pub(in crate::control) region: String,
    /// `${AWS::AccountId}`.
    pub(in crate::control) account: String,
    /// What becomes of `basePath`.
    pub(in crate::control) base_path: BasePath,
    /// Whether documentation parts are made.
    pub(in crate::control) documentation: bool,
}

/// A whole API as a document describes it. Methods name authorizers and request validators, and have an empty cache
/// namespace where it is the resource's: ids come when the description meets the API that there is.
#[derive(Debug, Default, PartialEq)]
pub(in crate::control) struct Description {
    /// `info.title`.
    pub(in crate::control) name: String,
    /// `info.description`.
    pub(in crate::control) description: Option<String>,
    /// `info.version`.
    pub(in crate::control) version: Option<String>,
    /// Where API keys are looked for.
    pub(in crate::control) api_key_source: Option<ApiKeySource>,
    /// Media types that are bytes.
    pub(in crate::control) binary_media_types: Vec<String>,
    /// From which size on answers are compressed.
    pub(in crate::control) minimum_compression_size: Option<u32>,
    /// The resource policy.
    pub(in crate::control) policy: Option<String>,
    /// The TLS policy of the endpoint.
    pub(in crate::control) security_policy: Option<String>,
    /// How strictly the endpoint checks where a call came in.
    pub(in crate::control) endpoint_access_mode: Option<EndpointAccessMode>,
    /// Whether the `execute-api` host is refused.
    pub(in crate::control) disable_execute_api_endpoint: Option<bool>,
    /// VPC endpoints of a private API.
    pub(in crate::control) vpc_endpoint_ids: Option<Vec<String>>,
    /// Path → verb → method. A path without methods is there only if the document has it.
    pub(in crate::control) paths: BTreeMap<String, BTreeMap<Verb, Method>>,
    /// Models by name.
    pub(in crate::control) models: BTreeMap<String, Model>,
    /// Models that are referred to by URL and are not of the document: the API must have them.
    pub(in crate::control) foreign_models: BTreeSet<String>,
    /// Authorizers by name.
    pub(in crate::control) authorizers: BTreeMap<String, Authorizer>,
    /// Request validators by name.
    pub(in crate::control) request_validators: BTreeMap<String, RequestValidator>,
    /// Gateway responses.
    pub(in crate::control) gateway_responses: BTreeMap<GatewayResponseType, GatewayResponse>,
    /// Documentation: location → properties, a JSON text.
    pub(in crate::control) documentation: BTreeMap<Location, String>,
}

/// The two kinds of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// Swagger 2.0.
    Swagger,
    /// OpenAPI 3.0.
    OpenApi,
}

/// A document while it is read.
struct Reader<'a> {
    root: Node<'a>,
    dialect: Dialect,
    options: &'a Options,
    description: Description,
    report: Report,
}

/// Reads a document. `Err` is for what is no OpenAPI document; everything else that is wrong is in the report.
pub(in crate::control) fn read(bytes: &[u8], options: &Options) -> Result<(Description, Report), String> {
    let document = text::parse(bytes, options).map_err(|why| format!("{INVALID}\n\t{why}"))?;
    let root = Node::root(&document);
    let version = |name: &str| root.get(name).and_then(|node| node.spelled());
    let dialect = match (version("swagger").as_deref(), version("openapi").as_deref()) {
        (Some("2.0" | "2"), None) => Dialect::Swagger,
        (None, Some(text)) if text == "3.0" || text.starts_with("3.0.") => Dialect::OpenApi,
        _ => return Err(INVALID.to_owned()),
    };
    let (description, report) = (Description::default(), Report::default());
    let mut reader = Reader { root, dialect, options, description, report };
    reader.read();
    Ok((reader.description, reader.report))
}

impl Reader<'_> {
    fn read(&mut self) {
        self.read_root();
        self.read_models();
        self.read_authorizers();
        self.read_paths();
        if self.options.documentation {
            self.read_documentation();
        } else {
            self.description.documentation.clear();
        }
    }
}

#[cfg(test)]
mod tests;
