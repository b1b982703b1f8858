//! An API key: what tells one caller from another, without the value that the caller shows.

use serde::{Deserialize, Serialize};

use super::Strings;
use crate::model::id::ApiKeyId;

/// An API key. Its value is a document of its own, sealed: see the catalog's keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Its name; two keys may have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who it belongs to, in the words of somebody else's system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// Whether callers may use it.
    pub enabled: bool,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// When it was last changed, in seconds since 1970.
    pub updated: i64,
    /// `{api}/{stage}`: what keys were put on before there were usage plans. Only shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stage_keys: Vec<String>,
    /// Labels, which AWS takes and never shows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Strings::is_empty")]
    pub tags: Strings,
}
