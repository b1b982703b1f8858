//! A domain name of one's own, under which APIs are served.

use serde::{Deserialize, Serialize};

use super::{EndpointAccessMode, EndpointType, IpAddressType, Strings, spelled};

/// A domain name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DomainName {
    /// The name, in lower case, with `*` perhaps as its first label.
    pub name: String,
    /// A private one's id: several private domain names may be called the same.
    pub id: Option<String>,
    /// Its endpoints: one, or an edge and a regional one while it moves from one to the other.
    pub endpoints: Vec<EndpointType>,
    /// IP versions of its endpoints.
    pub ip_address_type: IpAddressType,
    /// The certificate of its edge endpoint, or of its private one.
    pub certificate: Certificate,
    /// The certificate of its regional endpoint.
    pub regional_certificate: Certificate,
    /// When a certificate was last given, in seconds since 1970.
    pub certificate_uploaded: i64,
    /// What its targets' hosts start with behind AWS's `d` or `d-`: thirteen characters of an edge endpoint, of which a
    /// regional one has the first ten.
    pub target: String,
    /// The least TLS that it speaks, as AWS names policies.
    pub security_policy: String,
    /// How strictly its endpoint checks where a call came in.
    pub endpoint_access_mode: Option<EndpointAccessMode>,
    /// What decides where a request goes.
    pub routing_mode: RoutingMode,
    /// Where the certificates are that callers must have one of.
    pub mutual_tls: Option<MutualTls>,
    /// The certificate that proves who owns the name.
    pub ownership_verification_certificate_arn: Option<String>,
    /// Who may manage a private domain name, a JSON text.
    pub management_policy: Option<String>,
    /// Who may call a private domain name, a JSON text.
    pub policy: Option<String>,
    /// Tags.
    pub tags: Strings,
}

impl DomainName {
    /// The name as keys and ARNs have it: with a private one's id behind `+`.
    pub fn label(&self) -> String {
        label(&self.name, self.id.as_deref())
    }

    /// Whether it has an endpoint of this kind.
    pub fn has(&self, endpoint: EndpointType) -> bool {
        self.endpoints.contains(&endpoint)
    }
}

/// A domain name as keys and ARNs have it.
pub fn label(name: &str, id: Option<&str>) -> String {
    match id {
        Some(id) => format!("{name}+{id}"),
        None => name.to_owned(),
    }
}

/// A certificate, by name or by ARN.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its name.
    pub name: Option<String>,
    /// Its ARN.
    pub arn: Option<String>,
    /// The certificate and its chain in PEM, if it was uploaded; its key is a document of its own, sealed.
    pub uploaded: Option<String>,
}

impl Certificate {
    /// Whether there is one.
    pub fn is_some(&self) -> bool {
        self.name.is_some() || self.arn.is_some()
    }
}

/// Where the certificates are that callers must have one of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MutualTls {
    /// `s3://…`
    pub truststore_uri: String,
    /// The version of the object.
    pub truststore_version: Option<String>,
}

spelled!(
    /// What decides where a request to a domain name goes.
    RoutingMode {
        /// Its base path mappings.
        BasePathMappingOnly = "BASE_PATH_MAPPING_ONLY",
        /// Its routing rules.
        RoutingRuleOnly = "ROUTING_RULE_ONLY",
        /// Its rules, and its mappings where no rule matches.
        RoutingRuleThenBasePathMapping = "ROUTING_RULE_THEN_BASE_PATH_MAPPING",
    }
);
