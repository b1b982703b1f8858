//! A REST API itself: everything about it that is not one of its resources.

use serde::{Deserialize, Serialize};

use super::{Strings, spelled};
use crate::model::id::{ApiId, ResourceId};

/// A REST API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestApi {
    /// Its id, the first label of its host name.
    pub id: ApiId,
    /// Its name; two APIs may have the same.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// A version that its owner gave it.
    pub version: Option<String>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// Where a caller's API key is looked for.
    pub api_key_source: ApiKeySource,
    /// Media types that are bytes rather than text, patterns like `image/*` among them.
    pub binary_media_types: Vec<String>,
    /// Answers of at least so many bytes are compressed; never, if absent.
    pub minimum_compression_size: Option<u32>,
    /// Where callers reach it.
    pub endpoint: Endpoint,
    /// Its resource policy, a JSON text.
    pub policy: Option<String>,
    /// The TLS policy of its endpoint, as its owner named it.
    #[serde(default)]
    pub security_policy: Option<String>,
    /// How strictly its endpoint checks where a call came in.
    #[serde(default)]
    pub endpoint_access_mode: Option<EndpointAccessMode>,
    /// Whether the `execute-api` host is refused, so that only custom domain names reach it.
    pub disable_execute_api_endpoint: bool,
    /// Tags.
    pub tags: Strings,
    /// The resource `/`.
    pub root: ResourceId,
}

/// Where callers reach an API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Edge-optimized, regional or private.
    pub kind: EndpointType,
    /// IP versions.
    pub ip_address_type: IpAddressType,
    /// VPC endpoints of a private API.
    pub vpc_endpoint_ids: Vec<String>,
}

spelled!(
    /// Where a caller's API key is looked for.
    ApiKeySource {
        /// In the `X-API-Key` header.
        Header = "HEADER",
        /// In the authorizer's answer.
        Authorizer = "AUTHORIZER",
    }
);

spelled!(
    /// How strictly an endpoint checks where a call came in.
    EndpointAccessMode {
        /// As always.
        Basic = "BASIC",
        /// Host name and TLS name must agree.
        Strict = "STRICT",
    }
);

spelled!(
    /// Kinds of endpoints.
    EndpointType {
        /// One region.
        Regional = "REGIONAL",
        /// Through a content delivery network.
        Edge = "EDGE",
        /// From inside a private network only.
        Private = "PRIVATE",
    }
);

spelled!(
    /// IP versions that an endpoint speaks.
    IpAddressType {
        /// IPv4 alone.
        Ipv4 = "ipv4",
        /// IPv4 and IPv6.
        Dualstack = "dualstack",
    }
);
