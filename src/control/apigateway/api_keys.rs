//! API keys: CreateApiKey, GetApiKeys, GetApiKey, UpdateApiKey, DeleteApiKey. ImportApiKeys is in
//! [`api_key_import`](super::api_key_import).

use super::api_key_values::{checked_value, make_value, unreadable};
use super::tags::{Shown, show};
use super::{Target, kinds, plan_stages};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Op, Operation, any_of, as_boolean, operations};
use crate::model::id::{ApiId, ApiKeyId, StageName};
use crate::model::rest::{ApiKey, Strings};

pub(super) const MISSING: &str = "Invalid API Key identifier specified";
pub(super) const TAKEN: &str = "API Key already exists";
const MAX_NAME: usize = 1024;
const MAX_DESCRIPTION: usize = 1024;
const MAX_CUSTOMER_ID: usize = 1024;
/// A value that a caller chooses has at least so many characters.
const MIN_VALUE: usize = 20;
/// A key has at most so many labels, of so many characters, and names at most so many stages.
const MAX_LABELS: usize = 50;
const MAX_LABEL: usize = 256;
const MAX_STAGE_KEYS: usize = 100;
/// The paths that AWS prints.
const PATHS: &[&str] = &["/description", "/enabled", "/name", "/customerId"];

impl Target<'_> {
    pub(super) async fn create_api_key(&self) -> Result<Answer, Error> {
        let body = self.body;
        let now = self.control.clock.seconds();
        // Ids are never values any more: there is nothing to choose.
        body.boolean("generateDistinctId")?;
        let mut key = ApiKey {
            id: ApiKeyId::random(),
            name: name(body.text("name")?)?,
            description: description(body.text("description")?)?,
            customer_id: customer_id(body.text("customerId")?)?,
            enabled: body.boolean("enabled")?.unwrap_or_default(),
            created: now,
            updated: now,
            stage_keys: self.stage_keys()?,
            labels: Vec::new(),
            tags: super::tags(body)?,
            plans: Vec::new(),
            value: Vec::new(),
        };
        let value = match body.text("value")?.filter(|value| !value.is_empty()) {
            Some(value) => checked_value(value, MIN_VALUE)?,
            None => make_value(),
        };
        key.value = self.control.catalog.seal_value(&value);
        let claim = keys::api_key_claim(&self.control.catalog.fingerprint(value.as_bytes()));
        let edit = self.control.catalog.read(|documents| {
            if documents.exists(&claim) {
                return Err(Error::conflict(TAKEN));
            }
            key.stage_keys.iter().try_fold(Edit::new(), |edit, stage| self.require_stage(documents, stage, edit))
        })?;
        let edit = edit.create(&keys::api_key(&key.id), &key).create(&claim, &key.id);
        self.control.catalog.commit(edit).await?;
        Ok(Answer::json(201, members(&key, Some(value), Shown::UnlessEmpty)))
    }

    /// `stageKeys`, as they are shown: `{api}/{stage}`.
    fn stage_keys(&self) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        for stage in self.body.objects("stageKeys")? {
            let api = stage.required("restApiId", "Invalid REST API identifier specified")?;
            let name = stage.required("stageName", "Invalid stage identifier specified")?;
            add_stage(&mut found, format!("{api}/{name}"))?;
        }
        Ok(found)
    }

    /// A stage that a key names must exist.
    fn require_stage(&self, documents: &Documents<'_>, stage: &str, edit: Edit) -> Result<Edit, Error> {
        let (api, name) = stage.split_once('/').unwrap_or((stage, ""));
        let api = ApiId::new(api);
        if !documents.exists(&keys::api(&api)) {
            self.find_api(documents, &api)?;
        }
        kinds::require_stage(documents, &api, &StageName::new(name), edit)
            .ok_or_else(|| Error::not_found("Invalid stage identifier specified"))
    }

    pub(super) async fn get_api_keys(&self) -> Result<Answer, Error> {
        let named = self.call.parameter("name").unwrap_or_default();
        let customer = self.call.parameter("customerId").filter(|id| !id.is_empty());
        let with_values = self.call.parameter("includeValues").as_deref() == Some("true");
        let wanted = |key: &ApiKey| {
            key.name.as_deref().unwrap_or_default().starts_with(&named)
                && customer.as_ref().is_none_or(|customer| key.customer_id.as_ref() == Some(customer))
        };
        let pick = |key: ApiKey| Ok(Some(key).filter(wanted));
        let (found, position) = self.page(&keys::api_keys(), |key| key.id.as_str(), pick).await?;
        let mut warnings = Vec::new();
        let mut items = Vec::with_capacity(found.len());
        for key in &found {
            let value = if with_values { self.value(key) } else { None };
            if with_values && value.is_none() {
                warnings.push(unreadable(&key.id));
            }
            items.push(members(key, value, Shown::UnlessEmpty).into());
        }
        let list = Members::new().set("item", serde_json::Value::Array(items)).some("position", position);
        Ok(Answer::json(200, list.unless_empty("warnings", warnings)))
    }

    pub(super) fn get_api_key(&self, key: &str) -> Result<Answer, Error> {
        let key = ApiKeyId::new(key);
        let found = self.control.catalog.read(|documents| find(documents, &key))?;
        let value = match self.call.parameter("includeValue").as_deref() {
            Some("true") => Some(self.value(&found.value).ok_or_else(|| Error::conflict(unreadable(&key)))?),
            _ => None,
        };
        Ok(Answer::json(200, members(&found.value, value, Shown::Always)))
    }

    pub(super) async fn update_api_key(&self, key: &str) -> Result<Answer, Error> {
        let key = ApiKeyId::new(key);
        let operations = operations(self.body, "updateApiKeyInput")?;
        let (found, mut changed, edit) = self.control.catalog.read(|documents| {
            let found = find(documents, &key)?;
            let mut changed = found.value.clone();
            for operation in &operations {
                patch(&mut changed, operation)?;
            }
            let mut added = changed.stage_keys.iter().filter(|stage| !found.value.stage_keys.contains(stage));
            let edit = added.try_fold(Edit::new(), |edit, stage| self.require_stage(documents, stage, edit))?;
            Ok::<_, Error>((found, changed, edit))
        })?;
        if changed != found.value {
            changed.updated = self.control.clock.seconds();
            let edit = edit.update(&keys::api_key(&key), &found, &changed);
            let index = self.control.catalog.commit(edit).await?;
            self.control.settle(index).await?;
        }
        Ok(Answer::json(200, members(&changed, None, Shown::Always)))
    }

    pub(super) async fn delete_api_key(&self, key: &str) -> Result<Answer, Error> {
        let key = ApiKeyId::new(key);
        let found = self.control.catalog.read(|documents| find(documents, &key))?;
        let edit = plan_stages::leave_all(&found.value, Edit::new().delete(&keys::api_key(&key), &found));
        // The claim of a value that another cluster has sealed can't be told. It is in nobody's way.
        let edit = match self.value(&found.value) {
            Some(value) => edit.discard(&keys::api_key_claim(&self.control.catalog.fingerprint(value.as_bytes()))),
            None => edit,
        };
        let index = self.control.catalog.commit(edit).await?;
        self.control.settle(index).await?;
        Ok(Answer::empty(202))
    }
}

pub(super) fn find(documents: &Documents<'_>, key: &ApiKeyId) -> Result<Stored<ApiKey>, Error> {
    documents.get(&keys::api_key(key))?.ok_or_else(|| Error::not_found(MISSING))
}

pub(super) fn name(text: Option<String>) -> Result<Option<String>, Error> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) if text.chars().count() > MAX_NAME => {
            Err(Error::bad_request(format!("Invalid API Key name, can be at most {MAX_NAME} characters.")))
        }
        text => Ok(text),
    }
}

pub(super) fn description(text: Option<String>) -> Result<Option<String>, Error> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) if text.chars().count() > MAX_DESCRIPTION => {
            Err(Error::bad_request("Invalid API Key description specified."))
        }
        text => Ok(text),
    }
}

fn customer_id(text: Option<String>) -> Result<Option<String>, Error> {
    super::bounded(text.filter(|text| !text.is_empty()), "customerId", MAX_CUSTOMER_ID)
}

fn add_stage(stages: &mut Vec<String>, stage: String) -> Result<(), Error> {
    if stage.split('/').filter(|part| !part.is_empty()).count() != 2 || stage.split('/').count() != 2 {
        return Err(Error::bad_request("Invalid stage key specified, must be {restApiId}/{stageName}"));
    }
    if !stages.contains(&stage) {
        stages.push(stage);
    }
    if stages.len() > MAX_STAGE_KEYS {
        return Err(Error::limit_exceeded(format!("An API Key may name at most {MAX_STAGE_KEYS} stages")));
    }
    Ok(())
}

/// What of a key can be patched, and how.
fn patch(key: &mut ApiKey, operation: &Operation) -> Result<(), Error> {
    use Op::{Add, Remove, Replace};
    match (operation.op, operation.parts().as_slice()) {
        (Replace, ["name"]) => key.name = name(operation.some_text())?,
        (Replace, ["description"]) => key.description = description(operation.some_text())?,
        (Replace, ["customerId"]) => key.customer_id = customer_id(operation.some_text())?,
        (Replace, ["enabled"]) => key.enabled = as_boolean(operation),
        (Add, ["stages"]) => add_stage(&mut key.stage_keys, operation.text().to_owned())?,
        (Remove, ["stages"]) => key.stage_keys.retain(|stage| stage != operation.text()),
        (Add, ["labels"]) => {
            let label = operation.text().to_owned();
            if label.is_empty() || label.chars().count() > MAX_LABEL {
                return Err(Error::bad_request(format!("Invalid label, can be 1 to {MAX_LABEL} characters.")));
            }
            if !key.labels.contains(&label) {
                key.labels.push(label);
            }
            if key.labels.len() > MAX_LABELS {
                return Err(Error::limit_exceeded(format!("An API Key may have at most {MAX_LABELS} labels")));
            }
        }
        (Remove, ["labels"]) => key.labels.retain(|label| label != operation.text()),
        _ => return Err(any_of(operation, PATHS)),
    }
    Ok(())
}

fn members(key: &ApiKey, value: Option<String>, tags: Shown) -> Members {
    let members = Members::new()
        .set("id", key.id.as_str())
        .some("value", value)
        .some("name", key.name.clone())
        .some("customerId", key.customer_id.clone())
        .some("description", key.description.clone())
        .set("enabled", key.enabled)
        .set("createdDate", key.created)
        .set("lastUpdatedDate", key.updated)
        .set("stageKeys", key.stage_keys.clone());
    show(members, &key.tags, tags)
}

/// A key as an import finds it in a file.
pub(super) fn new(name: String, description: Option<String>, enabled: bool, now: i64, sealed: Vec<u8>) -> ApiKey {
    ApiKey {
        id: ApiKeyId::random(),
        name: Some(name),
        description,
        customer_id: None,
        enabled,
        created: now,
        updated: now,
        stage_keys: Vec::new(),
        labels: Vec::new(),
        tags: Strings::new(),
        plans: Vec::new(),
        value: sealed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: Result<(), Error>) -> String {
        match result {
            Err(Error::Told { message, .. }) => message,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    fn apply(key: &mut ApiKey, op: &str, path: &str, value: &str) -> Result<(), Error> {
        let body = serde_json::json!({"patchOperations": [{"op": op, "path": path, "value": value}]});
        let body = crate::control::wire::Input::read(body.to_string().as_bytes())?;
        operations(&body, "updateApiKeyInput")?.iter().try_for_each(|operation| patch(key, operation))
    }

    #[test]
    fn patches_change_what_aws_lets_them() {
        let mut key = new("first".to_owned(), None, true, 0, Vec::new());
        for (op, path, value) in [
            ("replace", "/name", "second"),
            ("replace", "/description", "d"),
            ("replace", "/customerId", "c"),
            ("replace", "/enabled", "TRUE"),
            ("add", "/labels", "l"),
            ("add", "/labels", "l"),
            ("add", "/stages", "api/stage"),
            ("remove", "/stages", "other/stage"),
        ] {
            apply(&mut key, op, path, value).unwrap_or_else(|error| panic!("{op} {path}: {error:?}"));
        }
        assert_eq!((key.name.as_deref(), key.enabled), (Some("second"), false));
        assert_eq!(
            (key.labels.as_slice(), key.stage_keys.as_slice()),
            (&["l".to_owned()][..], &["api/stage".to_owned()][..])
        );
        apply(&mut key, "replace", "/name", "").expect("emptied");
        assert_eq!(key.name, None);
    }

    #[test]
    fn refusals_have_aws_words() {
        let mut key = new("first".to_owned(), None, true, 0, Vec::new());
        let long = "x".repeat(1025);
        for (op, path, value, expected) in [
            (
                "replace",
                "/value",
                "x",
                "Invalid patch path  '/value' specified for op 'replace'. Must be one of: [/description, /enabled, /name, /customerId]",
            ),
            (
                "add",
                "/name",
                "x",
                "Invalid patch path  '/name' specified for op 'add'. Please choose supported operations",
            ),
            ("replace", "/name", &long, "Invalid API Key name, can be at most 1024 characters."),
            ("replace", "/description", &long, "Invalid API Key description specified."),
        ] {
            assert_eq!(message(apply(&mut key, op, path, value)), expected, "{op} {path}");
        }
        for bad in ["", "api", "api/", "/stage", "a/b/c"] {
            assert!(apply(&mut key, "add", "/stages", bad).is_err(), "{bad}");
        }
    }
}
