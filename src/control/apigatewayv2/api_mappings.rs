//! API mappings: CreateApiMapping, GetApiMappings, GetApiMapping, UpdateApiMapping, DeleteApiMapping.
//!
//! They are V1's base path mappings, named by ids; those of REST APIs may have several levels here.

use super::domain_names;
use super::{Target, find_api};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::apigateway::mappings;
use crate::control::wire::{Answer, Error, Input, Members};
use crate::model::id::{ApiId, StageName, lowercase_alphanumeric};
use crate::model::rest::BasePathMapping;

const MISSING: &str = "The api mapping resource specified in the request was not found.";
const TAKEN: &str = "ApiMapping key already exists for this domain name";

impl Target<'_> {
    pub(super) async fn create_api_mapping(&self, name: &str) -> Result<Answer, Error> {
        let mut mapping = BasePathMapping {
            id: Some(lowercase_alphanumeric(BasePathMapping::ID_LENGTH)),
            domain: String::new(),
            base_path: String::new(),
            api: ApiId::new(self.body.required("apiId", "ApiId must be specified")?),
            stage: None,
        };
        apply(&mut mapping, self.body)?;
        if mapping.stage.is_none() {
            return Err(Error::bad_request("Stage must be specified"));
        }
        let (mapping, edit) = self.control.catalog.read(|documents| {
            mapping.domain = domain_names::find(documents, name)?.value.label();
            check(documents, &mapping)?;
            let edit = mappings::create(documents, &mapping, TAKEN)?;
            Ok::<_, Error>((mapping, edit))
        })?;
        let index = self.control.catalog.commit(edit).await?;
        self.control.settle(index).await?;
        Ok(Answer::json(201, members(&mapping)))
    }

    pub(super) fn get_api_mappings(&self, name: &str) -> Result<Answer, Error> {
        let mut found = self.control.catalog.read(|documents| {
            let domain = domain_names::find(documents, name)?;
            Ok::<_, Error>(documents.list(&keys::base_path_mappings(&domain.value.label()))?)
        })?;
        found.sort_by(|one, other| one.value.id().cmp(other.value.id()));
        self.page(found, BasePathMapping::id, members)
    }

    pub(super) fn get_api_mapping(&self, name: &str, id: &str) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, name, id))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_api_mapping(&self, name: &str, id: &str) -> Result<Answer, Error> {
        let (changed, edit) = self.control.catalog.read(|documents| {
            let found = find(documents, name, id)?;
            let mut changed = found.value.clone();
            if let Some(api) = self.body.text("apiId")?.filter(|api| !api.is_empty()) {
                changed.api = ApiId::new(api);
            }
            apply(&mut changed, self.body)?;
            if changed == found.value {
                return Ok::<_, Error>((changed, None));
            }
            check(documents, &changed)?;
            let edit = mappings::update(documents, &found, &changed, TAKEN)?;
            Ok((changed, Some(edit)))
        })?;
        if let Some(edit) = edit {
            let index = self.control.catalog.commit(edit).await?;
            self.control.settle(index).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_api_mapping(&self, name: &str, id: &str) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, name, id))?;
        let index = self.control.catalog.commit(mappings::delete(&found, Edit::new())).await?;
        self.control.settle(index).await?;
        Ok(Answer::empty(204))
    }
}

fn find(documents: &Documents<'_>, name: &str, id: &str) -> Result<Stored<BasePathMapping>, Error> {
    let domain = domain_names::find(documents, name)?;
    let found = documents.list(&keys::base_path_mappings(&domain.value.label()))?;
    found.into_iter().find(|mapping| mapping.value.id() == id).ok_or_else(|| Error::not_found(MISSING))
}

/// Does to a mapping what a body says.
fn apply(mapping: &mut BasePathMapping, body: &Input) -> Result<(), Error> {
    if let Some(key) = body.text("apiMappingKey")? {
        mapping.base_path = mapping_key(key)?;
    }
    if let Some(stage) = body.text("stage")?.filter(|stage| !stage.is_empty()) {
        mapping.stage = Some(StageName::new(stage));
    }
    Ok(())
}

/// What must be so of a mapping in this plane, beside what must be so of all.
fn check(documents: &Documents<'_>, mapping: &BasePathMapping) -> Result<(), Error> {
    let is_web_socket = documents.exists(&keys::api(&mapping.api));
    if !is_web_socket && !documents.exists(&keys::rest_api(&mapping.api)) {
        find_api(documents, &mapping.api)?;
    }
    match is_web_socket && mapping.base_path.contains('/') {
        true => Err(Error::bad_request("API mappings of WEBSOCKET protocol Apis have one level: no '/' is allowed.")),
        false => Ok(()),
    }
}

/// Reads a mapping's key: what paths begin with, without slashes around it.
fn mapping_key(key: String) -> Result<String, Error> {
    if key.starts_with('/') || key.contains("//") {
        return Err(Error::bad_request("API mapping key should not start with a '/' or have consecutive '/'s."));
    }
    if key.ends_with('/') {
        return Err(Error::bad_request("API mapping key should not end with a '/'."));
    }
    match mappings::is_path(&key) {
        // V1's word for an empty one.
        true if key == "(none)" => Ok(String::new()),
        true => Ok(key),
        false => Err(mappings::invalid_path()),
    }
}

fn members(mapping: &BasePathMapping) -> Members {
    Members::new()
        .set("apiId", mapping.api.as_str())
        .set("apiMappingId", mapping.id())
        .set("apiMappingKey", mapping.base_path.as_str())
        .some("stage", mapping.stage.as_ref().map(StageName::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_no_slashes_around_them() {
        for (key, expected) in [
            ("", Some("")),
            ("chat", Some("chat")),
            ("a/b", Some("a/b")),
            ("(none)", Some("")),
            ("/a", None),
            ("a/", None),
            ("a//b", None),
            ("a b", None),
        ] {
            assert_eq!(mapping_key(key.to_owned()).ok().as_deref(), expected, "{key}");
        }
        assert!(mapping_key("x".repeat(301)).is_err());
    }
}
