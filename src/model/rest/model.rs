//! A model: a JSON Schema with a name.

use serde::{Deserialize, Serialize};

/// A model of a REST API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Its id.
    pub id: String,
    /// Its name, by which methods refer to it.
    pub name: String,
    /// The content type that it describes.
    pub content_type: String,
    /// What it is.
    pub description: Option<String>,
    /// The schema, a JSON text.
    pub schema: Option<String>,
}
