//! Base path mappings: CreateBasePathMapping, GetBasePathMappings, GetBasePathMapping, UpdateBasePathMapping, DeleteBasePathMapping.

use super::{Target, not_yet};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error};
use crate::model::id::{RestApiId, StageName};
use crate::model::rest::BasePathMapping;

impl Target<'_> {
    pub(super) async fn create_base_path_mapping(&self, _domain_name: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_base_path_mappings(&self, _domain_name: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) fn get_base_path_mapping(&self, _domain_name: &str, _base_path: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn update_base_path_mapping(&self, _domain_name: &str, _base_path: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn delete_base_path_mapping(&self, _domain_name: &str, _base_path: &str) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}

/// Refuses to delete an API that domain names point at; the edit relies on none being pointed at it meanwhile.
pub(super) fn refuse_mapped_api(documents: &Documents<'_>, api: &RestApiId) -> Result<Edit, Error> {
    let (mappings, edit) = pointing_at(documents, api)?;
    match domains(mappings.iter().map(|mapping| &mapping.value)) {
        Some(domains) => Err(Error::bad_request(format!(
            "Deleting RestApi failed. Please remove all base path mappings related to the RestApi in your domains: {domains}"
        ))),
        None => Ok(edit),
    }
}

/// Refuses to delete a stage that domain names point at, as [`refuse_mapped_api`] does an API.
pub(super) fn refuse_mapped_stage(
    documents: &Documents<'_>,
    api: &RestApiId,
    stage: &StageName,
) -> Result<Edit, Error> {
    let (mappings, edit) = pointing_at(documents, api)?;
    let mapped = mappings.iter().map(|mapping| &mapping.value).filter(|mapping| mapping.stage.as_ref() == Some(stage));
    match domains(mapped) {
        Some(domains) => Err(Error::bad_request(format!(
            "Deleting stage {stage} failed. Please remove all base path mappings related to the stage in your domains: {domains}"
        ))),
        None => Ok(edit),
    }
}

fn pointing_at(documents: &Documents<'_>, api: &RestApiId) -> Result<(Vec<Stored<BasePathMapping>>, Edit), Error> {
    let prefix = keys::mappings_of(api);
    let edit = Edit::new().unchanged(&prefix, documents.index(), documents.count(&prefix));
    Ok((documents.list(&prefix)?, edit))
}

/// The domain names of some mappings, each once, as AWS prints them.
fn domains<'a>(mappings: impl Iterator<Item = &'a BasePathMapping>) -> Option<String> {
    let mut domains: Vec<&str> = mappings.map(|mapping| mapping.domain.as_str()).collect();
    domains.dedup();
    if domains.is_empty() { None } else { Some(domains.join(", ")) }
}
