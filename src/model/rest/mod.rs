//! The nouns of REST APIs (V1), a file each.

mod access_association;
mod account;
mod api;
mod api_key;
mod authorizer;
mod base_path_mapping;
mod client_certificate;
mod deployment;
mod documentation;
mod domain_name;
mod gateway_response;
mod integration;
mod location;
mod method;
mod model;
mod request_validator;
mod resource;
pub mod schema;
mod stage;
pub mod usage;
mod usage_plan;
mod vpc_link;

pub use access_association::AccessAssociation;
pub use account::Account;
pub use api::{ApiKeySource, Endpoint, EndpointAccessMode, EndpointType, IpAddressType, RestApi};
pub use api_key::ApiKey;
pub use authorizer::{Authorizer, AuthorizerType};
pub use base_path_mapping::BasePathMapping;
pub use client_certificate::ClientCertificate;
pub use deployment::{Deployment, Snapshot, SnapshotResource};
pub use documentation::{DocumentationPart, DocumentationVersion, Location, LocationType};
pub use domain_name::{Certificate, DomainName, MutualTls, RoutingMode, label};
pub use gateway_response::{GatewayResponse, GatewayResponseType};
pub use integration::{
    ConnectionType, ContentHandling, Integration, IntegrationResponse, IntegrationType, Passthrough, Templates,
    TransferMode,
};
pub use location::applying;
pub use method::{AuthorizationType, Method, MethodResponse, Verb};
pub use model::Model;
pub use request_validator::RequestValidator;
pub use resource::{PathPart, Resource};
pub use stage::{AccessLog, Canary, Flushes, MethodSetting, Stage, UnauthorizedCacheControl};
pub use usage::Usage;
pub use usage_plan::{ApiStage, Quota, QuotaPeriod, Throttle, UsagePlan, UsagePlanKey};
pub use vpc_link::VpcLink;

/// Texts by name, in the order of their names: what AWS calls a map of strings.
pub type Strings = std::collections::BTreeMap<String, String>;
/// Names that are required (`true`) or merely known (`false`): request and response parameters.
pub type Flags = std::collections::BTreeMap<String, bool>;

/// Declares an enumeration whose members have AWS's spelling on the wire and in the catalog.
macro_rules! spelled {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$member_doc])* #[serde(rename = $text)] $member),+
        }

        impl $name {
            /// AWS's spelling of each.
            pub const NAMES: &[&str] = &[$($text),+];

            /// AWS's spelling.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$member => $text),+ }
            }

            /// Reads AWS's spelling.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$member),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use spelled;
