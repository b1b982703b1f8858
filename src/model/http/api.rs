//! An API of V2 itself: everything about it that is not one of its parts.

use serde::{Deserialize, Serialize};

use crate::model::id::ApiId;
use crate::model::rest::{IpAddressType, Strings, spelled};

/// An API of V2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Api {
    /// Its id, the first label of its host name.
    pub id: ApiId,
    /// Its name; two APIs may have the same.
    pub name: String,
    /// What callers speak with it.
    pub protocol: Protocol,
    /// What it is for.
    pub description: Option<String>,
    /// A version that its owner gave it.
    pub version: Option<String>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// What a message's route is read from.
    pub route_selection_expression: String,
    /// Where a caller's API key is looked for.
    pub api_key_selection_expression: String,
    /// Whether the `execute-api` host is refused, so that only custom domain names reach it.
    pub disable_execute_api_endpoint: bool,
    /// Whether models are taken without being read; never said, if absent.
    pub disable_schema_validation: Option<bool>,
    /// IP versions.
    pub ip_address_type: IpAddressType,
    /// Tags.
    pub tags: Strings,
}

spelled!(
    /// What callers speak with an API.
    Protocol {
        /// WebSocket.
        WebSocket = "WEBSOCKET",
        /// HTTP.
        Http = "HTTP",
    }
);
