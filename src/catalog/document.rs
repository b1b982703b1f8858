//! How a typed document becomes bytes in the store, and back.

use std::io::{Read, Write};
use std::marker::PhantomData;
use std::sync::Arc;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use turnpike_cluster as cluster;

use super::{Error, Sealed};
use crate::model::connection::Claims;
use crate::model::function::{Alias, Function, FunctionName, Policy, Version};
use crate::model::http;
use crate::model::id::{ApiKeyId, DocumentationPartId, ResourceId, RouteId, UsagePlanId};
use crate::model::rest::usage::OpenDay;
use crate::model::rest::{
    AccessAssociation, Account, ApiKey, Authorizer, BasePathMapping, ClientCertificate, Deployment, DocumentationPart,
    DocumentationVersion, DomainName, Flushes, GatewayResponse, Method, Model, RequestValidator, Resource, RestApi,
    Snapshot, Stage, Usage, UsagePlan, UsagePlanKey, VpcLink,
};

/// A compressed document, spelled out, is at most so large; a larger one is taken for damage.
const UNPACKED_BYTES: u64 = 256 * 1024 * 1024;

/// Something that the catalog keeps. JSON, because fields come and go over releases.
pub trait Document: Serialize + DeserializeOwned {
    /// The bytes to store.
    fn encode(&self) -> std::io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Reads stored bytes.
    fn decode(bytes: &[u8]) -> std::io::Result<Self> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

impl Document for RestApi {}
impl Document for Resource {}
impl Document for ResourceId {}
impl Document for Method {}
impl Document for Model {}
impl Document for Deployment {}
impl Document for Stage {}
impl Document for Sealed {}
impl Document for Authorizer {}
impl Document for RequestValidator {}
impl Document for GatewayResponse {}
impl Document for DocumentationPart {}
impl Document for DocumentationPartId {}
impl Document for ApiKeyId {}
impl Document for Option<ApiKeyId> {}
impl Document for UsagePlan {}
impl Document for UsagePlanId {}
impl Document for UsagePlanKey {}
impl Document for Usage {}
impl Document for OpenDay {}
impl Document for AccessAssociation {}
impl Document for Account {}
impl Document for BasePathMapping {}
impl Document for ClientCertificate {}
impl Document for DomainName {}
impl Document for Flushes {}
impl Document for VpcLink {}
impl Document for Function {}
impl Document for FunctionName {}
impl Document for Version {}
impl Document for Alias {}
impl Document for Policy {}
impl Document for Claims {}
impl Document for RouteId {}
impl Document for http::Api {}
impl Document for http::Route {}
impl Document for http::RouteResponse {}
impl Document for http::Integration {}
impl Document for http::IntegrationResponse {}
impl Document for http::Authorizer {}
impl Document for http::Model {}
impl Document for http::Deployment {}
impl Document for http::Stage {}

/// JSON, and behind it, after a zero, the sealed value: there may be very many keys, and as text it would be longer.
impl Document for ApiKey {
    fn encode(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(0);
        bytes.extend_from_slice(&self.value);
        Ok(bytes)
    }

    fn decode(bytes: &[u8]) -> std::io::Result<Self> {
        // No JSON has a zero in it.
        let end = bytes.iter().position(|byte| *byte == 0);
        let end =
            end.ok_or_else(|| std::io::Error::other("an API key of a release before the first, without a value"))?;
        let key: Self = serde_json::from_slice(&bytes[..end])?;
        Ok(Self { value: bytes[end + 1..].to_vec(), ..key })
    }
}

/// Compressed: a snapshot repeats itself, is written once, and is read when a stage is compiled.
impl Document for Snapshot {
    fn encode(&self) -> std::io::Result<Vec<u8>> {
        pack(self)
    }

    fn decode(bytes: &[u8]) -> std::io::Result<Self> {
        unpack(bytes)
    }
}

/// Compressed, for the same reasons.
impl Document for http::Snapshot {
    fn encode(&self) -> std::io::Result<Vec<u8>> {
        pack(self)
    }

    fn decode(bytes: &[u8]) -> std::io::Result<Self> {
        unpack(bytes)
    }
}

/// Compressed, for the same reasons.
impl Document for DocumentationVersion {
    fn encode(&self) -> std::io::Result<Vec<u8>> {
        pack(self)
    }

    fn decode(bytes: &[u8]) -> std::io::Result<Self> {
        unpack(bytes)
    }
}

fn pack(value: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut packer = DeflateEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&serde_json::to_vec(value)?)?;
    packer.finish()
}

fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> std::io::Result<T> {
    let mut text = Vec::new();
    DeflateDecoder::new(bytes).take(UNPACKED_BYTES).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// A document as it was found, with the revision that a change of it must name.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    /// The commit that wrote it.
    pub revision: u64,
    /// What it says.
    pub value: T,
}

impl<T: Document> Stored<T> {
    pub(super) fn read(key: &str, document: &cluster::Document) -> Result<Self, Error> {
        match T::decode(&document.value) {
            Ok(value) => Ok(Self { revision: document.revision, value }),
            Err(error) => Err(Error::Corrupt { key: key.to_owned(), source: Arc::new(error) }),
        }
    }
}

/// A document as bytes: cheap to take under the catalog's lock, read outside.
pub struct Packed<T> {
    key: String,
    document: cluster::Document,
    kind: PhantomData<fn() -> T>,
}

impl<T: Document> Packed<T> {
    pub(super) fn new(key: &str, document: cluster::Document) -> Self {
        Self { key: key.to_owned(), document, kind: PhantomData }
    }

    /// Reads the bytes.
    pub fn read(&self) -> Result<T, Error> {
        Ok(Stored::read(&self.key, &self.document)?.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_document_is_an_error_and_not_a_panic() {
        assert!(Snapshot::decode(b"not deflate").is_err());
        assert!(Stage::decode(b"{}").is_err());
        assert!(ApiKey::decode(b"{}\0").is_err());
    }

    #[test]
    fn an_api_key_is_kept_with_its_sealed_value() {
        let json = br#"{"id":"k","name":"a \u0000 zero","enabled":true,"created":1,"updated":2}"#;
        let key = ApiKey::decode(&[&json[..], b"\0sealed\0\0"].concat()).expect("a key");
        assert_eq!(key.value, b"sealed\0\0");
        assert_eq!(ApiKey::decode(&key.encode().expect("encoded")).expect("a key"), key);
        assert!(ApiKey::decode(json).expect_err("refused").to_string().contains("without a value"));
    }
}
