//! Base path mappings: CreateBasePathMapping, GetBasePathMappings, GetBasePathMapping, UpdateBasePathMapping, DeleteBasePathMapping.

use super::{Target, domain_names};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Op, Operation, Page, any_of, operations};
use crate::model::id::{ApiId, StageName};
use crate::model::rest::{BasePathMapping, EndpointType};

const MISSING: &str = "Invalid base path mapping identifier specified";
const UNKNOWN_API: &str = "Invalid REST API identifier specified";
const PATHS: &[&str] = &["/basePath", "/restapiId", "/stage"];
/// How AWS writes the empty base path.
const NONE: &str = "(none)";
/// A domain name has at most so many: AWS's own limit is 200.
const MAX_MAPPINGS: u64 = 500;
const MAX_BASE_PATH: usize = 300;

impl Target<'_> {
    pub(super) async fn create_base_path_mapping(&self, domain_name: &str) -> Result<Answer, Error> {
        let domain = self.label(domain_name);
        let mapping = BasePathMapping {
            base_path: base_path(&self.body.text("basePath")?.unwrap_or_default())?,
            api: ApiId::new(self.body.required("restApiId", UNKNOWN_API)?),
            stage: self.body.text("stage")?.filter(|stage| !stage.is_empty()).map(StageName::new),
            domain,
        };
        let edit = self.control.catalog.read(|documents| {
            let edit = rely_on_ends(documents, &mapping)?;
            refuse_taken(documents, &mapping)?;
            if documents.count(&keys::base_path_mappings(&mapping.domain)) >= MAX_MAPPINGS {
                return Err(Error::limit_exceeded(format!(
                    "A domain name may have at most {MAX_MAPPINGS} base path mappings"
                )));
            }
            Ok(edit)
        })?;
        let index = self.control.catalog.commit(create(edit, &mapping)).await?;
        self.control.settle(index).await?;
        Ok(Answer::json(201, members(&mapping)))
    }

    pub(super) fn get_base_path_mappings(&self, domain_name: &str) -> Result<Answer, Error> {
        let page = Page::read(self.call)?;
        let domain = self.label(domain_name);
        let found = self.control.catalog.read(|documents| {
            domain_names::find(documents, &domain)?;
            Ok::<_, Error>(documents.list(&keys::base_path_mappings(&domain))?)
        })?;
        let (found, position) = page.take(found, |mapping| shown(&mapping.value));
        Ok(Answer::list(found.iter().map(|mapping| members(&mapping.value).into()).collect(), position))
    }

    pub(super) fn get_base_path_mapping(&self, domain_name: &str, path: &str) -> Result<Answer, Error> {
        let domain = self.label(domain_name);
        let found = self.control.catalog.read(|documents| find(documents, &domain, path))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_base_path_mapping(&self, domain_name: &str, path: &str) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateBasePathMappingInput")?;
        let domain = self.label(domain_name);
        let (found, changed, edit) = self.control.catalog.read(|documents| {
            let found = find(documents, &domain, path)?;
            let mut changed = found.value.clone();
            for operation in &operations {
                patch(&mut changed, operation)?;
            }
            let edit = if changed == found.value { Edit::new() } else { rely_on_ends(documents, &changed)? };
            if changed.base_path != found.value.base_path {
                refuse_taken(documents, &changed)?;
            }
            Ok::<_, Error>((found, changed, edit))
        })?;
        if changed != found.value {
            let old = &found.value;
            let at = keys::base_path_mapping(&old.domain, &old.base_path);
            let edit = edit.discard(&keys::mapping_of(old));
            // Where only what it points at changes, the document stays where it is.
            let edit = if changed.base_path == old.base_path {
                edit.update(&at, &found, &changed).put(&keys::mapping_of(&changed), &changed)
            } else {
                create(edit.delete(&at, &found), &changed)
            };
            let index = self.control.catalog.commit(edit).await?;
            self.control.settle(index).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_base_path_mapping(&self, domain_name: &str, path: &str) -> Result<Answer, Error> {
        let domain = self.label(domain_name);
        let found = self.control.catalog.read(|documents| find(documents, &domain, path))?;
        let key = keys::base_path_mapping(&domain, &found.value.base_path);
        let edit = Edit::new().delete(&key, &found).discard(&keys::mapping_of(&found.value));
        let index = self.control.catalog.commit(edit).await?;
        self.control.settle(index).await?;
        Ok(Answer::empty(202))
    }
}

/// Removes all mappings of a domain name that is deleted, and what their APIs see of them.
pub(super) fn release(documents: &Documents<'_>, label: &str, edit: Edit) -> Result<Edit, Error> {
    let prefix = keys::base_path_mappings(label);
    let found = documents.list(&prefix)?;
    Ok(found.iter().fold(edit.unchanged(documents, &prefix), |edit, mapping| {
        let at = keys::base_path_mapping(label, &mapping.value.base_path);
        edit.delete(&at, mapping).discard(&keys::mapping_of(&mapping.value))
    }))
}

/// Writes a mapping that was not there, in both places.
fn create(edit: Edit, mapping: &BasePathMapping) -> Edit {
    let key = keys::base_path_mapping(&mapping.domain, &mapping.base_path);
    edit.create(&key, mapping).put(&keys::mapping_of(mapping), mapping)
}

/// The domain name, the API and, if it is named, the stage must exist, and go on existing until the commit.
fn rely_on_ends(documents: &Documents<'_>, mapping: &BasePathMapping) -> Result<Edit, Error> {
    let domain = domain_names::find(documents, &mapping.domain)?.value;
    let api = documents.get(&keys::rest_api(&mapping.api))?.ok_or_else(|| Error::bad_request(UNKNOWN_API))?.value;
    if (api.endpoint.kind == EndpointType::Private) != domain.has(EndpointType::Private) {
        return Err(Error::bad_request(
            "Private APIs can only be mapped to private domain names, and other APIs only to public ones.",
        ));
    }
    let edit = Edit::new().require(&keys::domain_name(&mapping.domain)).require(&keys::rest_api(&mapping.api));
    let Some(stage) = &mapping.stage else { return Ok(edit) };
    let key = keys::stage(&mapping.api, stage);
    if !documents.exists(&key) {
        return Err(Error::bad_request("Invalid stage identifier specified"));
    }
    Ok(edit.require(&key))
}

fn refuse_taken(documents: &Documents<'_>, mapping: &BasePathMapping) -> Result<(), Error> {
    match documents.exists(&keys::base_path_mapping(&mapping.domain, &mapping.base_path)) {
        true => Err(Error::conflict("Base path already exists for this domain name")),
        false => Ok(()),
    }
}

fn find(documents: &Documents<'_>, label: &str, path: &str) -> Result<Stored<BasePathMapping>, Error> {
    domain_names::find(documents, label)?;
    let path = if path == NONE { "" } else { path };
    documents.get(&keys::base_path_mapping(label, path))?.ok_or_else(|| Error::not_found(MISSING))
}

/// Reads a base path as clients write it.
fn base_path(text: &str) -> Result<String, Error> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"$-_.+!*'()".contains(&byte);
    if text == NONE {
        return Ok(String::new());
    }
    if text.contains('/') {
        return Err(Error::bad_request(
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level base path mapping, use API Gateway V2.",
        ));
    }
    if text.len() > MAX_BASE_PATH || !text.bytes().all(legal) {
        return Err(Error::bad_request(format!(
            "Invalid base path specified: at most {MAX_BASE_PATH} characters of a-zA-Z0-9$-_.+!*'() are allowed"
        )));
    }
    Ok(text.to_owned())
}

fn shown(mapping: &BasePathMapping) -> &str {
    if mapping.base_path.is_empty() { NONE } else { &mapping.base_path }
}

fn members(mapping: &BasePathMapping) -> Members {
    Members::new()
        .set("basePath", shown(mapping))
        .set("restApiId", mapping.api.as_str())
        .some("stage", mapping.stage.as_ref().map(StageName::as_str))
}

/// What of a base path mapping can be patched, and how; clients spell two of the paths in two ways.
fn patch(mapping: &mut BasePathMapping, operation: &Operation) -> Result<(), Error> {
    match (operation.op, operation.parts().as_slice()) {
        (Op::Replace, ["basePath" | "basepath"]) => mapping.base_path = base_path(operation.text())?,
        (Op::Replace, ["restapiId" | "restApiId"]) => mapping.api = ApiId::new(operation.text()),
        (Op::Replace, ["stage"]) => mapping.stage = operation.some_text().map(StageName::new),
        _ => return Err(any_of(operation, PATHS)),
    }
    Ok(())
}

/// Refuses to delete an API that domain names point at; the edit relies on none being pointed at it meanwhile.
pub(super) fn refuse_mapped_api(documents: &Documents<'_>, api: &ApiId) -> Result<Edit, Error> {
    let (mappings, edit) = pointing_at(documents, api)?;
    match domains(mappings.iter().map(|mapping| &mapping.value)) {
        Some(domains) => Err(Error::bad_request(format!(
            "Deleting RestApi failed. Please remove all base path mappings related to the RestApi in your domains: {domains}"
        ))),
        None => Ok(edit),
    }
}

/// Refuses to delete a stage that domain names point at, as [`refuse_mapped_api`] does an API.
pub(super) fn refuse_mapped_stage(documents: &Documents<'_>, api: &ApiId, stage: &StageName) -> Result<Edit, Error> {
    let (mappings, edit) = pointing_at(documents, api)?;
    let mapped = mappings.iter().map(|mapping| &mapping.value).filter(|mapping| mapping.stage.as_ref() == Some(stage));
    match domains(mapped) {
        Some(domains) => Err(Error::bad_request(format!(
            "Deleting stage {stage} failed. Please remove all base path mappings related to the stage in your domains: {domains}"
        ))),
        None => Ok(edit),
    }
}

fn pointing_at(documents: &Documents<'_>, api: &ApiId) -> Result<(Vec<Stored<BasePathMapping>>, Edit), Error> {
    let prefix = keys::mappings_of(api);
    let edit = Edit::new().unchanged(documents, &prefix);
    Ok((documents.list(&prefix)?, edit))
}

/// The domain names of some mappings, each once, as AWS prints them.
fn domains<'a>(mappings: impl Iterator<Item = &'a BasePathMapping>) -> Option<String> {
    let mut domains: Vec<&str> = mappings.map(|mapping| mapping.domain.as_str()).collect();
    domains.dedup();
    if domains.is_empty() { None } else { Some(domains.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_paths_are_one_segment() {
        for (text, expected) in [
            ("", Some("")),
            ("(none)", Some("")),
            ("v1", Some("v1")),
            ("a.b-c_d$+!*'()", Some("a.b-c_d$+!*'()")),
            ("a/b", None),
            ("a b", None),
            ("a?b", None),
        ] {
            assert_eq!(base_path(text).ok().as_deref(), expected, "{text}");
        }
        assert!(base_path(&"x".repeat(301)).is_err());
    }
}
