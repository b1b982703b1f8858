//! Identifiers: each a type of its own, made of the characters and in the length that AWS uses.

use std::borrow::Borrow;
use std::fmt;

use rand::Rng;
use serde::{Deserialize, Serialize};

/// Declares an identifier: a string that only a place for this kind of thing accepts.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes what a caller named; whether it exists is the catalog's to say.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The identifier as AWS prints it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

identifier!(
    /// An API, of whichever kind: ten characters of `[a-z0-9]`.
    ApiId
);
identifier!(
    /// A resource of a REST API: six characters, the root's ten.
    ResourceId
);
identifier!(
    /// A deployment of an API: six characters.
    DeploymentId
);
identifier!(
    /// An authorizer of an API: six characters.
    AuthorizerId
);
identifier!(
    /// A request validator of a REST API: six characters.
    RequestValidatorId
);
identifier!(
    /// A documentation part of a REST API: six characters.
    DocumentationPartId
);
identifier!(
    /// An API key: ten characters.
    ApiKeyId
);
identifier!(
    /// A usage plan: six characters.
    UsagePlanId
);
identifier!(
    /// A client certificate: six characters.
    ClientCertificateId
);
identifier!(
    /// A VPC link of a REST API: six characters.
    VpcLinkId
);
identifier!(
    /// A route of an API of V2: seven characters.
    RouteId
);
identifier!(
    /// A route response: seven characters.
    RouteResponseId
);
identifier!(
    /// An integration of an API of V2: seven characters.
    IntegrationId
);
identifier!(
    /// An integration response: seven characters.
    IntegrationResponseId
);
identifier!(
    /// A model of an API of V2: six characters.
    ModelId
);
identifier!(
    /// A function's name: letters, digits, `_` and `-`, at most 64 of them.
    FunctionName
);
identifier!(
    /// A stage's name: letters, digits, `_` and `-`, at most 128 of them.
    StageName
);

impl ResourceId {
    /// Makes one for the root resource of an API.
    pub fn random_root() -> Self {
        Self(lowercase_alphanumeric(10))
    }

    /// Makes one for any other resource.
    pub fn random() -> Self {
        Self(lowercase_alphanumeric(6))
    }
}

/// Declares how a new identifier is made: so many random characters.
macro_rules! random {
    ($($name:ident: $length:literal;)+) => {
        $(impl $name {
            /// Makes a new one.
            pub fn random() -> Self {
                Self(lowercase_alphanumeric($length))
            }
        })+
    };
}

random! {
    DeploymentId: 6;
    AuthorizerId: 6;
    RequestValidatorId: 6;
    DocumentationPartId: 6;
    ApiKeyId: 10;
    UsagePlanId: 6;
    ClientCertificateId: 6;
    VpcLinkId: 6;
    ApiId: 10;
    RouteId: 7;
    RouteResponseId: 7;
    IntegrationId: 7;
    IntegrationResponseId: 7;
    ModelId: 6;
}

/// Random characters of `[a-z0-9]`, the alphabet of AWS's generated ids.
pub fn lowercase_alphanumeric(length: usize) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = rand::rng();
    (0..length).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
}
