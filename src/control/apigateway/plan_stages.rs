//! What holds between usage plans, the stages that they open, and the keys that are in them: a key is in at most one plan
//! of each stage, whichever nodes the callers speak to.
//!
//! Adding a stage to a plan relies on the other plans of the stage, and on no key having joined any of them; joining a plan
//! relies on that plan, on the key's other plans, and on the key having joined no further one.

use std::collections::BTreeSet;

use super::Target;
use super::kinds::require_stage;
use crate::catalog::{self, Documents, Edit, Prefix, keys};
use crate::control::wire::Error;
use crate::model::id::{ApiKeyId, UsagePlanId};
use crate::model::rest::{ApiKey, ApiStage, UsagePlan, UsagePlanKey};

/// A key is in at most so many plans.
const MAX_PLANS: usize = 10;
/// So many keys of a plan are looked at at once.
const PIECE: usize = 1000;

/// Other plans that open a stage which is added to a plan.
pub(super) struct Rivals(Vec<(UsagePlanId, ApiStage)>);

/// Adds to an edit of a plan what follows from its stages: that each new one exists, and who opens which.
pub(super) fn associate(
    documents: &Documents<'_>,
    before: &[ApiStage],
    plan: &UsagePlan,
    mut edit: Edit,
) -> Result<(Edit, Rivals), Error> {
    let mut rivals = Vec::new();
    let is_in = |stage: &ApiStage, stages: &[ApiStage]| stages.iter().any(|other| other.is_same(stage));
    for stage in plan.api_stages.iter().filter(|stage| !is_in(stage, before)) {
        edit = require_stage(documents, &stage.api, &stage.stage, edit).ok_or_else(|| unknown(stage, &plan.id))?;
        let prefix = keys::plans_of_stage(&stage.api, &stage.stage);
        edit = edit.unchanged(documents, &prefix);
        for other in documents.list(&prefix)? {
            edit = rely_on_joined(documents, &other.value, edit)?;
            rivals.push((other.value, stage.clone()));
        }
        edit = edit.put(&keys::plan_of_stage(&stage.api, &stage.stage, &plan.id), &plan.id);
    }
    for stage in before.iter().filter(|stage| !is_in(stage, &plan.api_stages)) {
        edit = edit.discard(&keys::plan_of_stage(&stage.api, &stage.stage, &plan.id));
    }
    if !rivals.is_empty() {
        edit = rely_on_joined(documents, &plan.id, edit)?;
    }
    Ok((edit, Rivals(rivals)))
}

fn rely_on_joined(documents: &Documents<'_>, plan: &UsagePlanId, edit: Edit) -> Result<Edit, catalog::Error> {
    let key = keys::usage_plan_joined(plan);
    // A plan has the document from the start on; one that is gone meanwhile is nobody's rival.
    Ok(match documents.get(&key)? {
        Some(found) => edit.rely_on(&key, &found),
        None => edit,
    })
}

/// AWS's words for a stage that a plan can't open, or doesn't.
pub(super) fn unknown(stage: &ApiStage, plan: &UsagePlanId) -> Error {
    Error::not_found(format!(
        "Invalid API Stage {{api: {}, stage: {}}} specified for usageplan {plan}",
        stage.api, stage.stage
    ))
}

impl Target<'_> {
    /// No key of a plan is in one of its rivals.
    pub(super) async fn keep_apart(&self, plan: &UsagePlanId, rivals: &Rivals) -> Result<(), Error> {
        if rivals.0.is_empty() {
            return Ok(());
        }
        let prefix = keys::usage_plan_keys(plan);
        let mut after: Option<String> = None;
        loop {
            let (clash, last) = self.control.catalog.read(|documents| {
                let piece = documents.piece(&prefix, after.as_deref(), PIECE);
                let joined = piece.iter().map(|packed| packed.read().map(|joined: UsagePlanKey| joined.key));
                let joined = joined.collect::<Result<Vec<_>, _>>()?;
                let mut pairs = joined.iter().flat_map(|key| rivals.0.iter().map(move |rival| (key, rival)));
                let clash = pairs.find(|(key, (rival, _))| documents.exists(&keys::usage_plan_key(rival, key)));
                let clash = clash.map(|(key, (rival, stage))| shared(key, rival, stage));
                let last = joined.last().filter(|_| joined.len() == PIECE).map(|key| key.as_str().to_owned());
                Ok::<_, Error>((clash, last))
            })?;
            if let Some(clash) = clash {
                return Err(clash);
            }
            let Some(last) = last else { return Ok(()) };
            after = Some(last);
            tokio::task::yield_now().await;
        }
    }
}

fn shared(key: &ApiKeyId, plan: &UsagePlanId, stage: &ApiStage) -> Error {
    Error::conflict(format!(
        "API Key {key} is already in Usage Plan {plan}, which is associated with API Stage {}:{} as well: an API Key can \
         be in one Usage Plan for each API Stage",
        stage.api, stage.stage
    ))
}

/// Adds to an edit a key's joining a plan, if it may, and notes it in the key. `others` are plans that the same edit has it
/// join already.
///
/// The caller sees to it that the plan is as it was at the commit, and writes the key, if that is as it was: so that it has
/// joined no other plan meanwhile. Who joined last is written by [`joined`].
pub(super) fn join(
    documents: &Documents<'_>,
    plan: &UsagePlan,
    key: &mut ApiKey,
    others: &[UsagePlan],
    mut edit: Edit,
) -> Result<Edit, Error> {
    let joined = keys::usage_plan_key(&plan.id, &key.id);
    if documents.exists(&joined) || others.iter().any(|other| other.id == plan.id) {
        return Err(Error::conflict(format!("API Key {} is already in Usage Plan {}", key.id, plan.id)));
    }
    if let Some((other, stage)) = others.iter().find_map(|other| Some((other, plan.shared_stage(other)?))) {
        return Err(shared(&key.id, &other.id, stage));
    }
    let mut plans: Vec<UsagePlanId> = others.iter().map(|other| other.id.clone()).collect();
    for id in key.plans.iter().filter(|id| others.iter().all(|other| other.id != **id)) {
        if !documents.exists(&keys::usage_plan_key(id, &key.id)) {
            // It has left that plan, or the plan is gone.
            continue;
        }
        let Some(other) = documents.get(&keys::usage_plan(id))? else { continue };
        if let Some(stage) = plan.shared_stage(&other.value) {
            return Err(shared(&key.id, id, stage));
        }
        edit = edit.rely_on(&keys::usage_plan(id), &other);
        plans.push(id.clone());
    }
    if plans.len() >= MAX_PLANS {
        return Err(Error::limit_exceeded(format!("An API Key may be in at most {MAX_PLANS} Usage Plans")));
    }
    plans.push(plan.id.clone());
    key.plans = plans;
    Ok(edit.create(&joined, &UsagePlanKey { key: key.id.clone() }))
}

/// Adds to an edit that a key has joined a plan.
pub(super) fn joined(plan: &UsagePlanId, key: &ApiKeyId, edit: Edit) -> Edit {
    edit.put(&keys::usage_plan_joined(plan), &Some(key.clone()))
}

/// Adds to the deletion of a key that it leaves all of its plans.
pub(super) fn leave_all(key: &ApiKey, edit: Edit) -> Edit {
    key.plans.iter().fold(edit, |edit, plan| edit.discard(&keys::usage_plan_key(plan, &key.id)))
}

/// Adds to the deletion of a stage, or of an API with all of its stages, that no plan opens it any longer. As at AWS: it is
/// the plan that can't be deleted while it opens stages.
pub(in crate::control) fn release(
    documents: &Documents<'_>,
    openers: &Prefix<UsagePlanId>,
    is_gone: impl Fn(&ApiStage) -> bool,
    edit: Edit,
) -> Result<Edit, catalog::Error> {
    let mut edit = edit.unchanged(documents, openers);
    let plans: BTreeSet<_> = documents.list(openers)?.into_iter().map(|found| found.value).collect();
    for id in plans {
        let Some(found) = documents.get(&keys::usage_plan(&id))? else { continue };
        let mut plan = found.value.clone();
        plan.api_stages.retain(|stage| !is_gone(stage));
        edit = edit.update(&keys::usage_plan(&id), &found, &plan);
        for stage in found.value.api_stages.iter().filter(|stage| is_gone(stage)) {
            edit = edit.discard(&keys::plan_of_stage(&stage.api, &stage.stage, &id));
        }
    }
    Ok(edit)
}
