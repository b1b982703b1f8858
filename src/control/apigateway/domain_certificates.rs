//! Certificates of domain names: by ARN, by name, or uploaded as AWS took them before it had a service for them.

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::bounded;
use crate::control::wire::{Error, Input};
use crate::model::arn;
use crate::model::rest::{Certificate, DomainName, EndpointType};

/// A certificate with its chain, or a key, has at most so many characters.
const MAX_PEM: usize = 64 * 1024;
const MAX_NAME: usize = 1024;

/// The certificates that CreateDomainName was given.
pub(super) struct Given {
    /// That of an edge or a private endpoint.
    pub(super) certificate: Certificate,
    /// That of a regional one.
    pub(super) regional: Certificate,
    /// The private key, in PEM, of the one that was uploaded.
    pub(super) key: Option<String>,
}

/// Reads the members of CreateDomainName.
pub(super) fn read(body: &Input) -> Result<Given, Error> {
    let text = |name: &str| Ok::<_, Error>(body.text(name)?.filter(|text| !text.is_empty()));
    let mut certificate = Certificate {
        name: bounded(text("certificateName")?, "certificateName", MAX_NAME)?,
        arn: check_arn(text("certificateArn")?)?,
        uploaded: None,
    };
    let regional = Certificate {
        name: bounded(text("regionalCertificateName")?, "regionalCertificateName", MAX_NAME)?,
        arn: check_arn(text("regionalCertificateArn")?)?,
        uploaded: None,
    };
    let part = |name: &str| bounded(text(name)?, name, MAX_PEM);
    let (leaf, chain, key) = (part("certificateBody")?, part("certificateChain")?, part("certificatePrivateKey")?);
    let key = match (leaf, key) {
        (None, None) if chain.is_none() => None,
        (Some(leaf), Some(key)) => {
            if certificate.name.is_none() {
                return Err(Error::bad_request("Certificate name must be specified"));
            }
            let pem = [Some(leaf), chain].into_iter().flatten().map(|pem| pem.trim().to_owned() + "\n").collect();
            check_pair(&pem, &key)?;
            certificate.uploaded = Some(pem);
            Some(key)
        }
        _ => {
            return Err(Error::bad_request("Certificate body and certificate private key must be specified together"));
        }
    };
    Ok(Given { certificate, regional, key })
}

/// Each endpoint needs its certificate: a regional one a regional certificate, the others the plain one.
pub(super) fn check(domain: &DomainName) -> Result<(), Error> {
    for endpoint in &domain.endpoints {
        let (certificate, member) = match endpoint {
            EndpointType::Regional => (&domain.regional_certificate, "regionalCertificateArn"),
            EndpointType::Edge | EndpointType::Private => (&domain.certificate, "certificateArn"),
        };
        if !certificate.is_some() {
            return Err(Error::bad_request(format!(
                "A certificate must be specified for a domain name with an endpoint of type {endpoint}: {member}"
            )));
        }
    }
    Ok(())
}

/// An ARN of a certificate, of the certificate manager or of IAM.
pub(in crate::control) fn check_arn(text: Option<String>) -> Result<Option<String>, Error> {
    match text {
        Some(text) => {
            if matches!(arn::service(&text), Some("acm" | "iam")) && text.len() <= MAX_NAME {
                Ok(Some(text))
            } else {
                Err(Error::bad_request(format!("Invalid certificate ARN specified: {text}")))
            }
        }
        None => Ok(None),
    }
}

/// A name of a certificate.
pub(super) fn check_name(text: Option<String>) -> Result<Option<String>, Error> {
    bounded(text, "certificateName", MAX_NAME)
}

/// A certificate and its private key belong together.
fn check_pair(pem: &String, key: &str) -> Result<(), Error> {
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| Error::bad_request("Invalid certificate body or chain specified"))?;
    let bad_key = || Error::bad_request("Invalid certificate private key specified");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| bad_key())?;
    match CertifiedKey::from_der(chain, key, &default_provider()) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(Error::bad_request("The private key does not belong to the certificate"))
        }
        Err(_) => Err(bad_key()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};

    #[test]
    fn an_uploaded_certificate_needs_its_own_key() {
        let pair = || {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new(vec!["a.example.com".to_owned()]).expect("parameters");
            (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
        };
        let ((leaf, key), (_, other)) = (pair(), pair());
        for (name, leaf, key, expected) in [
            ("n", leaf.as_str(), key.as_str(), None),
            ("n", leaf.as_str(), other.as_str(), Some("The private key does not belong to the certificate")),
            ("n", leaf.as_str(), "no key", Some("Invalid certificate private key specified")),
            ("n", "no certificate", key.as_str(), Some("Invalid certificate body or chain specified")),
            ("n", "", key.as_str(), Some("Certificate body and certificate private key must be specified together")),
            ("", leaf.as_str(), key.as_str(), Some("Certificate name must be specified")),
        ] {
            let body = serde_json::json!({
                "certificateName": name, "certificateBody": leaf, "certificatePrivateKey": key,
            });
            let body = Input::read(body.to_string().as_bytes()).expect("JSON");
            assert_eq!(read(&body).err(), expected.map(Error::bad_request));
        }
    }
}
