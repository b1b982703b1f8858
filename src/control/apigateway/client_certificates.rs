//! Client certificates: GenerateClientCertificate, GetClientCertificates, GetClientCertificate, UpdateClientCertificate, DeleteClientCertificate.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};

impl Target<'_> {
    pub(super) async fn generate_client_certificate(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_client_certificates(&self) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_client_certificate(&self, _clientcertificate_id: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn update_client_certificate(&self, _clientcertificate_id: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn delete_client_certificate(&self, _clientcertificate_id: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
