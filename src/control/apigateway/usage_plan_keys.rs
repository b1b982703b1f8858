//! The keys of usage plans: CreateUsagePlanKey, GetUsagePlanKeys, GetUsagePlanKey, DeleteUsagePlanKey.

use super::{Target, api_keys, plan_stages, usage_plans};
use crate::catalog::{Edit, keys};
use crate::control::wire::{Answer, Error, Members};
use crate::model::id::{ApiKeyId, UsagePlanId};
use crate::model::rest::{ApiKey, UsagePlanKey};

const API_KEY: &str = "API_KEY";

impl Target<'_> {
    pub(super) async fn create_usage_plan_key(&self, plan: &str) -> Result<Answer, Error> {
        let id = UsagePlanId::new(plan);
        let kind = self.body.required("keyType", "Usage Plan Key type must be specified")?;
        let key = ApiKeyId::new(self.body.required("keyId", api_keys::MISSING)?);
        if kind != API_KEY {
            return Err(Error::bad_request(format!("Invalid Usage Plan Key type specified. Must be {API_KEY}")));
        }
        let (found, edit) = self.control.catalog.read(|documents| {
            let plan = usage_plans::find(documents, &id)?;
            let found = api_keys::find(documents, &key)?;
            let mut changed = found.value.clone();
            let edit = Edit::new().rely_on(&keys::usage_plan(&id), &plan);
            let edit = plan_stages::join(documents, &plan.value, &mut changed, &[], edit)?;
            let edit = plan_stages::joined(&id, &key, edit.update(&keys::api_key(&key), &found, &changed));
            Ok::<_, Error>((changed, edit))
        })?;
        let index = self.control.catalog.commit(edit).await?;
        self.control.settle(index).await?;
        Ok(Answer::json(201, self.members(&found)))
    }

    /// The keys of a plan; of a plan that does not exist, as at AWS, none.
    pub(super) async fn get_usage_plan_keys(&self, plan: &str) -> Result<Answer, Error> {
        let named = self.call.parameter("name").unwrap_or_default();
        let pick = |joined: UsagePlanKey| {
            let key = self.control.catalog.read(|documents| documents.get(&keys::api_key(&joined.key)))?;
            let key = key.map(|found| found.value);
            Ok(key.filter(|key| key.name.as_deref().unwrap_or_default().starts_with(&named)))
        };
        let prefix = keys::usage_plan_keys(&UsagePlanId::new(plan));
        let (found, position) = self.page(&prefix, |joined| joined.key.as_str(), pick).await?;
        Ok(Answer::list(found.iter().map(|key| self.members(key).into()).collect(), position))
    }

    pub(super) fn get_usage_plan_key(&self, plan: &str, key: &str) -> Result<Answer, Error> {
        let (plan, key) = (UsagePlanId::new(plan), ApiKeyId::new(key));
        let found = self.control.catalog.read(|documents| {
            usage_plans::find(documents, &plan)?;
            if !documents.exists(&keys::usage_plan_key(&plan, &key)) {
                return Err(Error::not_found(api_keys::MISSING));
            }
            api_keys::find(documents, &key)
        })?;
        Ok(Answer::json(200, self.members(&found.value)))
    }

    pub(super) async fn delete_usage_plan_key(&self, plan: &str, key: &str) -> Result<Answer, Error> {
        let (plan, key) = (UsagePlanId::new(plan), ApiKeyId::new(key));
        let joined = keys::usage_plan_key(&plan, &key);
        let (found, document) = self.control.catalog.read(|documents| {
            usage_plans::find(documents, &plan)?;
            let found = documents.get(&joined)?.ok_or_else(|| Error::not_found(api_keys::MISSING))?;
            Ok::<_, Error>((found, api_keys::find(documents, &key)?))
        })?;
        let mut changed = document.value.clone();
        changed.plans.retain(|other| *other != plan);
        let edit = Edit::new().delete(&joined, &found).update(&keys::api_key(&key), &document, &changed);
        let index = self.control.catalog.commit(edit).await?;
        self.control.settle(index).await?;
        Ok(Answer::empty(202))
    }

    /// A key in a plan, as it is shown; without its value where another cluster has sealed that.
    fn members(&self, key: &ApiKey) -> Members {
        Members::new()
            .set("id", key.id.as_str())
            .set("type", API_KEY)
            .some("value", self.value(key))
            .some("name", key.name.clone())
    }
}
