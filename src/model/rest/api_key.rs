//! An API key: what tells one caller from another.

use serde::{Deserialize, Serialize};

use super::Strings;
use crate::model::id::{ApiKeyId, UsagePlanId};

/// An API key.
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
    /// Usage plans that it was put into, and may have left: the catalog's documents of the plans say whether it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plans: Vec<UsagePlanId>,
    /// The value that callers show, sealed by the catalog.
    #[serde(skip)]
    pub value: Vec<u8>,
}
