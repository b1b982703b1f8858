//! TLS towards backends: whom the gateway trusts, and the certificate by which it is known.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// What TLS towards backends is made of. Cheap to clone.
#[derive(Clone)]
pub struct Upstream {
    provider: Arc<CryptoProvider>,
    verifier: Arc<WebPkiServerVerifier>,
    plain: Arc<ClientConfig>,
}

/// A certificate by which the gateway is known to backends, with its private key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads a certificate and its private key, both in PEM.
    pub fn read(certificate: &str, key: &[u8]) -> Option<Self> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<_, _>>().ok()?;
        Some(Self { chain, key: PrivateKeyDer::from_pem_slice(key).ok()? }).filter(|read| !read.chain.is_empty())
    }
}

impl Upstream {
    /// Trusts the machine's certificate authorities.
    pub fn of_this_machine() -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "some of the machine's certificate authorities can't be read");
        }
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            tracing::warn!("the machine has no certificate authorities: no https backend will be trusted");
        }
        Self::trusting(roots)
    }

    fn trusting(roots: RootCertStore) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let roots = Arc::new(roots);
        let plain = Arc::new(config.with_root_certificates(Arc::clone(&roots)).with_no_client_auth());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
        let verifier = verifier.map_err(|error| Error::General(error.to_string()))?;
        Ok(Self { provider, verifier, plain })
    }

    /// For endpoints whose certificates are checked, and that don't ask for the gateway's.
    pub fn plain(&self) -> &Arc<ClientConfig> {
        &self.plain
    }

    /// For endpoints whose certificates may be of an unknown authority and for another name (`is_lax`), or that are
    /// shown a certificate.
    fn special(&self, is_lax: bool, identity: Option<&Identity>) -> Result<ClientConfig, Error> {
        let builder =
            ClientConfig::builder_with_provider(Arc::clone(&self.provider)).with_safe_default_protocol_versions()?;
        let verifier: Arc<dyn ServerCertVerifier> = match is_lax {
            true => Arc::new(Lax(Arc::clone(&self.verifier))),
            false => Arc::clone(&self.verifier) as Arc<dyn ServerCertVerifier>,
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        match identity {
            Some(identity) => builder.with_client_auth_cert(identity.chain.clone(), identity.key.clone_key()),
            None => Ok(builder.with_no_client_auth()),
        }
    }
}

/// How TLS is spoken with an endpoint, where not as usual.
#[derive(Debug)]
pub struct Manner {
    /// Whom the gateway trusts, and what it shows.
    pub config: Arc<ClientConfig>,
    /// The name by which the endpoint is asked for, and that its certificate must have, where it is not its host's
    /// (`tlsConfig.serverNameToVerify`).
    pub server_name: Option<String>,
}

/// The kinds of TLS that one compiled stage needs, each made once.
pub struct Kinds<'a> {
    upstream: &'a Upstream,
    identity: Option<&'a Identity>,
    made: HashMap<(bool, Option<String>), Arc<Manner>>,
}

impl<'a> Kinds<'a> {
    /// For a stage that shows this certificate to all its backends, if it has one.
    pub fn new(upstream: &'a Upstream, identity: Option<&'a Identity>) -> Self {
        Self { upstream, identity, made: HashMap::new() }
    }

    /// The kind for one integration, whose endpoint may have a name of its own; nothing where the usual one does.
    pub fn get(&mut self, is_lax: bool, server_name: Option<&str>) -> Option<Arc<Manner>> {
        if !is_lax && server_name.is_none() && self.identity.is_none() {
            return None;
        }
        let kind = (is_lax, server_name.map(str::to_owned));
        if let Some(made) = self.made.get(&kind) {
            return Some(Arc::clone(made));
        }
        let config = match self.upstream.special(is_lax, self.identity) {
            Ok(config) => Arc::new(config),
            Err(error) => {
                tracing::error!(%error, "a client certificate can't be used; backends are called without it");
                Arc::clone(self.upstream.plain())
            }
        };
        let made = Arc::new(Manner { config, server_name: kind.1.clone() });
        self.made.insert(kind, Arc::clone(&made));
        Some(made)
    }
}

/// Takes certificates of any authority and for any name, but none that has run out: `insecureSkipVerification`. Source:
/// API reference, `TlsConfig`.
#[derive(Debug)]
struct Lax(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for Lax {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
                | CertificateError::BadEncoding,
            )) => verified,
            Ok(_) | Err(Error::InvalidCertificate(_)) => Ok(ServerCertVerified::assertion()),
            Err(other) => Err(other),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use time::{Duration, OffsetDateTime};

    use super::*;

    /// A certificate that nobody signed but itself, from and to so many days from now.
    fn certificate(from: i64, to: i64) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["other".to_owned()]).expect("a name");
        let now = OffsetDateTime::from_unix_timestamp(NOW).expect("a time");
        params.not_before = now + Duration::days(from);
        params.not_after = now + Duration::days(to);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().clone()
    }

    const NOW: i64 = 1_800_000_000;

    #[test]
    fn a_lax_verifier_looks_at_the_time_alone() {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(-1, 1)).expect("a root");
        let upstream = Upstream::trusting(roots).expect("a configuration");
        let name = ServerName::try_from("name").expect("a name");
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOW.unsigned_abs()));
        for (from, to, lax) in [(-1, 1, true), (-2, -1, false), (1, 2, false)] {
            let certificate = certificate(from, to);
            let verified = |verifier: &dyn ServerCertVerifier| {
                verifier.verify_server_cert(&certificate, &[], &name, &[], now).is_ok()
            };
            assert_eq!(verified(&Lax(Arc::clone(&upstream.verifier))), lax, "{from} {to}");
            assert!(!verified(&*upstream.verifier), "{from} {to}");
        }
    }
}
