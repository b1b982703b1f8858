//! VPC links: CreateVpcLink, GetVpcLinks, GetVpcLink, UpdateVpcLink, DeleteVpcLink.

use super::{Target, bounded};
use crate::catalog::{Documents, Edit, Packed, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Op, Operation, Page, any_of, operations};
use crate::model::id::{IntegrationId, StageName, VpcLinkId};
use crate::model::rest::{ConnectionType, Snapshot, VpcLink};
use crate::model::{arn, http};

pub(super) const MISSING: &str = "Invalid Vpc Link identifier specified";
const NO_NAME: &str = "Name cannot be empty";
const PATHS: &[&str] = &["/name", "/description"];
const MAX_NAME: usize = 1024;
const MAX_DESCRIPTION: usize = 1024;
/// An account has at most so many: AWS's own limit is 20.
const MAX_LINKS: u64 = 200;

impl Target<'_> {
    pub(super) async fn create_vpc_link(&self) -> Result<Answer, Error> {
        let name = self.body.required("name", NO_NAME)?;
        let target_arns = self.body.texts("targetArns")?.unwrap_or_default();
        if target_arns.len() != 1 {
            return Err(Error::bad_request("Exactly one target ARN must be specified"));
        }
        if let Some(bad) = target_arns.iter().find(|target| !is_balancer(target)) {
            return Err(Error::bad_request(format!("Invalid ARN. ARN is not well formed {bad}")));
        }
        let description = self.body.text("description")?.filter(|text| !text.is_empty());
        let link = VpcLink {
            id: VpcLinkId::random(),
            name: bounded(Some(name), "name", MAX_NAME)?.unwrap_or_default(),
            description: bounded(description, "description", MAX_DESCRIPTION)?,
            target_arns,
            tags: super::tags(self.body)?,
        };
        if self.control.catalog.read(|documents| documents.count(&keys::vpc_links())) >= MAX_LINKS {
            return Err(Error::limit_exceeded(format!("There may be at most {MAX_LINKS} VPC links")));
        }
        self.control.catalog.commit(Edit::new().create(&keys::vpc_link(&link.id), &link)).await?;
        // At AWS it takes minutes until the link is there; here only this first answer says so.
        let answer = described(&link).set("status", "PENDING");
        Ok(Answer::json(202, answer.unless_empty("tags", serde_json::json!(link.tags))))
    }

    pub(super) fn get_vpc_links(&self) -> Result<Answer, Error> {
        let page = Page::read(self.call)?;
        let found = self.control.catalog.read(|documents| documents.list(&keys::vpc_links()))?;
        let (found, position) = page.take(found, |link| link.value.id.as_str());
        Ok(Answer::list(found.iter().map(|link| members(&link.value).into()).collect(), position))
    }

    pub(super) fn get_vpc_link(&self, id: &str) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, &VpcLinkId::new(id)))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_vpc_link(&self, id: &str) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateVpcLinkInput")?;
        let id = VpcLinkId::new(id);
        let found = self.control.catalog.read(|documents| find(documents, &id))?;
        let mut changed = found.value.clone();
        for operation in &operations {
            patch(&mut changed, operation)?;
        }
        if changed != found.value {
            self.control.catalog.commit(Edit::new().update(&keys::vpc_link(&id), &found, &changed)).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_vpc_link(&self, id: &str) -> Result<Answer, Error> {
        let id = VpcLinkId::new(id);
        let (found, deployed, edit) = self.control.catalog.read(|documents| {
            let found = find(documents, &id)?;
            // Nothing that uses the link is deployed meanwhile: deletions of links are rare, and may be repeated.
            let edit = Edit::new().unchanged(documents, &keys::rest_apis()).unchanged(documents, &keys::apis());
            Ok::<_, Error>((found, deployed(documents)?, edit))
        })?;
        let mut users = Vec::new();
        for (stage, snapshot) in deployed {
            users.extend(match snapshot {
                Deployed::Rest(snapshot) => uses(&stage, &snapshot.read()?, &id),
                Deployed::WebSocket(snapshot) => uses_of_routes(&stage, &snapshot.read()?, &id),
            });
        }
        if !users.is_empty() {
            users.sort();
            users.dedup();
            return Err(Error::bad_request(format!(
                "Cannot delete vpc link. Vpc link '{id}', is referenced in [{}] in format of [Method:Resource:Stage].",
                users.join(", ")
            )));
        }
        self.control.catalog.commit(edit.delete(&keys::vpc_link(&id), &found)).await?;
        Ok(Answer::empty(202))
    }
}

/// What a stage serves, in bytes.
enum Deployed {
    Rest(Packed<Snapshot>),
    WebSocket(Packed<http::Snapshot>),
}

/// What all stages of all APIs serve.
fn deployed(documents: &Documents<'_>) -> Result<Vec<(StageName, Deployed)>, Error> {
    let mut found = Vec::new();
    for (api, name) in documents.all_stage_keys() {
        if let Some(stage) = documents.get(&keys::stage(&api, &name))? {
            let canary = stage.value.canary.map(|canary| canary.deployment);
            let deployments = [Some(stage.value.deployment), canary].into_iter().flatten();
            let snapshots = deployments.filter_map(|id| documents.pick(&keys::snapshot(&api, &id)));
            found.extend(snapshots.map(|snapshot| (name.clone(), Deployed::Rest(snapshot))));
        } else if let Some(stage) = documents.get(&keys::api_stage(&api, &name))? {
            let snapshot = stage.value.deployment.and_then(|id| documents.pick(&keys::api_snapshot(&api, &id)));
            found.extend(snapshot.map(|snapshot| (name.clone(), Deployed::WebSocket(snapshot))));
        }
    }
    Ok(found)
}

/// The deployed routes that use a link, in the form of methods: an integration stands where the resource does.
fn uses_of_routes(stage: &StageName, snapshot: &http::Snapshot, link: &VpcLinkId) -> Vec<String> {
    let through_link = |id: &IntegrationId| {
        let mut all = snapshot.integrations.iter().map(|it| &it.integration);
        all.any(|it| {
            it.id == *id
                && it.connection_type == ConnectionType::VpcLink
                && it.connection_id.as_deref() == Some(link.as_str())
        })
    };
    let routes = snapshot.routes.iter().filter_map(|it| Some((&it.route.key, it.route.target.as_ref()?)));
    routes.filter(|(_, id)| through_link(id)).map(|(key, id)| format!("{key}:{id}:{stage}")).collect()
}

/// The deployed methods that use a link, as AWS prints them. One named by a stage variable is not found, as at AWS.
fn uses(stage: &StageName, snapshot: &Snapshot, link: &VpcLinkId) -> Vec<String> {
    let methods = snapshot.resources.iter().flat_map(|resource| resource.methods.iter().map(move |it| (resource, it)));
    let users = methods.filter(|(_, method)| {
        method.integration.as_ref().is_some_and(|integration| {
            integration.connection_type == Some(ConnectionType::VpcLink)
                && integration.connection_id.as_deref() == Some(link.as_str())
        })
    });
    users.map(|(resource, method)| format!("{}:{}:{stage}", method.verb, resource.id)).collect()
}

/// Whether a text is the ARN of a load balancer.
fn is_balancer(text: &str) -> bool {
    arn::service(text) == Some("elasticloadbalancing")
}

fn find(documents: &Documents<'_>, id: &VpcLinkId) -> Result<Stored<VpcLink>, Error> {
    documents.get(&keys::vpc_link(id))?.ok_or_else(|| Error::not_found(MISSING))
}

fn described(link: &VpcLink) -> Members {
    Members::new()
        .set("id", link.id.as_str())
        .set("name", link.name.as_str())
        .some("description", link.description.clone())
        .set("targetArns", link.target_arns.clone())
}

fn members(link: &VpcLink) -> Members {
    described(link)
        .set("status", "AVAILABLE")
        .set("statusMessage", "Your vpc link is ready for use")
        .set("tags", serde_json::json!(link.tags))
}

/// What of a VPC link can be patched, and how.
fn patch(link: &mut VpcLink, operation: &Operation) -> Result<(), Error> {
    match (operation.op, operation.parts().as_slice()) {
        (Op::Replace, ["name"]) => {
            let name = operation.some_text().ok_or_else(|| Error::bad_request(NO_NAME))?;
            link.name = bounded(Some(name), "name", MAX_NAME)?.unwrap_or_default();
        }
        (Op::Replace, ["description"]) => {
            link.description = bounded(operation.some_text(), "description", MAX_DESCRIPTION)?;
        }
        _ => return Err(any_of(operation, PATHS)),
    }
    Ok(())
}
