//! What refers to what: the methods that use a model, an authorizer or a request validator keep it from being deleted.

use super::api::Tree;
use crate::catalog::{Documents, keys};
use crate::control::wire::Error;
use crate::model::id::ApiId;
use crate::model::rest::Method;

/// A method and where it is.
pub(super) struct Used {
    /// Its resource's path.
    pub(super) path: String,
    /// The method.
    pub(super) method: Method,
}

impl Used {
    /// The place as AWS prints it: path, slash, verb; the root's has two slashes.
    pub(super) fn place(&self) -> String {
        format!("{}/{}", self.path, self.method.verb)
    }
}

/// All methods of an API, in the order of their paths.
pub(super) fn methods(documents: &Documents<'_>, api: &ApiId) -> Result<Vec<Used>, Error> {
    let tree = Tree::read(documents, api)?;
    let mut all = Vec::new();
    for resource in tree.iter() {
        let path = tree.path(resource);
        for found in documents.list(&keys::methods(api, &resource.id))? {
            all.push(Used { path: path.clone(), method: found.value });
        }
    }
    all.sort_by(|one, other| (&one.path, one.method.verb).cmp(&(&other.path, other.method.verb)));
    Ok(all)
}

/// Refuses while a method uses what is to be deleted. AWS's words are recorded for authorizers, with the verb before
/// the path and a slash between them: `GET//test`.
pub(super) fn refuse_used(
    documents: &Documents<'_>,
    api: &ApiId,
    what: &str,
    uses: impl Fn(&Method) -> bool,
) -> Result<(), Error> {
    match methods(documents, api)?.iter().find(|used| uses(&used.method)) {
        Some(Used { path, method }) => {
            Err(Error::conflict(format!("Cannot delete {what}, is referenced in method: {}/{path}", method.verb)))
        }
        None => Ok(()),
    }
}
