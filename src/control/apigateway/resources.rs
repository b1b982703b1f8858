//! Resources: CreateResource, GetResource, GetResources, UpdateResource, DeleteResource.
//!
//! That siblings differ is the catalog's to hold: a path part is claimed by a document of its own.

use serde_json::Value;

use super::api::Tree;
use super::{Target, find_resource, methods};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Op, Page, any_of, operations};
use crate::model::id::{ApiId, ResourceId};
use crate::model::rest::{Method, PathPart, Resource};

const BAD_PART: &str = "Resource's path part only allow a-zA-Z0-9._-: and curly braces at the beginning and the end and an optional plus sign before the closing brace.";
const PATHS: &[&str] = &["/parentId", "/pathPart"];
/// An API has at most so many resources: AWS's own limit is 300, on request more. All below one are removed at once.
pub(super) const MAX_RESOURCES: usize = 2000;

impl Target<'_> {
    pub(super) async fn create_resource(&self, api: &ApiId, parent: &ResourceId) -> Result<Answer, Error> {
        let part = self.body.required("pathPart", "Resource's path part must be specified")?;
        check_part(&part)?;
        let resource = Resource { id: ResourceId::random(), parent: Some(parent.clone()), path_part: part };
        let path = self.control.catalog.read(|documents| {
            let found = find_resource(documents, api, parent)?;
            check_parent(&found.value.path_part)?;
            check_siblings(documents, api, &resource)?;
            let tree = Tree::read(documents, api)?;
            if tree.len() >= MAX_RESOURCES {
                return Err(Error::limit_exceeded(format!("An API may have at most {MAX_RESOURCES} resources")));
            }
            Ok::<_, Error>(tree.path(&resource))
        })?;
        let edit = Edit::new()
            .require(&keys::resource(api, parent))
            .create(&keys::child(api, parent, &resource.path_part), &resource.id)
            .create(&keys::resource(api, &resource.id), &resource);
        self.control.catalog.commit(edit).await?;
        Ok(Answer::json(201, members(&resource, path, Value::Null)))
    }

    pub(super) fn get_resource(&self, api: &ApiId, id: &ResourceId) -> Result<Answer, Error> {
        self.control.catalog.read(|documents| {
            let found = find_resource(documents, api, id)?;
            let tree = Tree::read(documents, api)?;
            let methods = self.resource_methods(documents, api, id)?;
            Ok(Answer::json(200, members(&found.value, tree.path(&found.value), methods)))
        })
    }

    pub(super) fn get_resources(&self, api: &ApiId) -> Result<Answer, Error> {
        let page = Page::read(self.call)?;
        self.control.catalog.read(|documents| {
            if !documents.exists(&keys::rest_api(api)) {
                return Err(Error::not_found("Invalid Resource identifier specified"));
            }
            let tree = Tree::read(documents, api)?;
            let mut resources: Vec<&Resource> = tree.iter().collect();
            resources.sort_by(|one, other| one.id.cmp(&other.id));
            let (resources, position) = page.take(resources, |resource| resource.id.as_str());
            let mut items = Vec::new();
            for resource in resources {
                let methods = self.resource_methods(documents, api, &resource.id)?;
                items.push(members(resource, tree.path(resource), methods).into());
            }
            Ok(Answer::list(items, position))
        })
    }

    /// The methods of a resource: whole if that is asked for, otherwise their verbs with nothing behind them.
    fn resource_methods(&self, documents: &Documents<'_>, api: &ApiId, id: &ResourceId) -> Result<Value, Error> {
        let whole = self.embeds("methods");
        let found: Vec<Stored<Method>> = documents.list(&keys::methods(api, id))?;
        let methods = found.iter().map(|method| {
            let value = if whole { methods::members(&method.value).into() } else { Members::new().into() };
            (method.value.verb.to_string(), value)
        });
        Ok(Value::Object(methods.collect()))
    }

    pub(super) async fn update_resource(&self, api: &ApiId, id: &ResourceId) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateResourceInput")?;
        let (found, changed, edit, path, methods) = self.control.catalog.read(|documents| {
            let found = find_resource(documents, api, id)?;
            let tree = Tree::read(documents, api)?;
            let mut changed = found.value.clone();
            let mut edit = Edit::new();
            for operation in &operations {
                let is_root = changed.parent.is_none();
                match (operation.op, operation.parts().as_slice()) {
                    (Op::Replace, ["pathPart"]) if is_root => {
                        return Err(Error::bad_request("Root resource cannot update its pathPart."));
                    }
                    (Op::Replace, ["parentId"]) if is_root => {
                        return Err(Error::bad_request("Root resource cannot update its parentId."));
                    }
                    (Op::Replace, ["pathPart"]) => {
                        check_part(operation.text())?;
                        let children = keys::children(api, id);
                        if documents.count(&children) > 0 {
                            check_parent(operation.text())?;
                        }
                        edit = edit.unchanged(documents, &children);
                        changed.path_part = operation.text().to_owned();
                    }
                    (Op::Replace, ["parentId"]) => {
                        let parent = ResourceId::new(operation.text());
                        if tree.subtree(id).contains(&parent) {
                            return Err(Error::bad_request("Resources cannot be cyclical."));
                        }
                        check_parent(&find_resource(documents, api, &parent)?.value.path_part)?;
                        changed.parent = Some(parent);
                    }
                    _ => return Err(any_of(operation, PATHS)),
                }
            }
            if changed != found.value {
                check_siblings(documents, api, &changed)?;
                let (Some(old), Some(new)) = (&found.value.parent, &changed.parent) else {
                    return Err(Error::internal());
                };
                let (old_claim, new_claim) =
                    (keys::child(api, old, &found.value.path_part), keys::child(api, new, &changed.path_part));
                // Moves under each other, made at the same time on two nodes, could close a circle: all resources stay.
                let resources = keys::resources(api);
                edit = edit.unchanged(documents, &resources);
                if old_claim.as_str() != new_claim.as_str() {
                    edit = edit.discard(&old_claim).create(&new_claim, id);
                }
            }
            let path = tree.path(&changed);
            Ok((found, changed, edit, path, self.resource_methods(documents, api, id)?))
        })?;
        if changed != found.value {
            let edit = edit.update(&keys::resource(api, id), &found, &changed);
            self.control.catalog.commit(edit).await?;
        }
        Ok(Answer::json(200, members(&changed, path, methods)))
    }

    pub(super) async fn delete_resource(&self, api: &ApiId, id: &ResourceId) -> Result<Answer, Error> {
        let edit = self.control.catalog.read(|documents| {
            let found = find_resource(documents, api, id)?;
            let Some(parent) = &found.value.parent else {
                return Err(Error::bad_request("Root resource cannot be deleted."));
            };
            // A new name, given meanwhile, would leave another claim than this one behind.
            let mut edit = Edit::new().rely_on(&keys::resource(api, id), &found).discard(&keys::child(
                api,
                parent,
                &found.value.path_part,
            ));
            for doomed in Tree::read(documents, api)?.subtree(id) {
                // A child that is created meanwhile would be left behind without a parent.
                let children = keys::children(api, &doomed);
                let key = keys::resource(api, &doomed);
                edit = edit.unchanged(documents, &children).discard(&key).discard_below(&key);
            }
            Ok(edit)
        })?;
        self.control.catalog.commit(edit).await?;
        Ok(Answer::empty(202))
    }
}

pub(super) fn check_part(part: &str) -> Result<(), Error> {
    let inner = match PathPart::parse(part) {
        PathPart::Literal(text) | PathPart::Variable(text) | PathPart::Greedy(text) => text,
    };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':' | b'$');
    if inner.is_empty() || part.len() > 512 || !inner.bytes().all(legal) || inner == "." || inner == ".." {
        return Err(Error::bad_request(BAD_PART));
    }
    Ok(())
}

/// Whether a resource with this part may have children.
pub(super) fn check_parent(part: &str) -> Result<(), Error> {
    match PathPart::parse(part) {
        PathPart::Greedy(_) => {
            Err(Error::bad_request(format!("Cannot create a child of a resource with a greedy path variable: {part}")))
        }
        PathPart::Literal(_) | PathPart::Variable(_) => Ok(()),
    }
}

/// Says in AWS's words what the claim would refuse.
fn check_siblings(documents: &Documents<'_>, api: &ApiId, resource: &Resource) -> Result<(), Error> {
    let Some(parent) = &resource.parent else { return Ok(()) };
    let Some(holder) = documents.get(&keys::child(api, parent, &resource.path_part))? else { return Ok(()) };
    if holder.value == resource.id {
        return Ok(());
    }
    let sibling = find_resource(documents, api, &holder.value)?.value;
    if sibling.path_part == resource.path_part {
        return Err(Error::conflict(format!(
            "Another resource with the same parent already has this name: {}",
            resource.path_part
        )));
    }
    Err(Error::bad_request(format!(
        "A sibling ({}) of this resource already has a variable path part -- only one is allowed",
        sibling.path_part
    )))
}

fn members(resource: &Resource, path: String, methods: Value) -> Members {
    let members = Members::new().set("id", resource.id.as_str());
    let members = match &resource.parent {
        Some(parent) => members.set("parentId", parent.as_str()).set("pathPart", resource.path_part.as_str()),
        None => members,
    };
    members.set("path", path).unless_empty("resourceMethods", methods)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_parts_are_checked() {
        for (part, fine) in [
            ("pets", true),
            ("{petId}", true),
            ("{proxy+}", true),
            ("a.b_c-d:e", true),
            ("", false),
            ("a/b", false),
            ("{}", false),
            ("{+}", false),
            ("a{b}", false),
            ("..", false),
            ("é", false),
        ] {
            assert_eq!(check_part(part).is_ok(), fine, "{part}");
        }
    }
}
