//! Documentation versions: CreateDocumentationVersion, GetDocumentationVersions, GetDocumentationVersion, UpdateDocumentationVersion, DeleteDocumentationVersion.
//!
//! A version is all parts of an API as they were at one commit.

use super::{Target, bounded};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Op, Page, any_of, operations};
use crate::model::id::{ApiId, StageName};
use crate::model::rest::{DocumentationVersion, Stage};

const MISSING: &str = "Invalid Documentation version specified";
/// An API has at most so many documentation versions.
const MAX_VERSIONS: u64 = 500;
const MAX_NAME: usize = 64;
const MAX_DESCRIPTION: usize = 1024;

impl Target<'_> {
    pub(super) async fn create_documentation_version(&self, api: &ApiId) -> Result<Answer, Error> {
        let body = self.body;
        let name = body.required("documentationVersion", "Documentation version must be specified")?;
        bounded(Some(name.clone()), "documentation version", MAX_NAME)?;
        let description = body.text("description")?.filter(|text| !text.is_empty());
        let description = bounded(description, "description", MAX_DESCRIPTION)?;
        let stage = body.text("stageName")?.filter(|name| !name.is_empty()).map(StageName::new);
        let now = self.control.clock.seconds();
        let key = keys::documentation_version(api, &name);
        let (version, edit) = self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            if documents.exists(&key) {
                return Err(Error::conflict(format!("Documentation version already exists: {name}")));
            }
            if documents.count(&keys::documentation_versions(api)) >= MAX_VERSIONS {
                return Err(Error::limit_exceeded(format!(
                    "An API may have at most {MAX_VERSIONS} documentation versions"
                )));
            }
            let parts = documents.list(&keys::documentation_parts(api))?;
            let parts = parts.into_iter().map(|found| found.value).collect();
            let version = DocumentationVersion { version: name.clone(), description, created: now, parts };
            let edit = Edit::new().require(&keys::rest_api(api));
            let Some(stage) = &stage else { return Ok((version, edit)) };
            let key = keys::stage(api, stage);
            let found = documents.get(&key)?.ok_or_else(|| Error::not_found("Invalid stage identifier specified"))?;
            let changed = Stage { documentation_version: Some(name.clone()), updated: now, ..found.value.clone() };
            Ok((version, edit.update(&key, &found, &changed)))
        })?;
        let index = self.control.catalog.commit(edit.create(&key, &version)).await?;
        if stage.is_some() {
            self.control.settle(index).await?;
        }
        Ok(Answer::json(201, members(&version)))
    }

    pub(super) fn get_documentation_versions(&self, api: &ApiId) -> Result<Answer, Error> {
        let mut versions = self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            Ok::<_, Error>(documents.list(&keys::documentation_versions(api))?)
        })?;
        // Keys spell a slash in another way: their order need not be that of the names, by which pages go on.
        versions.sort_by(|one, other| one.value.version.cmp(&other.value.version));
        let (versions, position) = Page::read(self.call)?.take(versions, |found| found.value.version.as_str());
        Ok(Answer::list(versions.iter().map(|found| members(&found.value).into()).collect(), position))
    }

    pub(super) fn get_documentation_version(&self, api: &ApiId, name: &str) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| self.find_version(documents, api, name))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_documentation_version(&self, api: &ApiId, name: &str) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateDocumentationVersionInput")?;
        let found = self.control.catalog.read(|documents| self.find_version(documents, api, name))?;
        let mut changed = found.value.clone();
        for operation in &operations {
            match (operation.op, operation.parts().as_slice()) {
                (Op::Replace, ["description"]) => {
                    changed.description = bounded(operation.some_text(), "description", MAX_DESCRIPTION)?;
                }
                _ => return Err(any_of(operation, &["/description"])),
            }
        }
        if changed != found.value {
            let key = keys::documentation_version(api, name);
            self.control.catalog.commit(Edit::new().update(&key, &found, &changed)).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_documentation_version(&self, api: &ApiId, name: &str) -> Result<Answer, Error> {
        let edit = self.control.catalog.read(|documents| {
            let found = self.find_version(documents, api, name)?;
            let stages = keys::stages(api);
            let stands = |stage: &Stored<Stage>| stage.value.documentation_version.as_deref() == Some(name);
            if documents.list(&stages)?.iter().any(stands) {
                return Err(Error::bad_request(
                    "Active stages pointing to this documentation version must be moved or deleted",
                ));
            }
            // No stage may come to point at it between this look and the commit.
            let edit = Edit::new().unchanged(documents, &stages);
            Ok(edit.delete(&keys::documentation_version(api, name), &found))
        })?;
        self.control.catalog.commit(edit).await?;
        Ok(Answer::empty(202))
    }

    fn find_version(
        &self,
        documents: &Documents<'_>,
        api: &ApiId,
        name: &str,
    ) -> Result<Stored<DocumentationVersion>, Error> {
        self.find_api(documents, api)?;
        documents.get(&keys::documentation_version(api, name))?.ok_or_else(|| Error::not_found(MISSING))
    }
}

fn members(version: &DocumentationVersion) -> Members {
    Members::new()
        .set("version", version.version.as_str())
        .set("createdDate", version.created)
        .some("description", version.description.clone())
}
