//! Stages that deploy by themselves: every change of their API makes a deployment, and they serve it.
//!
//! At AWS it happens some time after the change; here it is done when the call that changed the API is answered.

use super::{Target, deployments};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::repeated;
use crate::control::wire::Error;
use crate::model::http::{Deployment, Stage};
use crate::model::id::{ApiId, DeploymentId};

const DESCRIPTION: &str = "Automatic deployment triggered by changes to the Api configuration";
/// So many deployments of this kind are kept that no stage serves any longer; of those that people made, all are.
const KEPT: usize = 25;

impl Target<'_> {
    /// Has the stages that deploy by themselves serve what the API is now, and waits until they do.
    pub(super) async fn deploy_by_itself(&self, api: &ApiId) -> Result<(), Error> {
        if !self.control.catalog.read(|documents| Ok::<_, Error>(!waiting(documents, api)?.is_empty()))? {
            return Ok(());
        }
        // On its own, not as a part of the operation: the change that was made is not made again.
        match repeated(async || self.deploy_once(api).await).await {
            Ok(index) => self.control.settle(index).await,
            Err(error) => Err(Error::conflict(format!(
                "The change is stored, but stages could not deploy it by themselves: {error}"
            ))),
        }
    }

    async fn deploy_once(&self, api: &ApiId) -> Result<u64, Error> {
        let deployment = Deployment {
            id: DeploymentId::random(),
            description: Some(DESCRIPTION.to_owned()),
            created: self.control.clock.seconds(),
            auto_deployed: true,
        };
        let edit = self.control.catalog.read(|documents| {
            // Somebody may have deleted the API meanwhile.
            let Some(found) = documents.get(&keys::api(api))? else { return Ok(Edit::new()) };
            let stages = waiting(documents, api)?;
            if documents.count(&keys::routes(api)) == 0 {
                let told = format!("Deployment attempt failed: {}", deployments::NO_ROUTES);
                return Ok(tell(api, &stages, Edit::new(), |stage| stage.last_deployment_status = Some(told.clone())));
            }
            let edit =
                deployments::create(forget(documents, api)?, &deployment, &deployments::take(documents, found.value)?);
            let told = format!("Successfully deployed stage with deployment ID '{}'", deployment.id);
            Ok::<_, Error>(tell(api, &stages, edit, |stage| {
                *stage = deployments::pointed_at(stage, &deployment);
                stage.last_deployment_status = Some(told.clone());
            }))
        })?;
        Ok(self.control.catalog.commit(edit).await?)
    }
}

/// The stages of an API that deploy by themselves.
fn waiting(documents: &Documents<'_>, api: &ApiId) -> Result<Vec<Stored<Stage>>, Error> {
    let stages = documents.list(&keys::api_stages(api))?;
    Ok(stages.into_iter().filter(|stage| stage.value.auto_deploy).collect())
}

fn tell(api: &ApiId, stages: &[Stored<Stage>], edit: Edit, change: impl Fn(&mut Stage)) -> Edit {
    stages.iter().fold(edit, |edit, stage| {
        let mut changed = stage.value.clone();
        change(&mut changed);
        edit.update(&keys::api_stage(api, &changed.name), stage, &changed)
    })
}

/// Forgets the oldest deployments that stages made by themselves and no stage serves, if there are too many.
fn forget(documents: &Documents<'_>, api: &ApiId) -> Result<Edit, Error> {
    // Those that deploy by themselves leave what they serve now.
    let stages = documents.list(&keys::api_stages(api))?;
    let stages: Vec<_> = stages.into_iter().filter(|stage| !stage.value.auto_deploy).collect();
    let is_served = |id: &DeploymentId| stages.iter().any(|stage| stage.value.deployment.as_ref() == Some(id));
    let deployments = documents.list(&keys::api_deployments(api))?;
    let mut old: Vec<_> =
        deployments.into_iter().filter(|found| found.value.auto_deployed && !is_served(&found.value.id)).collect();
    old.sort_by_key(|found| std::cmp::Reverse(found.value.created));
    let edit = Edit::new().unchanged(documents, &keys::api_stages(api));
    Ok(old.iter().skip(KEPT).fold(edit, |edit, found| {
        let id = &found.value.id;
        edit.delete(&keys::api_deployment(api, id), found).discard(&keys::api_snapshot(api, id))
    }))
}
