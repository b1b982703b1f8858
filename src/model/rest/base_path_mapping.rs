//! A base path mapping: what a domain name serves under a first part of its paths.

use serde::{Deserialize, Serialize};

use crate::model::id::{ApiId, StageName};

/// A base path mapping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BasePathMapping {
    /// What V2 knows it by. Mappings that earlier releases made have none.
    pub id: Option<String>,
    /// The domain name that it belongs to, with a private one's id behind `+`.
    pub domain: String,
    /// The base path without slashes around it; empty where AWS prints `(none)`.
    pub base_path: String,
    /// The API.
    pub api: ApiId,
    /// The stage; without one, the path's next segment names it.
    pub stage: Option<StageName>,
}

impl BasePathMapping {
    /// An id has so many characters.
    pub const ID_LENGTH: usize = 6;

    /// What V2 knows it by: its base path, where it was given no other id.
    pub fn id(&self) -> &str {
        match &self.id {
            Some(id) => id,
            None if self.base_path.is_empty() => "(none)",
            None => &self.base_path,
        }
    }
}
