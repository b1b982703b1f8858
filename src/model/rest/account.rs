//! The account: settings that all APIs of a cluster share.

use serde::{Deserialize, Serialize};

/// The account's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The role that writes logs.
    pub cloudwatch_role_arn: Option<String>,
}
