//! What of a usage plan can be patched, and how; and what must hold of a plan however it came about.

use super::bounded;
use super::plan_stages::unknown;
use super::usage_plan_quotas::{QuotaParts, bad_period};
use super::usage_plans::throttles;
use crate::control::wire::{Error, Input, Op, Operation, any_of, as_number};
use crate::model::id::{ApiId, StageName};
use crate::model::rest::{ApiStage, Quota, QuotaPeriod, Throttle, UsagePlan, Verb};

const MAX_NAME: usize = 1024;
const MAX_DESCRIPTION: usize = 1024;
const MAX_PRODUCT_CODE: usize = 1024;
/// A plan opens at most so many stages.
const MAX_STAGES: usize = 500;
/// A plan has throttles for at most so many methods of a stage.
const MAX_METHODS: usize = 20;
/// The longest name of a method, `{path}/{VERB}`.
const MAX_METHOD: usize = 1024;

/// The paths that AWS prints for a removal, as it spells them.
const REMOVABLE: &[&str] = &[
    "/apiStages",
    "/quota",
    "/throttle",
    "/productCode",
    "/apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>",
    "/apiStages/<apidId:stageName>/throttle",
];
/// The paths of the other operations, in the same spelling.
const SETTABLE: &[&str] = &[
    "/name",
    "/description",
    "/productCode",
    "/quota/limit",
    "/quota/offset",
    "/quota/period",
    "/throttle/rateLimit",
    "/throttle/burstLimit",
    "/apiStages/<apidId:stageName>/throttle",
    "/apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>/rateLimit",
    "/apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>/burstLimit",
];

/// A plan whose patch is under way: its quota may lack parts that come with later operations.
pub(super) struct Draft {
    plan: UsagePlan,
    quota: QuotaParts,
}

impl Draft {
    pub(super) fn of(plan: &UsagePlan) -> Self {
        Self { plan: plan.clone(), quota: QuotaParts::of(plan.quota.as_ref()) }
    }

    /// The plan, if it is one that may be.
    pub(super) fn complete(self, before: Option<&Quota>, now: i64) -> Result<UsagePlan, Error> {
        let plan = UsagePlan { quota: self.quota.complete(before, now)?, ..self.plan };
        check(&plan)?;
        Ok(plan)
    }
}

/// What must hold of every plan.
pub(super) fn check(plan: &UsagePlan) -> Result<(), Error> {
    bounded(Some(plan.name.clone()), "name", MAX_NAME)?;
    bounded(plan.description.clone(), "description", MAX_DESCRIPTION)?;
    bounded(plan.product_code.clone(), "productCode", MAX_PRODUCT_CODE)?;
    if plan.api_stages.len() > MAX_STAGES {
        return Err(Error::limit_exceeded(format!("A Usage Plan may have at most {MAX_STAGES} API Stages")));
    }
    for (at, stage) in plan.api_stages.iter().enumerate() {
        if plan.api_stages[..at].iter().any(|other| other.is_same(stage)) {
            return Err(Error::bad_request("Invalid API Stage specified"));
        }
        if stage.throttle.len() > MAX_METHODS {
            return Err(Error::limit_exceeded(format!(
                "A Usage Plan may have throttles for at most {MAX_METHODS} methods of an API Stage"
            )));
        }
        if let Some(method) = stage.throttle.keys().find(|method| !names_a_method(method)) {
            return Err(Error::bad_request(format!(
                "Invalid method specified: {method}. Must be {{resourcePath}}/{{httpMethod}}"
            )));
        }
    }
    let throttles = plan.api_stages.iter().flat_map(|stage| stage.throttle.values()).chain(&plan.throttle);
    if !throttles.into_iter().all(is_legal) {
        return Err(Error::bad_request("Usage Plan throttle rateLimit and burstLimit must not be negative"));
    }
    Ok(())
}

fn is_legal(throttle: &Throttle) -> bool {
    throttle.rate_limit.is_none_or(|rate| rate.is_finite() && rate >= 0.0)
        && throttle.burst_limit.is_none_or(|burst| (0..=i64::from(i32::MAX)).contains(&burst))
}

fn names_a_method(text: &str) -> bool {
    text.len() <= MAX_METHOD && text.rsplit_once('/').is_some_and(|(_, verb)| Verb::parse(verb).is_some())
}

/// What of a plan can be patched, and how.
pub(super) fn patch(draft: &mut Draft, operation: &Operation) -> Result<(), Error> {
    use Op::{Add, Remove, Replace};
    let Draft { plan, quota } = draft;
    match (operation.op, operation.parts().as_slice()) {
        (Replace, ["name"]) => {
            let name = operation.some_text();
            plan.name = name.ok_or_else(|| Error::bad_request("Usage Plan name must be specified"))?;
        }
        (Replace, ["description"]) => plan.description = operation.some_text(),
        (Add | Replace, ["productCode"]) => plan.product_code = operation.some_text(),
        (Remove, ["productCode"]) => plan.product_code = None,
        (Add | Replace, ["quota", "limit"]) => quota.limit = Some(as_number(operation)?),
        (Add | Replace, ["quota", "offset"]) => quota.offset = Some(as_number(operation)?),
        (Add | Replace, ["quota", "period"]) => {
            quota.period = Some(QuotaPeriod::parse(operation.text()).ok_or_else(bad_period)?);
        }
        (Remove, ["quota"]) => *quota = QuotaParts::default(),
        (Add | Replace, ["throttle", limit @ ("rateLimit" | "burstLimit")]) => {
            set(plan.throttle.get_or_insert_default(), limit, operation)?;
        }
        (Remove, ["throttle"]) => plan.throttle = None,
        (Add, ["apiStages"]) => {
            let added = stage(operation.text())?;
            if !plan.api_stages.iter().any(|known| known.is_same(&added)) {
                plan.api_stages.push(added);
            }
        }
        (Remove, ["apiStages"]) => {
            let at = place(plan, operation.text())?;
            plan.api_stages.remove(at);
        }
        (op, ["apiStages", name, "throttle", rest @ ..]) => {
            let at = place(plan, name)?;
            let methods = &mut plan.api_stages[at].throttle;
            match (op, rest) {
                (Add | Replace, []) => *methods = throttles(&Input::read(operation.text().as_bytes())?)?,
                (Remove, []) => methods.clear(),
                (Add | Replace, [method @ .., limit @ ("rateLimit" | "burstLimit")]) if method.len() > 1 => {
                    let known = known(methods.keys(), &method.join("/"));
                    set(methods.entry(known).or_default(), limit, operation)?;
                }
                (Remove, method) if method.len() > 1 => {
                    let known = known(methods.keys(), &method.join("/"));
                    if methods.remove(&known).is_none() {
                        return Err(Error::not_found(format!("No throttle settings specified for method {known}")));
                    }
                }
                _ => return Err(refused(operation)),
            }
        }
        _ => return Err(refused(operation)),
    }
    Ok(())
}

fn set(throttle: &mut Throttle, limit: &str, operation: &Operation) -> Result<(), Error> {
    match limit {
        "rateLimit" => throttle.rate_limit = Some(as_number(operation)?),
        _ => throttle.burst_limit = Some(as_number(operation)?),
    }
    Ok(())
}

/// Reads `{api}:{stage}`.
fn stage(text: &str) -> Result<ApiStage, Error> {
    match text.split_once(':') {
        Some((api, stage)) if !api.is_empty() && !stage.is_empty() => {
            Ok(ApiStage { api: ApiId::new(api), stage: StageName::new(stage), throttle: Default::default() })
        }
        _ => Err(Error::bad_request("Invalid API Stage specified")),
    }
}

/// Where a plan has a stage.
fn place(plan: &UsagePlan, text: &str) -> Result<usize, Error> {
    let wanted = stage(text)?;
    plan.api_stages.iter().position(|known| known.is_same(&wanted)).ok_or_else(|| unknown(&wanted, &plan.id))
}

/// A method as a plan spells it already; otherwise with the slash that AWS's own have in front. Terraform names methods in
/// paths to the letter, others escape the slashes of the resource: both mean the same method.
fn known<'a>(mut methods: impl Iterator<Item = &'a String>, named: &str) -> String {
    let bare = |text: &'a str| text.trim_start_matches('/');
    let plain = named.trim_start_matches('/');
    match methods.find(|known| bare(known) == plain) {
        Some(known) => known.clone(),
        None if named.starts_with('/') => named.to_owned(),
        None => format!("/{named}"),
    }
}

fn refused(operation: &Operation) -> Error {
    let (path, op) = (&operation.path, operation.op.as_str());
    let paths = match operation.op {
        Op::Remove => REMOVABLE,
        Op::Add | Op::Replace => SETTABLE,
        Op::Copy | Op::Move | Op::Test => return any_of(operation, SETTABLE),
    };
    Error::bad_request(format!(
        "Invalid patch path  '{path}' specified for op '{op}'. Must be one of: [{}]",
        paths.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::wire::operations;
    use crate::model::id::UsagePlanId;
    use crate::model::rest::Strings;

    fn plan() -> UsagePlan {
        UsagePlan {
            id: UsagePlanId::new("p1"),
            name: "gold".to_owned(),
            description: None,
            product_code: None,
            created: 0,
            api_stages: vec![stage("api:prod").expect("a stage")],
            throttle: None,
            quota: None,
            tags: Strings::new(),
        }
    }

    fn apply(plan: &UsagePlan, patches: &[(&str, &str, &str)]) -> Result<UsagePlan, Error> {
        let list = patches.iter().map(|(op, path, value)| serde_json::json!({"op": op, "path": path, "value": value}));
        let body = serde_json::json!({"patchOperations": list.collect::<Vec<_>>()});
        let mut draft = Draft::of(plan);
        for operation in operations(&Input::read(body.to_string().as_bytes())?, "updateUsagePlanInput")? {
            patch(&mut draft, &operation)?;
        }
        draft.complete(plan.quota.as_ref(), 7)
    }

    fn message(result: Result<UsagePlan, Error>) -> String {
        match result {
            Err(Error::Told { message, .. }) => message,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[test]
    fn a_quota_is_made_by_its_parts_in_any_order() {
        let made =
            apply(&plan(), &[("add", "/quota/period", "WEEK"), ("replace", "/quota/limit", "10")]).expect("made");
        assert_eq!(made.quota, Some(Quota { limit: 10, offset: 0, period: QuotaPeriod::Week, since: 7 }));
        // Its first period stays the first while only the limit changes.
        let older = UsagePlan { quota: made.quota.map(|quota| Quota { since: 1, ..quota }), ..made };
        let since = |patches| apply(&older, patches).expect("changed").quota.map(|quota| quota.since);
        assert_eq!(since(&[("replace", "/quota/limit", "20")]), Some(1));
        assert_eq!(since(&[("replace", "/quota/offset", "2")]), Some(7));
        assert_eq!(since(&[("remove", "/quota", "")]), None);
    }

    #[test]
    fn methods_are_named_with_and_without_escapes() {
        for path in [
            "/apiStages/api:prod/throttle/~1pets~1{id}/GET/rateLimit",
            "/apiStages/api:prod/throttle//pets/{id}/GET/rateLimit",
            "/apiStages/api:prod/throttle/pets/{id}/GET/rateLimit",
        ] {
            let made = apply(&plan(), &[("replace", path, "2.500000")]).expect(path);
            let entry = made.api_stages[0].throttle.get("/pets/{id}/GET").copied();
            assert_eq!(entry, Some(Throttle { rate_limit: Some(2.5), burst_limit: None }), "{path}");
            // What is there already is found whatever its spelling.
            let mut bare = made.clone();
            let entry = bare.api_stages[0].throttle.remove("/pets/{id}/GET").expect("the entry");
            bare.api_stages[0].throttle.insert("pets/{id}/GET".to_owned(), entry);
            let path = path.replace("rateLimit", "burstLimit");
            let again = apply(&bare, &[("add", &path, "3")]).expect("changed");
            assert_eq!(again.api_stages[0].throttle["pets/{id}/GET"].burst_limit, Some(3));
            let gone = apply(&again, &[("remove", path.trim_end_matches("/burstLimit"), "")]).expect("removed");
            assert!(gone.api_stages[0].throttle.is_empty());
        }
        let map = r#"{"/a/GET": {"rateLimit": 1, "burstLimit": 2}}"#;
        let made = apply(&plan(), &[("replace", "/apiStages/api:prod/throttle", map)]).expect("set");
        assert_eq!(made.api_stages[0].throttle.len(), 1);
        let made = apply(&made, &[("remove", "/apiStages/api:prod/throttle", "")]).expect("removed");
        assert!(made.api_stages[0].throttle.is_empty());
    }

    #[test]
    fn refusals_have_aws_words() {
        for (patches, expected) in [
            (
                &[("remove", "/apiStages/api:prod", "")][..],
                "Invalid patch path  '/apiStages/api:prod' specified for op 'remove'. Must be one of: [/apiStages, /quota, /throttle, /productCode, /apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>, /apiStages/<apidId:stageName>/throttle]",
            ),
            (&[("remove", "/apiStages", "")], "Invalid API Stage specified"),
            (&[("add", "/apiStages", "api")], "Invalid API Stage specified"),
            (
                &[("remove", "/apiStages", "api:test")],
                "Invalid API Stage {api: api, stage: test} specified for usageplan p1",
            ),
            (
                &[("copy", "/name", "x")],
                "Invalid patch path  '/name' specified for op 'copy'. Please choose supported operations",
            ),
            (&[("replace", "/quota/limit", "x")], "Invalid value 'x' specified for path '/quota/limit'"),
            (&[("replace", "/quota/limit", "5")], "Usage Plan quota period must be specified"),
            (&[("replace", "/quota/period", "DAY")], "Usage Plan quota limit must be specified"),
            (
                &[("add", "/quota/limit", "5"), ("add", "/quota/period", "WEEK"), ("add", "/quota/offset", "7")],
                "Usage Plan quota offset must be between 0 and 6 inclusive in the WEEK period",
            ),
            (
                &[("add", "/quota/limit", "5"), ("add", "/quota/period", "DAY"), ("add", "/quota/offset", "1")],
                "Usage Plan quota offset must be zero in the DAY period",
            ),
            (
                &[("replace", "/throttle/rateLimit", "-1")],
                "Usage Plan throttle rateLimit and burstLimit must not be negative",
            ),
            (
                &[("add", "/apiStages/api:prod/throttle/pets/FETCH/rateLimit", "1")],
                "Invalid method specified: /pets/FETCH. Must be {resourcePath}/{httpMethod}",
            ),
        ] {
            assert_eq!(message(apply(&plan(), patches)), expected, "{patches:?}");
        }
    }

    #[test]
    fn a_stage_is_added_once_and_removed() {
        let made =
            apply(&plan(), &[("add", "/apiStages", "api:test"), ("add", "/apiStages", "api:test")]).expect("added");
        assert_eq!(made.api_stages.len(), 2);
        let made = apply(&made, &[("remove", "/apiStages", "api:prod")]).expect("removed");
        assert_eq!(made.api_stages[0].stage.as_str(), "test");
    }
}
