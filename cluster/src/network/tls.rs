//! The cluster's own authority, whose key follows from the cluster's secret, and TLS that trusts it alone.
//!
//! Every node that knows the secret can derive the authority and makes itself certificates. Both sides of a connection
//! show one, and each is checked for the name that goes with what its owner says of itself. No key is stored or sent,
//! but for those in join tokens, which open nothing but the door to ask for the secret.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ED25519,
};
use rustls::client::{Resumption, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, ResolvesServerCertUsingSni, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore, ServerConfig};

use super::frame::{Greeting, Ticket};
use super::papers::SKEW;
use crate::clock::Clock;
use crate::config::Secret;

/// PKCS#8 around an Ed25519 seed (RFC 8410).
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("can't make a certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("can't set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("can't set up the verification of peers")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    #[error("the authority's certificate has no usable name")]
    Name,
}

/// A certificate with its key.
pub(crate) struct Leaf {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivatePkcs8KeyDer<'static>,
}

/// Whom a certificate is for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Purpose {
    /// A node: both sides of a connection.
    Node,
    /// A join token: its holder asks, and can't pass for a node that answers.
    Token,
}

/// The authority of a cluster.
pub(crate) struct Authority {
    pub(super) trust: Trust,
    issuer: Issuer<'static, KeyPair>,
}

/// What the authority's certificate alone is good for: to know whom it vouches for.
pub(crate) struct Trust {
    certificate: CertificateDer<'static>,
    /// What nodes are called in handshakes. Who does not say it is a stranger, and is shown no certificate.
    name: String,
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
    clock: Clock,
}

impl Authority {
    pub(crate) fn new(secret: &Secret, clock: Clock) -> Result<Self, Error> {
        let seed = derive(secret, "certificate-authority/ed25519");
        let pkcs8 = PrivatePkcs8KeyDer::from([ED25519_PKCS8.as_slice(), &seed].concat());
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_ED25519)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = named("Turnpike cluster authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Self { trust: Trust::new(certificate, clock)?, issuer: Issuer::new(params, key) })
    }

    /// Its own certificate.
    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.trust.certificate
    }

    /// Makes the certificate of a join token.
    pub(crate) fn vouch_for(&self, ticket: Ticket) -> Result<Leaf, Error> {
        let until = UNIX_EPOCH + Duration::from_secs(ticket.expires);
        self.issue(Purpose::Token, Greeting::Ticket(ticket).name(), (self.trust.clock.now() - SKEW, until))
    }

    /// Makes a certificate that is valid in this time, for whoever `name` is.
    pub(super) fn issue(
        &self,
        purpose: Purpose,
        name: String,
        (from, until): (SystemTime, SystemTime),
    ) -> Result<Leaf, Error> {
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let (names, usages) = match purpose {
            Purpose::Node => {
                let usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
                (vec![self.trust.name.clone(), name], usages)
            }
            Purpose::Token => (vec![name], vec![ExtendedKeyUsagePurpose::ClientAuth]),
        };
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = named("Turnpike");
        params.extended_key_usages = usages;
        params.not_before = from.into();
        params.not_after = until.into();
        let certificate = params.signed_by(&key, &self.issuer)?.der().clone();
        Ok(Leaf { certificate, key: PrivatePkcs8KeyDer::from(key.serialize_der()) })
    }
}

impl Trust {
    pub(crate) fn new(certificate: CertificateDer<'static>, clock: Clock) -> Result<Self, Error> {
        let digest = digest::digest(&digest::SHA256, &certificate);
        let label: String = digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Ok(Self { certificate, name: format!("{label}.turnpike"), roots: Arc::new(roots), provider, clock })
    }

    pub(super) fn server_name(&self) -> Result<ServerName<'static>, Error> {
        ServerName::try_from(self.name.clone()).map_err(|_| Error::Name)
    }

    /// The calling side. Every connection proves itself anew: none is resumed.
    pub(super) fn client(&self, leaf: &Leaf) -> Result<ClientConfig, Error> {
        let key = PrivateKeyDer::from(leaf.key.clone_key());
        let builder = ClientConfig::builder_with_details(Arc::clone(&self.provider), Arc::new(self.clock.clone()));
        let mut config = builder
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_client_auth_cert(vec![leaf.certificate.clone()], key)?;
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    /// The answering side. Here, too, none is resumed.
    pub(super) fn server(&self, leaf: &Leaf) -> Result<ServerConfig, Error> {
        let key = PrivateKeyDer::from(leaf.key.clone_key());
        let certified = CertifiedKey::from_der(vec![leaf.certificate.clone()], key, &self.provider)?;
        let mut certificates = ResolvesServerCertUsingSni::new();
        certificates.add(&self.name, certified)?;
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.roots), Arc::clone(&self.provider)).build()?;
        let builder = ServerConfig::builder_with_details(Arc::clone(&self.provider), Arc::new(self.clock.clone()));
        let mut config = builder
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(certificates));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.since_epoch()))
    }
}

/// Whether what a peer has shown, and the handshake has verified, is a certificate for this name.
pub(super) fn is_for(shown: Option<&[CertificateDer<'_>]>, name: &str) -> bool {
    let Some([leaf, ..]) = shown else { return false };
    let (Ok(leaf), Ok(name)) = (ParsedCertificate::try_from(leaf), ServerName::try_from(name)) else { return false };
    verify_server_name(&leaf, &name).is_ok()
}

/// Whether a handshake failed because the other side does not answer to the cluster's name, or shows a certificate that
/// the cluster's authority did not make. Both are told to every stranger by TLS itself.
pub(super) fn is_foreign(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(
        cause,
        Some(
            rustls::Error::AlertReceived(AlertDescription::AccessDenied | AlertDescription::UnrecognisedName)
                | rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)
        )
    )
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
        let authority = |secret| Authority::new(secret, Clock::system()).expect("an authority").trust.certificate;
        assert_eq!(authority(&one), authority(&one));
    }
}
