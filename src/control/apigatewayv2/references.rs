//! What refers to what: the routes that use an integration, an authorizer or a model keep it from being deleted.

use super::missing_model;
use crate::catalog::{Documents, Edit, keys};
use crate::control::wire::Error;
use crate::model::http::Route;
use crate::model::id::ApiId;
use crate::model::rest::Strings;

/// The routes of an API that use something; the edit relies on none coming to use it until the commit.
pub(super) fn routes_using(
    documents: &Documents<'_>,
    api: &ApiId,
    uses: impl Fn(&Route) -> Result<bool, Error>,
) -> Result<(Vec<Route>, Edit), Error> {
    let prefix = keys::routes(api);
    let mut users = Vec::new();
    for found in documents.list(&prefix)? {
        if uses(&found.value)? {
            users.push(found.value);
        }
    }
    Ok((users, Edit::new().unchanged(documents, &prefix)))
}

/// The models that are named must exist, and go on existing until the commit.
pub(super) fn rely_on_models(
    documents: &Documents<'_>,
    api: &ApiId,
    named: Option<&Strings>,
    edit: Edit,
) -> Result<Edit, Error> {
    let Some(named) = named.filter(|named| !named.is_empty()) else { return Ok(edit) };
    let prefix = keys::api_models(api);
    let models = documents.list(&prefix)?;
    match named.values().find(|name| !models.iter().any(|model| model.value.name == **name)) {
        Some(name) => Err(missing_model(name)),
        None => Ok(edit.unchanged(documents, &prefix)),
    }
}
