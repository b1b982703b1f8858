//! Where API keys, usage plans and what was used of them live.

use time::Date;

use super::{Key, Prefix, part};
use crate::model::id::{ApiId, ApiKeyId, StageName, UsagePlanId};
use crate::model::rest::usage::OpenDay;
use crate::model::rest::{ApiKey, Usage, UsagePlan, UsagePlanKey};

/// The usage plans that open stages of an API, one for each stage that each of them opens.
pub fn plans_of_api(api: &ApiId) -> Prefix<UsagePlanId> {
    Prefix::new(format!("restapis/{}/usageplans/", part(api)))
}

/// The usage plans that open a stage. Beside the stage, not below it: what is below an API's stages would count as some.
pub fn plans_of_stage(api: &ApiId, stage: &StageName) -> Prefix<UsagePlanId> {
    Prefix::new(format!("restapis/{}/usageplans/{}:", part(api), part(stage)))
}

/// A usage plan's opening a stage.
pub fn plan_of_stage(api: &ApiId, stage: &StageName, plan: &UsagePlanId) -> Key<UsagePlanId> {
    Key::new(format!("restapis/{}/usageplans/{}:{}", part(api), part(stage), part(plan)))
}

/// All API keys.
pub fn api_keys() -> Prefix<ApiKey> {
    Prefix::new("apikeys/".to_owned())
}

/// An API key.
pub fn api_key(key: &ApiKeyId) -> Key<ApiKey> {
    Key::new(format!("apikeys/{}", part(key)))
}

/// The claim of an API key's value, by the value's fingerprint.
pub fn api_key_claim(fingerprint: &str) -> Key<ApiKeyId> {
    Key::new(format!("apikeyvalues/{}", part(fingerprint)))
}

/// All usage plans.
pub fn usage_plans() -> Prefix<UsagePlan> {
    Prefix::new("usageplans/".to_owned())
}

/// A usage plan.
pub fn usage_plan(plan: &UsagePlanId) -> Key<UsagePlan> {
    Key::new(format!("usageplans/{}", part(plan)))
}

/// The API key that was put into a usage plan last. Whoever decides something that the next one would spoil relies on it,
/// rather than on all of the plan's keys.
pub fn usage_plan_joined(plan: &UsagePlanId) -> Key<Option<ApiKeyId>> {
    Key::new(format!("usageplans/{}/joined", part(plan)))
}

/// The API keys of a usage plan.
pub fn usage_plan_keys(plan: &UsagePlanId) -> Prefix<UsagePlanKey> {
    Prefix::new(format!("usageplans/{}/keys/", part(plan)))
}

/// An API key's being in a usage plan.
pub fn usage_plan_key(plan: &UsagePlanId, key: &ApiKeyId) -> Key<UsagePlanKey> {
    Key::new(format!("usageplans/{}/keys/{}", part(plan), part(key)))
}

/// What all of a plan's usage is below; no document itself.
pub fn usage_of_plan(plan: &UsagePlanId) -> Key<Usage> {
    Key::new(format!("usage/{}", part(plan)))
}

/// The API key that has this key, if it is one.
pub fn parse_api_key(key: &str) -> Option<ApiKeyId> {
    let id = key.strip_prefix("apikeys/")?;
    (!id.is_empty()).then(|| ApiKeyId::new(id))
}

/// The usage plan that a document with this key belongs to, if it belongs to one; and the API key whose being in it this is.
pub fn parse_usage_plan(key: &str) -> Option<(UsagePlanId, Option<ApiKeyId>)> {
    let mut parts = key.strip_prefix("usageplans/")?.split('/');
    let plan = UsagePlanId::new(parts.next()?);
    match (parts.next(), parts.next()) {
        (None, _) => Some((plan, None)),
        (Some("keys"), Some(key)) => Some((plan, Some(ApiKeyId::new(key)))),
        // Who was put into it last concerns nobody but those who put keys in.
        _ => None,
    }
}

/// Whose usage of which plan a document with this key is, if it is one.
pub fn parse_usage(key: &str) -> Option<(UsagePlanId, ApiKeyId)> {
    let mut parts = key.strip_prefix("usage/")?.split('/');
    Some((UsagePlanId::new(parts.next()?), ApiKeyId::new(parts.next()?)))
}

/// What an API key has used of a plan in the month of a day. Usage outlives the key's being in the plan.
pub fn usage(plan: &UsagePlanId, key: &ApiKeyId, day: Date) -> Key<Usage> {
    let (year, month) = (day.year(), u8::from(day.month()));
    Key::new(format!("usage/{}/{}/{year:04}-{month:02}", part(plan), part(key)))
}

/// The day whose quotas are open.
pub fn open_day() -> Key<OpenDay> {
    Key::new("openday".to_owned())
}
