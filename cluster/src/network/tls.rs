//! Who may speak: certificates of the cluster's own authority, whose key follows from the cluster's secret.
//!
//! Every node that knows the secret can derive the authority, makes itself a certificate at each start, and accepts
//! those that others made. No key is stored or sent.

use std::sync::Arc;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ED25519,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::config::Secret;

/// The name that every node's certificate has: membership is what is proved, not which node it is.
const NAME: &str = "turnpike-cluster";
/// PKCS#8 around an Ed25519 seed (RFC 8410).
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Both sides' TLS settings.
pub(crate) struct Certificates {
    pub(crate) client: Arc<ClientConfig>,
    pub(crate) server: Arc<ServerConfig>,
}

/// TLS could not be set up from the secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("can't make a certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("can't set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("can't set up the verification of peers")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

impl Certificates {
    pub(crate) fn new(secret: &Secret) -> Result<Self, Error> {
        let authority = authority(secret)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.0)?;
        let roots = Arc::new(roots);
        let (certificate, key) = node(&authority.1)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls13 = &[&rustls::version::TLS13];
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(tls13)?
            .with_root_certificates(Arc::clone(&roots))
            .with_client_auth_cert(vec![certificate.clone()], key.clone_key())?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build()?;
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(tls13)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], key)?;
        Ok(Self { client: Arc::new(client), server: Arc::new(server) })
    }
}

pub(super) fn server_name() -> ServerName<'static> {
    ServerName::try_from(NAME).expect("the name is a DNS name")
}

/// 32 bytes that follow from the secret and a label, and tell nothing of either.
pub(crate) fn derive(secret: &Secret, label: &str) -> [u8; 32] {
    struct Bytes32;
    impl KeyType for Bytes32 {
        fn len(&self) -> usize {
            32
        }
    }
    let mut out = [0; 32];
    let info = [label.as_bytes()];
    Salt::new(HKDF_SHA256, b"turnpike-cluster/1")
        .extract(secret.bytes())
        .expand(&info, Bytes32)
        .and_then(|key| key.fill(&mut out))
        .expect("32 bytes are within what HKDF-SHA256 can make");
    out
}

fn authority(secret: &Secret) -> Result<(CertificateDer<'static>, Issuer<'static, KeyPair>), Error> {
    let seed = derive(secret, "certificate-authority/ed25519");
    let pkcs8 = PrivatePkcs8KeyDer::from([ED25519_PKCS8.as_slice(), &seed].concat());
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_ED25519)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Turnpike cluster authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let certificate = params.self_signed(&key)?;
    Ok((certificate.der().clone(), Issuer::new(params, key)))
}

fn node(authority: &Issuer<'_, KeyPair>) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), Error> {
    let key = KeyPair::generate_for(&PKCS_ED25519)?;
    let mut params = CertificateParams::new(vec![NAME.to_owned()])?;
    params.distinguished_name = named("Turnpike node");
    let certificate = params.signed_by(&key, authority)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok((certificate.der().clone(), key))
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_from_secret_and_label() {
        let secret = |text: &str| Secret::new(text).expect("long enough");
        let one = secret("0123456789abcdef");
        assert_eq!(derive(&one, "a"), derive(&one, "a"));
        assert_ne!(derive(&one, "a"), derive(&one, "b"));
        assert_ne!(derive(&one, "a"), derive(&secret("0123456789abcdeg"), "a"));
        assert!(Certificates::new(&one).is_ok());
    }
}
