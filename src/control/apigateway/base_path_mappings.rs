//! Base path mappings: CreateBasePathMapping, GetBasePathMappings, GetBasePathMapping, UpdateBasePathMapping, DeleteBasePathMapping.

use super::{Target, domain_names, mappings};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Op, Operation, Page, any_of, operations};
use crate::model::id::{ApiId, StageName, lowercase_alphanumeric};
use crate::model::rest::BasePathMapping;

const MISSING: &str = "Invalid base path mapping identifier specified";
const TAKEN: &str = "Base path already exists for this domain name";
const PATHS: &[&str] = &["/basePath", "/restapiId", "/stage"];
/// How AWS writes the empty base path.
const NONE: &str = "(none)";

impl Target<'_> {
    pub(super) async fn create_base_path_mapping(&self, domain_name: &str) -> Result<Answer, Error> {
        let domain = self.label(domain_name);
        let mapping = BasePathMapping {
            id: Some(lowercase_alphanumeric(BasePathMapping::ID_LENGTH)),
            base_path: base_path(&self.body.text("basePath")?.unwrap_or_default())?,
            api: ApiId::new(self.body.required("restApiId", mappings::UNKNOWN_API)?),
            stage: self.body.text("stage")?.filter(|stage| !stage.is_empty()).map(StageName::new),
            domain,
        };
        let edit = self.control.catalog.read(|documents| mappings::create(documents, &mapping, TAKEN))?;
        let index = self.control.catalog.commit(edit).await?;
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
        let (changed, edit) = self.control.catalog.read(|documents| {
            let found = find(documents, &domain, path)?;
            let mut changed = found.value.clone();
            for operation in &operations {
                patch(&mut changed, operation)?;
            }
            let edit = match changed == found.value {
                true => None,
                false => Some(mappings::update(documents, &found, &changed, TAKEN)?),
            };
            Ok::<_, Error>((changed, edit))
        })?;
        if let Some(edit) = edit {
            let index = self.control.catalog.commit(edit).await?;
            self.control.settle(index).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_base_path_mapping(&self, domain_name: &str, path: &str) -> Result<Answer, Error> {
        let domain = self.label(domain_name);
        let found = self.control.catalog.read(|documents| find(documents, &domain, path))?;
        let index = self.control.catalog.commit(mappings::delete(&found, Edit::new())).await?;
        self.control.settle(index).await?;
        Ok(Answer::empty(202))
    }
}

fn find(documents: &Documents<'_>, label: &str, path: &str) -> Result<Stored<BasePathMapping>, Error> {
    domain_names::find(documents, label)?;
    let path = if path == NONE { "" } else { path };
    documents.get(&keys::base_path_mapping(label, path))?.ok_or_else(|| Error::not_found(MISSING))
}

/// Reads a base path as clients write it.
fn base_path(text: &str) -> Result<String, Error> {
    if text == NONE {
        return Ok(String::new());
    }
    if text.contains('/') {
        return Err(Error::bad_request(
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level base path mapping, use API Gateway V2.",
        ));
    }
    if !mappings::is_path(text) {
        return Err(mappings::invalid_path());
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
