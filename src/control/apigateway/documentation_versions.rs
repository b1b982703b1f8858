//! Documentation versions: CreateDocumentationVersion, GetDocumentationVersions, GetDocumentationVersion, UpdateDocumentationVersion, DeleteDocumentationVersion.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};
use crate::model::id::RestApiId;

impl Target<'_> {
    pub(super) async fn create_documentation_version(&self, _api: &RestApiId) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_documentation_versions(&self, _api: &RestApiId) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_documentation_version(&self, _api: &RestApiId, _doc_version: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn update_documentation_version(
        &self,
        _api: &RestApiId,
        _doc_version: &str,
    ) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn delete_documentation_version(
        &self,
        _api: &RestApiId,
        _doc_version: &str,
    ) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
