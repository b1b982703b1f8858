//! A client certificate: by it a backend knows that a request came through the gateway.

use serde::{Deserialize, Serialize};

use super::Strings;
use crate::model::id::ClientCertificateId;

/// A client certificate; its private key is a document of its own, sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// Its id.
    pub id: ClientCertificateId,
    /// What it is for.
    pub description: Option<String>,
    /// The certificate in PEM.
    pub pem: String,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// Until when it is valid, in seconds since 1970.
    pub expires: i64,
    /// Tags.
    pub tags: Strings,
}
