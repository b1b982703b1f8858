//! APIs and stages of both versions, told apart by looking: what usage plans, API keys and domain names point at may be of
//! either.

use crate::catalog::{Documents, Edit, keys};
use crate::model::id::{ApiId, StageName};

/// A stage of an API of whichever version goes on existing until the commit; nothing, if there is none.
pub(in crate::control) fn require_stage(
    documents: &Documents<'_>,
    api: &ApiId,
    stage: &StageName,
    edit: Edit,
) -> Option<Edit> {
    let (first, second) = (keys::stage(api, stage), keys::api_stage(api, stage));
    match () {
        () if documents.exists(&first) => Some(edit.require(&first)),
        () if documents.exists(&second) => Some(edit.require(&second)),
        () => None,
    }
}
