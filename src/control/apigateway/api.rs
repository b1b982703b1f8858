//! The paths of an API's resources, which follow from their ancestors.

use std::collections::HashMap;

use crate::catalog::{self, Documents, keys};
use crate::model::id::{ApiId, ResourceId};
use crate::model::rest::Resource;

/// All resources of an API, by id.
pub(super) struct Tree {
    resources: HashMap<ResourceId, Resource>,
}

impl Tree {
    pub(super) fn read(documents: &Documents<'_>, api: &ApiId) -> Result<Self, catalog::Error> {
        let resources = documents.list(&keys::resources(api))?;
        let resources = resources.into_iter().map(|found| (found.value.id.clone(), found.value));
        Ok(Self { resources: resources.collect() })
    }

    /// The tree of resources that were read already.
    pub(super) fn of(resources: &HashMap<ResourceId, Resource>) -> Self {
        Self { resources: resources.clone() }
    }

    pub(super) fn len(&self) -> usize {
        self.resources.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.resources.values()
    }

    /// The path of a resource. A chain longer than there are resources would be a circle, and ends.
    pub(super) fn path(&self, resource: &Resource) -> String {
        let mut parts = Vec::new();
        let mut current = Some(resource);
        while let Some(resource) = current.filter(|_| parts.len() <= self.resources.len()) {
            let parent = resource.parent.as_ref();
            if parent.is_some() {
                parts.push(resource.path_part.as_str());
            }
            current = parent.and_then(|parent| self.resources.get(parent));
        }
        parts.reverse();
        format!("/{}", parts.join("/"))
    }

    /// A resource and everything below it.
    pub(super) fn subtree(&self, root: &ResourceId) -> Vec<ResourceId> {
        let mut children: HashMap<&ResourceId, Vec<&ResourceId>> = HashMap::new();
        for resource in self.resources.values() {
            if let Some(parent) = &resource.parent {
                children.entry(parent).or_default().push(&resource.id);
            }
        }
        let mut found = vec![root.clone()];
        let mut at = 0;
        while let Some(parent) = found.get(at).cloned() {
            found.extend(children.remove(&parent).into_iter().flatten().cloned());
            at += 1;
        }
        found
    }
}
