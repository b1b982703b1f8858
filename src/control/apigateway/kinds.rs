//! APIs and stages of both versions, told apart by looking: what usage plans, API keys and domain names point at may be of
//! either.

use crate::catalog::{self, Documents, Edit, Packed, keys};
use crate::model::http;
use crate::model::id::{ApiId, StageName};
use crate::model::rest::Stage;

/// A stage in bytes, to be read when the documents are no longer locked.
pub(in crate::control) enum AnyStage {
    /// Of a REST API.
    Rest(Packed<Stage>),
    /// Of an API of V2.
    Second(Packed<http::Stage>),
}

impl AnyStage {
    /// The certificate that it shows to backends.
    pub(in crate::control) fn client_certificate_id(&self) -> Result<Option<String>, catalog::Error> {
        Ok(match self {
            Self::Rest(stage) => stage.read()?.client_certificate_id,
            Self::Second(stage) => stage.read()?.client_certificate_id,
        })
    }
}

/// All stages of all APIs.
pub(in crate::control) fn stages(documents: &Documents<'_>) -> Vec<(ApiId, StageName, AnyStage)> {
    let named = documents.all_stage_keys().into_iter();
    let stages = named.filter_map(|(api, name)| {
        let rest = documents.pick(&keys::stage(&api, &name)).map(AnyStage::Rest);
        let stage = rest.or_else(|| documents.pick(&keys::api_stage(&api, &name)).map(AnyStage::Second))?;
        Some((api, name, stage))
    });
    stages.collect()
}

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
