//! Usage plans: CreateUsagePlan, GetUsagePlans, GetUsagePlan, UpdateUsagePlan, DeleteUsagePlan.

use std::collections::BTreeMap;

use serde_json::Value;

use super::tags::{Shown, show};
use super::usage_plan_patches::{Draft, check, patch};
use super::usage_plan_quotas::QuotaParts;
use super::{Target, api_keys, plan_stages};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Input, Members, Page, Violations, operations};
use crate::model::id::{ApiId, ApiKeyId, StageName, UsagePlanId};
use crate::model::rest::{ApiStage, Quota, Throttle, UsagePlan};

pub(super) const MISSING: &str = "Invalid Usage Plan ID specified";

impl Target<'_> {
    pub(super) async fn create_usage_plan(&self) -> Result<Answer, Error> {
        let body = self.body;
        let now = self.control.clock.seconds();
        let quota = self.quota()?.complete(None, self.control.quota_time()?)?;
        let plan = UsagePlan {
            id: UsagePlanId::random(),
            name: body.required("name", "Usage Plan name must be specified")?,
            description: body.text("description")?.filter(|text| !text.is_empty()),
            product_code: None,
            created: now,
            api_stages: body.objects("apiStages")?.iter().map(api_stage).collect::<Result<_, _>>()?,
            throttle: body.object("throttle")?.as_ref().map(throttle).transpose()?,
            quota,
            tags: super::tags(body)?,
        };
        check(&plan)?;
        let key = keys::usage_plan(&plan.id);
        // No key is in the plan yet, and so none is in a rival too.
        let (edit, _) =
            self.control.catalog.read(|documents| plan_stages::associate(documents, &[], &plan, Edit::new()))?;
        let edit = edit.create(&key, &plan).create(&keys::usage_plan_joined(&plan.id), &None);
        self.control.catalog.commit(edit).await?;
        Ok(Answer::json(201, members(&plan, Shown::UnlessEmpty)))
    }

    /// The quota that is asked for; what the model does not allow of it is told first.
    fn quota(&self) -> Result<QuotaParts, Error> {
        let Some(quota) = self.body.object("quota")? else { return Ok(QuotaParts::default()) };
        let period = quota.text("period")?;
        if let Some(period) = &period {
            let mut violations = Violations::new();
            violations.one_of(period, "createUsagePlanInput.quota.period", &["DAY", "WEEK", "MONTH"]);
            violations.check()?;
        }
        QuotaParts::asked_for(quota.integer("limit")?, quota.integer("offset")?, period.as_deref())
    }

    pub(super) async fn get_usage_plans(&self) -> Result<Answer, Error> {
        let list = |plans: Vec<UsagePlan>, position| {
            Answer::list(plans.iter().map(|plan| members(plan, Shown::UnlessEmpty).into()).collect(), position)
        };
        let Some(key) = self.call.parameter("keyId").filter(|key| !key.is_empty()) else {
            let (plans, position) =
                self.page(&keys::usage_plans(), |plan| plan.id.as_str(), |plan| Ok(Some(plan))).await?;
            return Ok(list(plans, position));
        };
        let key = ApiKeyId::new(key);
        let plans = self.control.catalog.read(|documents| {
            let mut ids = api_keys::find(documents, &key)?.value.plans;
            ids.sort();
            let mut plans = Vec::new();
            for id in ids.iter().filter(|id| documents.exists(&keys::usage_plan_key(id, &key))) {
                plans.extend(documents.get(&keys::usage_plan(id))?.map(|found| found.value));
            }
            Ok::<_, Error>(plans)
        })?;
        let (plans, position) = Page::read(self.call)?.take(plans, |plan| plan.id.as_str());
        Ok(list(plans, position))
    }

    pub(super) fn get_usage_plan(&self, plan: &str) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, &UsagePlanId::new(plan)))?;
        Ok(Answer::json(200, members(&found.value, Shown::Always)))
    }

    pub(super) async fn update_usage_plan(&self, plan: &str) -> Result<Answer, Error> {
        let id = UsagePlanId::new(plan);
        let operations = operations(self.body, "updateUsagePlanInput")?;
        let now = self.control.quota_time()?;
        let (found, changed, edit, rivals) = self.control.catalog.read(|documents| {
            let found = find(documents, &id)?;
            let mut draft = Draft::of(&found.value);
            for operation in &operations {
                patch(&mut draft, operation)?;
            }
            let changed = draft.complete(found.value.quota.as_ref(), now)?;
            let before = &found.value.api_stages;
            let (edit, rivals) = plan_stages::associate(documents, before, &changed, Edit::new())?;
            Ok::<_, Error>((found, changed, edit, rivals))
        })?;
        if changed != found.value {
            self.keep_apart(&id, &rivals).await?;
            let index = self.control.catalog.commit(edit.update(&keys::usage_plan(&id), &found, &changed)).await?;
            self.control.settle(index).await?;
        }
        Ok(Answer::json(200, members(&changed, Shown::Always)))
    }

    pub(super) async fn delete_usage_plan(&self, plan: &str) -> Result<Answer, Error> {
        let id = UsagePlanId::new(plan);
        let key = keys::usage_plan(&id);
        let found = self.control.catalog.read(|documents| {
            let found = find(documents, &id)?;
            if let Some(ApiStage { api, stage, .. }) = found.value.api_stages.first() {
                return Err(Error::bad_request(format!(
                    "Cannot delete Usage Plan {id} because there are API Stages associated with it, including {api}:{stage}"
                )));
            }
            Ok(found)
        })?;
        // The keys that were in it are left as they are: what they know of it leads nowhere.
        let edit = Edit::new().delete(&key, &found).discard_below(&key).discard_below(&keys::usage_of_plan(&id));
        let index = self.control.catalog.commit(edit).await?;
        self.control.settle(index).await?;
        Ok(Answer::empty(202))
    }
}

pub(super) fn find(documents: &Documents<'_>, plan: &UsagePlanId) -> Result<Stored<UsagePlan>, Error> {
    documents.get(&keys::usage_plan(plan))?.ok_or_else(|| Error::not_found(MISSING))
}

fn api_stage(input: &Input) -> Result<ApiStage, Error> {
    // The letters `%s` are AWS's.
    let incomplete = "Invalid API Stage {api: %s, stage: %s} specified for usageplan %s";
    let throttle = match input.object("throttle")? {
        None => BTreeMap::new(),
        Some(methods) => throttles(&methods)?,
    };
    Ok(ApiStage {
        api: ApiId::new(input.required("apiId", incomplete)?),
        stage: StageName::new(input.required("stage", incomplete)?),
        throttle,
    })
}

/// How fast single methods may be called, by path and verb.
pub(super) fn throttles(methods: &Input) -> Result<BTreeMap<String, Throttle>, Error> {
    methods.entries()?.into_iter().map(|(method, input)| Ok((method, throttle(&input)?))).collect()
}

fn throttle(input: &Input) -> Result<Throttle, Error> {
    Ok(Throttle { rate_limit: input.double("rateLimit")?, burst_limit: input.integer("burstLimit")? })
}

fn members(plan: &UsagePlan, tags: Shown) -> Members {
    let throttle = |throttle: &Throttle| {
        Members::new().some("burstLimit", throttle.burst_limit).some("rateLimit", throttle.rate_limit)
    };
    let stage = |stage: &ApiStage| {
        let methods = stage.throttle.iter().map(|(method, entry)| (method.clone(), throttle(entry).into()));
        Value::from(
            Members::new()
                .set("apiId", stage.api.as_str())
                .set("stage", stage.stage.as_str())
                .unless_empty("throttle", Value::Object(methods.collect())),
        )
    };
    let quota = |quota: &Quota| {
        Members::new().set("limit", quota.limit).set("offset", quota.offset).set("period", quota.period.as_str())
    };
    let members = Members::new()
        .set("id", plan.id.as_str())
        .set("name", plan.name.as_str())
        .some("description", plan.description.clone())
        .set("apiStages", plan.api_stages.iter().map(stage).collect::<Vec<_>>())
        .some("throttle", plan.throttle.as_ref().map(throttle))
        .some("quota", plan.quota.as_ref().map(quota))
        .some("productCode", plan.product_code.clone());
    show(members, &plan.tags, tags)
}
