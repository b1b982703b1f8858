//! An access association: a VPC endpoint that may reach a private domain name.

use serde::{Deserialize, Serialize};

use super::Strings;

/// An access association.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessAssociation {
    /// Its own ARN, by which it is deleted and rejected.
    pub arn: String,
    /// The private domain name's ARN.
    pub domain_arn: String,
    /// The VPC endpoint's id.
    pub source: String,
    /// Tags.
    pub tags: Strings,
}
