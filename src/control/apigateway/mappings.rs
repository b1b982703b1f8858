//! What domain names and APIs know of each other, whichever version's words it was said in: a mapping is kept with its
//! domain name, and seen from the API that it points at.

use super::domain_names;
use crate::catalog::{Documents, Edit, Key, Stored, keys};
use crate::control::wire::Error;
use crate::model::id::{ApiId, StageName};
use crate::model::rest::{BasePathMapping, EndpointType};

pub(super) const UNKNOWN_API: &str = "Invalid REST API identifier specified";
/// A domain name has at most so many: AWS's own limit is 200.
const MAX_MAPPINGS: u64 = 500;
const MAX_PATH: usize = 300;

/// Adds a mapping, in both places; `taken` is what is said if its path leads elsewhere already.
pub(in crate::control) fn create(
    documents: &Documents<'_>,
    mapping: &BasePathMapping,
    taken: &str,
) -> Result<Edit, Error> {
    let edit = rely_on_ends(documents, mapping)?;
    refuse_taken(documents, mapping, taken)?;
    if documents.count(&keys::base_path_mappings(&mapping.domain)) >= MAX_MAPPINGS {
        return Err(Error::limit_exceeded(format!("A domain name may have at most {MAX_MAPPINGS} base path mappings")));
    }
    Ok(write(documents, edit, mapping))
}

/// Writes a mapping that was changed, in both places.
pub(in crate::control) fn update(
    documents: &Documents<'_>,
    found: &Stored<BasePathMapping>,
    changed: &BasePathMapping,
    taken: &str,
) -> Result<Edit, Error> {
    let old = &found.value;
    let edit = discard_seen(rely_on_ends(documents, changed)?, old);
    let at = keys::base_path_mapping(&old.domain, &old.base_path);
    if changed.base_path == old.base_path {
        // Only what it points at changes: the document stays where it is.
        return Ok(edit.update(&at, found, changed).put(&seen_at(documents, changed), changed));
    }
    refuse_taken(documents, changed, taken)?;
    Ok(write(documents, edit.delete(&at, found), changed))
}

/// Removes a mapping, in both places.
pub(in crate::control) fn delete(found: &Stored<BasePathMapping>, edit: Edit) -> Edit {
    let mapping = &found.value;
    discard_seen(edit.delete(&keys::base_path_mapping(&mapping.domain, &mapping.base_path), found), mapping)
}

/// Removes all mappings of a domain name that is deleted, and what their APIs see of them.
pub(super) fn release(documents: &Documents<'_>, label: &str, edit: Edit) -> Result<Edit, Error> {
    let prefix = keys::base_path_mappings(label);
    let found = documents.list(&prefix)?;
    Ok(found.iter().fold(edit.unchanged(documents, &prefix), |edit, mapping| delete(mapping, edit)))
}

fn write(documents: &Documents<'_>, edit: Edit, mapping: &BasePathMapping) -> Edit {
    let key = keys::base_path_mapping(&mapping.domain, &mapping.base_path);
    edit.create(&key, mapping).put(&seen_at(documents, mapping), mapping)
}

/// Where the API that a mapping points at sees it.
fn seen_at(documents: &Documents<'_>, mapping: &BasePathMapping) -> Key<BasePathMapping> {
    match documents.exists(&keys::api(&mapping.api)) {
        true => keys::mapping_of_api(mapping),
        false => keys::mapping_of(mapping),
    }
}

fn discard_seen(edit: Edit, mapping: &BasePathMapping) -> Edit {
    edit.discard(&keys::mapping_of(mapping)).discard(&keys::mapping_of_api(mapping))
}

/// The domain name, the API and, if it is named, the stage must exist, and go on existing until the commit.
fn rely_on_ends(documents: &Documents<'_>, mapping: &BasePathMapping) -> Result<Edit, Error> {
    let domain = domain_names::find(documents, &mapping.domain)?.value;
    let edit = Edit::new().require(&keys::domain_name(&mapping.domain));
    let is_web_socket = documents.exists(&keys::api(&mapping.api));
    let is_private = if is_web_socket { Some(false) } else { is_private(documents, &mapping.api)? };
    match is_private {
        None => return Err(Error::bad_request(UNKNOWN_API)),
        Some(is_private) if is_private != domain.has(EndpointType::Private) => {
            return Err(Error::bad_request(
                "Private APIs can only be mapped to private domain names, and other APIs only to public ones.",
            ));
        }
        Some(_) => {}
    }
    if is_web_socket && !domain.has(EndpointType::Regional) {
        return Err(Error::bad_request(domain_names::ONLY_REGIONAL));
    }
    let edit = refuse_others(documents, mapping, is_web_socket, edit)?;
    let edit = match is_web_socket {
        true => edit.require(&keys::api(&mapping.api)),
        false => edit.require(&keys::rest_api(&mapping.api)),
    };
    let Some(stage) = &mapping.stage else { return Ok(edit) };
    super::kinds::require_stage(documents, &mapping.api, stage, edit)
        .ok_or_else(|| Error::bad_request("Invalid stage identifier specified"))
}

/// Whether a REST API is private; nothing, if there is none with this id.
fn is_private(documents: &Documents<'_>, api: &ApiId) -> Result<Option<bool>, Error> {
    let found = documents.get(&keys::rest_api(api))?;
    Ok(found.map(|found| found.value.endpoint.kind == EndpointType::Private))
}

/// A domain name serves WebSocket APIs or others, not both; the edit relies on none of the others coming to it.
fn refuse_others(
    documents: &Documents<'_>,
    mapping: &BasePathMapping,
    is_web_socket: bool,
    edit: Edit,
) -> Result<Edit, Error> {
    let prefix = keys::base_path_mappings(&mapping.domain);
    let others = documents.list(&prefix)?;
    let mut others = others.iter().filter(|other| other.value.id() != mapping.id());
    match others.any(|other| documents.exists(&keys::api(&other.value.api)) != is_web_socket) {
        true => Err(Error::bad_request(
            "A domain name can serve WebSocket APIs, or REST and HTTP APIs, but not both: it serves the others already.",
        )),
        false => Ok(edit.unchanged(documents, &prefix)),
    }
}

fn refuse_taken(documents: &Documents<'_>, mapping: &BasePathMapping, taken: &str) -> Result<(), Error> {
    match documents.exists(&keys::base_path_mapping(&mapping.domain, &mapping.base_path)) {
        true => Err(Error::conflict(taken)),
        false => Ok(()),
    }
}

/// Whether a text may be one segment of a mapping's path, or all of them with slashes between.
pub(in crate::control) fn is_path(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"$-_.+!*'()/".contains(&byte);
    text.len() <= MAX_PATH && text.bytes().all(legal)
}

/// What a base path that is none is refused with.
pub(in crate::control) fn invalid_path() -> Error {
    Error::bad_request(format!(
        "Invalid base path specified: at most {MAX_PATH} characters of a-zA-Z0-9$-_.+!*'() are allowed"
    ))
}

/// Refuses to delete an API of this kind, in AWS's word for it, that domain names point at; the edit relies on none being pointed at it meanwhile.
pub(in crate::control) fn refuse_mapped_api(documents: &Documents<'_>, api: &ApiId, kind: &str) -> Result<Edit, Error> {
    let (mappings, edit) = pointing_at(documents, api)?;
    match domains(mappings.iter().map(|mapping| &mapping.value)) {
        Some(domains) => Err(Error::bad_request(format!(
            "Deleting {kind} failed. Please remove all base path mappings related to the {kind} in your domains: {domains}"
        ))),
        None => Ok(edit),
    }
}

/// Refuses to delete a stage that domain names point at, as [`refuse_mapped_api`] does an API.
pub(in crate::control) fn refuse_mapped_stage(
    documents: &Documents<'_>,
    api: &ApiId,
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

fn pointing_at(documents: &Documents<'_>, api: &ApiId) -> Result<(Vec<Stored<BasePathMapping>>, Edit), Error> {
    let mut mappings = Vec::new();
    let mut edit = Edit::new();
    for prefix in [keys::mappings_of(api), keys::mappings_of_api(api)] {
        mappings.extend(documents.list(&prefix)?);
        edit = edit.unchanged(documents, &prefix);
    }
    Ok((mappings, edit))
}

/// The domain names of some mappings, each once, as AWS prints them.
fn domains<'a>(mappings: impl Iterator<Item = &'a BasePathMapping>) -> Option<String> {
    let mut domains: Vec<&str> = mappings.map(|mapping| mapping.domain.as_str()).collect();
    domains.dedup();
    if domains.is_empty() { None } else { Some(domains.join(", ")) }
}
