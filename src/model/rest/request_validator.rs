//! A request validator: what of a request is checked before it is passed on.

use serde::{Deserialize, Serialize};

use crate::model::id::RequestValidatorId;

/// A request validator of a REST API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestValidator {
    /// Its id.
    pub id: RequestValidatorId,
    /// Its name; empty where none was given.
    pub name: String,
    /// Whether bodies are checked against their models.
    pub validate_body: bool,
    /// Whether required parameters must be there.
    pub validate_parameters: bool,
}
