//! A model: a JSON Schema with a name.

use serde::{Deserialize, Serialize};

use crate::model::id::ModelId;

/// A model of a WebSocket API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Its id.
    pub id: ModelId,
    /// Its name, by which routes refer to it.
    pub name: String,
    /// The content type that it describes.
    pub content_type: String,
    /// What it is.
    pub description: Option<String>,
    /// The schema, a JSON text.
    pub schema: String,
}
