//! Documentation parts: CreateDocumentationPart, ImportDocumentationParts, GetDocumentationParts, GetDocumentationPart, UpdateDocumentationPart, DeleteDocumentationPart.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};
use crate::model::id::RestApiId;

impl Target<'_> {
    pub(super) async fn create_documentation_part(&self, _api: &RestApiId) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn import_documentation_parts(&self, _api: &RestApiId) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_documentation_parts(&self, _api: &RestApiId) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_documentation_part(&self, _api: &RestApiId, _part_id: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn update_documentation_part(&self, _api: &RestApiId, _part_id: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn delete_documentation_part(&self, _api: &RestApiId, _part_id: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
