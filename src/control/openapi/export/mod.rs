//! What a deployment holds, as an OpenAPI document. Source: control-plane reference, 12 to 15.
//!
//! With all extensions a document says everything about an API that an import can take: importing it makes the same
//! API. Swagger 2.0 has one body and one answer per status for all media types; what is more stays behind.

mod documentation;
mod integrations;
pub mod json;
mod operations;
mod schemas;
mod security;
mod settings;
#[cfg(test)]
mod tests;
pub mod yaml;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::extensions::DOCUMENTATION;
use crate::control::wire::Members;
use crate::model::id::StageName;
use crate::model::rest::Snapshot;
pub use documentation::Documentation;
use schemas::Schemas;
use security::Names;

/// What is exported.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What the stage's deployment holds.
    pub snapshot: &'a Snapshot,
    /// The stage.
    pub stage: &'a StageName,
    /// Its documentation.
    pub documentation: &'a Documentation,
    /// The region that its host is in.
    pub region: &'a str,
}

/// How it is exported.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// In which version of OpenAPI.
    pub dialect: Dialect,
    /// With which extensions.
    pub extensions: Extensions,
}

/// A version of OpenAPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Swagger 2.0.
    Swagger,
    /// OpenAPI 3.0.
    OpenApi,
}

/// Which of API Gateway's extensions a document has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// What operations call.
    pub integrations: bool,
    /// What authorizers call.
    pub authorizers: bool,
    /// All of them.
    pub apigateway: bool,
}

/// Why a deployment can't be exported.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// A document has schemas of JSON, and of nothing else.
    #[error("Models must be of type application/json to be exported: model {model} is of type {content_type}")]
    NotJson {
        /// The model.
        model: String,
        /// What it describes.
        content_type: String,
    },
}

impl Dialect {
    /// Reads AWS's name of an export type.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "swagger" => Some(Self::Swagger),
            "oas30" => Some(Self::OpenApi),
            _ => None,
        }
    }

    /// AWS's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Swagger => "swagger",
            Self::OpenApi => "oas30",
        }
    }

    /// The reference to a schema of this name.
    fn schema(self, name: &str) -> String {
        match self {
            Self::Swagger => format!("#/definitions/{name}"),
            Self::OpenApi => format!("#/components/schemas/{name}"),
        }
    }
}

impl Extensions {
    /// Reads AWS's names, with commas between them. The word that is none of them is the error. `postman` is known and
    /// adds nothing: it asks for what Postman wants to know, which is what all documents say.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut found = Self::default();
        for word in text.split(',').map(str::trim) {
            match word {
                "integrations" => found.integrations = true,
                "authorizers" => found.authorizers = true,
                "apigateway" => found.apigateway = true,
                "" | "postman" | "documentation" => {}
                unknown => return Err(unknown.to_owned()),
            }
        }
        Ok(found)
    }

    fn shows_integrations(self) -> bool {
        self.integrations || self.apigateway
    }

    fn shows_authorizers(self) -> bool {
        self.authorizers || self.apigateway
    }
}

/// The version that a document names: the API's own, else the time at which the API was made.
pub fn version(snapshot: &Snapshot) -> String {
    let own = snapshot.api.version.clone().filter(|version| !version.is_empty());
    own.unwrap_or_else(|| time_of(snapshot.api.created))
}

/// The document.
pub fn document(subject: &Subject<'_>, options: Options) -> Result<Value, Problem> {
    let mut schemas = Schemas::of(subject.snapshot, options.dialect, options.extensions.apigateway)?;
    for model in &subject.snapshot.models {
        schemas.change(&model.name, |schema| subject.documentation.model(&model.name, schema));
    }
    let names = Names::of(&subject.snapshot.authorizers);
    Ok(Writer { subject, options, schemas, names }.write())
}

/// A document under construction.
struct Writer<'a> {
    subject: &'a Subject<'a>,
    options: Options,
    schemas: Schemas,
    names: Names,
}

impl Writer<'_> {
    fn write(self) -> Value {
        let Subject { snapshot, stage, documentation, region } = self.subject;
        let host = format!("{}.execute-api.{region}.amazonaws.com", snapshot.api.id);
        let mut info = Map::new();
        info.insert("title".to_owned(), snapshot.api.name.as_str().into());
        if let Some(description) = snapshot.api.description.as_deref().filter(|text| !text.is_empty()) {
            info.insert("description".to_owned(), description.into());
        }
        info.insert("version".to_owned(), version(snapshot).into());
        let mut root = Map::new();
        documentation.api(&mut info, &mut root);
        let paths = snapshot.resources.iter().map(|resource| (resource.path.clone(), self.path_item(resource)));
        let paths: Map<String, Value> = paths.collect();
        let authorizers = self.options.extensions.shows_authorizers();
        let schemes = self.names.schemes(self.subject, authorizers);
        let members = match self.options.dialect {
            Dialect::Swagger => Members::new()
                .set("swagger", "2.0")
                .set("info", info)
                .set("host", host)
                .set("basePath", format!("/{stage}"))
                .set("schemes", json!(["https"]))
                .set("paths", paths)
                .unless_empty("securityDefinitions", schemes)
                .unless_empty("definitions", self.schemas.into_value()),
            Dialect::OpenApi => {
                let components = Members::new()
                    .unless_empty("schemas", self.schemas.into_value())
                    .unless_empty("securitySchemes", schemes);
                Members::new()
                    .set("openapi", "3.0.1")
                    .set("info", info)
                    .set(
                        "servers",
                        json!([{
                            "url": format!("https://{host}/{{basePath}}"),
                            "variables": {"basePath": {"default": stage.as_str()}},
                        }]),
                    )
                    .set("paths", paths)
                    .set("components", components)
            }
        };
        let extensions = if self.options.extensions.apigateway { settings::settings(snapshot) } else { Members::new() };
        let extensions = extensions.some(DOCUMENTATION, documentation.extension());
        let mut document = Map::new();
        for part in [members.into(), Value::Object(root), extensions.into()] {
            if let Value::Object(part) = part {
                document.extend(part);
            }
        }
        Value::Object(document)
    }
}

/// A time as documents have it.
fn time_of(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}
