//! Documentation: texts about parts of an API, and versions of all of them.

use serde::{Deserialize, Serialize};

use super::spelled;
use crate::model::id::DocumentationPartId;

/// A text about one part of an API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentationPart {
    /// Its id.
    pub id: DocumentationPartId,
    /// What it is about. An API has at most one text about each.
    pub location: Location,
    /// A JSON object as a text; those of its members that OpenAPI knows reach exports.
    pub properties: String,
}

/// What a documentation part is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// The kind of thing.
    pub kind: LocationType,
    /// Its path, for example `/pets/{petId}`; `/` where the kind has one and none was given.
    pub path: Option<String>,
    /// Its verb; `*` is all of them.
    pub method: Option<String>,
    /// Its status code; `*` is all of them.
    pub status_code: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// All parts as they were at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentationVersion {
    /// The version, as its owner named it.
    pub version: String,
    /// What is new in it.
    pub description: Option<String>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// The parts.
    pub parts: Vec<DocumentationPart>,
}

spelled!(
    /// Kinds of things that a text can be about.
    LocationType {
        /// The API.
        Api = "API",
        /// An authorizer.
        Authorizer = "AUTHORIZER",
        /// A model.
        Model = "MODEL",
        /// A resource.
        Resource = "RESOURCE",
        /// A method.
        Method = "METHOD",
        /// A variable in a path.
        PathParameter = "PATH_PARAMETER",
        /// A parameter behind the `?`.
        QueryParameter = "QUERY_PARAMETER",
        /// A request's header.
        RequestHeader = "REQUEST_HEADER",
        /// A request's body.
        RequestBody = "REQUEST_BODY",
        /// An answer.
        Response = "RESPONSE",
        /// An answer's header.
        ResponseHeader = "RESPONSE_HEADER",
        /// An answer's body.
        ResponseBody = "RESPONSE_BODY",
    }
);
