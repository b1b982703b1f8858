//! A VPC link: a load balancer in a private network that integrations may call.

use serde::{Deserialize, Serialize};

use super::Strings;
use crate::model::id::VpcLinkId;

/// A VPC link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpcLink {
    /// Its id.
    pub id: VpcLinkId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The ARN of the network load balancer: exactly one.
    pub target_arns: Vec<String>,
    /// Tags.
    pub tags: Strings,
}
