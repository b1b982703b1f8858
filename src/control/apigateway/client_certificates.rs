//! Client certificates: GenerateClientCertificate, GetClientCertificates, GetClientCertificate, UpdateClientCertificate, DeleteClientCertificate.
//!
//! The private key is sealed in a document of its own: no answer has it, and no list reads it.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};

use super::{Target, bounded, kinds};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Op, Operation, Page, any_of, operations};
use crate::model::id::{ApiId, ClientCertificateId, StageName};
use crate::model::rest::ClientCertificate;

pub(super) const MISSING: &str = "Invalid Client Certificate identifier specified";
const PATHS: &[&str] = &["/description"];
const MAX_DESCRIPTION: usize = 1024;
/// An account has at most so many: AWS's own limit is 60.
const MAX_CERTIFICATES: u64 = 500;
/// How long a certificate is valid, as AWS has it.
const VALID_SECONDS: i64 = 365 * 24 * 60 * 60;

impl Target<'_> {
    pub(super) async fn generate_client_certificate(&self) -> Result<Answer, Error> {
        let description = self.body.text("description")?.filter(|text| !text.is_empty());
        let description = bounded(description, "description", MAX_DESCRIPTION)?;
        let tags = super::tags(self.body)?;
        // Each has a second document below it, its key.
        if self.control.catalog.read(|documents| documents.count(&keys::client_certificates())) >= 2 * MAX_CERTIFICATES
        {
            return Err(Error::limit_exceeded(format!("There may be at most {MAX_CERTIFICATES} client certificates")));
        }
        let created = self.control.clock.seconds();
        let expires = created + VALID_SECONDS;
        let (pem, key) = generate(created, expires).map_err(|_| Error::internal())?;
        let id = ClientCertificateId::random();
        let certificate = ClientCertificate { id, description, pem, created, expires, tags };
        let edit = Edit::new()
            .create(&keys::client_certificate(&certificate.id), &certificate)
            .create(&keys::client_certificate_key(&certificate.id), &self.control.catalog.seal(key.as_bytes()));
        self.control.catalog.commit(edit).await?;
        Ok(Answer::json(201, members(&certificate)))
    }

    pub(super) fn get_client_certificates(&self) -> Result<Answer, Error> {
        let page = Page::read(self.call)?;
        let found = self.control.catalog.read(|documents| documents.list(&keys::client_certificates()))?;
        let (found, position) = page.take(found, |certificate| certificate.value.id.as_str());
        Ok(Answer::list(found.iter().map(|certificate| members(&certificate.value).into()).collect(), position))
    }

    pub(super) fn get_client_certificate(&self, id: &str) -> Result<Answer, Error> {
        let id = ClientCertificateId::new(id);
        let found = self.control.catalog.read(|documents| find(documents, &id))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_client_certificate(&self, id: &str) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateClientCertificateInput")?;
        let id = ClientCertificateId::new(id);
        let found = self.control.catalog.read(|documents| find(documents, &id))?;
        let mut changed = found.value.clone();
        for operation in &operations {
            patch(&mut changed, operation)?;
        }
        if changed != found.value {
            let edit = Edit::new().update(&keys::client_certificate(&id), &found, &changed);
            self.control.catalog.commit(edit).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_client_certificate(&self, id: &str) -> Result<Answer, Error> {
        let id = ClientCertificateId::new(id);
        let (found, stages) =
            self.control.catalog.read(|documents| Ok::<_, Error>((find(documents, &id)?, kinds::stages(documents))))?;
        for (api, name, stage) in stages {
            if stage.client_certificate_id()?.as_deref() == Some(id.as_str()) {
                return Err(in_use(&id, &api, &name));
            }
        }
        // A stage that takes the certificate meanwhile writes it anew (`rely_on_certificate`): its revision tells.
        let key = keys::client_certificate(&id);
        self.control.catalog.commit(Edit::new().delete(&key, &found).discard_below(&key)).await?;
        Ok(Answer::empty(202))
    }
}

/// A stage takes this certificate: it must exist, and is written as it was, so that its deletion at the same time,
/// decided on before the stage had it, is overtaken.
pub(in crate::control) fn rely_on_certificate(
    documents: &Documents<'_>,
    id: Option<&str>,
    edit: Edit,
) -> Result<Edit, Error> {
    let Some(id) = id else { return Ok(edit) };
    let key = keys::client_certificate(&ClientCertificateId::new(id));
    match documents.get(&key)? {
        Some(found) => Ok(edit.update(&key, &found, &found.value)),
        None => Err(Error::bad_request(MISSING)),
    }
}

fn in_use(id: &ClientCertificateId, api: &ApiId, stage: &StageName) -> Error {
    Error::bad_request(format!(
        "Client certificate '{id}' cannot be deleted, it is used by the stage '{stage}' of the API '{api}'."
    ))
}

fn find(documents: &Documents<'_>, id: &ClientCertificateId) -> Result<Stored<ClientCertificate>, Error> {
    documents.get(&keys::client_certificate(id))?.ok_or_else(|| Error::not_found(MISSING))
}

/// A self-signed certificate for clients, and its private key, both in PEM.
fn generate(created: i64, expires: i64) -> Result<(String, String), rcgen::Error> {
    let at = |seconds: i64| SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "ApiGateway");
    params.not_before = at(created).into();
    params.not_after = at(expires).into();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn members(certificate: &ClientCertificate) -> Members {
    Members::new()
        .set("clientCertificateId", certificate.id.as_str())
        .some("description", certificate.description.clone())
        .set("pemEncodedCertificate", certificate.pem.as_str())
        .set("createdDate", certificate.created)
        .set("expirationDate", certificate.expires)
        .unless_empty("tags", serde_json::json!(certificate.tags))
}

/// What of a client certificate can be patched, and how.
fn patch(certificate: &mut ClientCertificate, operation: &Operation) -> Result<(), Error> {
    match (operation.op, operation.parts().as_slice()) {
        (Op::Replace, ["description"]) => {
            certificate.description = bounded(operation.some_text(), "description", MAX_DESCRIPTION)?;
        }
        _ => return Err(any_of(operation, PATHS)),
    }
    Ok(())
}
