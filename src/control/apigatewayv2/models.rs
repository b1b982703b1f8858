//! Models: CreateModel, GetModels, GetModel, UpdateModel, DeleteModel, GetModelTemplate.

use super::changes::{Changes, missing};
use super::references::routes_using;
use super::{Target, check_number, find_api, find_in, list_in};
use crate::catalog::{Documents, Edit, keys};
use crate::control::apigateway::{model_schemas, model_templates};
use crate::control::wire::{Answer, Error, Input, Members};
use crate::model::http::Model;
use crate::model::id::{ApiId, ModelId};
use crate::model::rest::Strings;

const WHAT: &str = "Model";
/// An API has at most so many models.
const MAX_MODELS: usize = 2000;
const MAX_NAME: usize = 128;
const MAX_CONTENT_TYPE: usize = 256;
const MAX_DESCRIPTION: usize = 1024;
/// AWS's limit.
const MAX_SCHEMA: usize = 32_768;

impl Target<'_> {
    pub(super) async fn create_model(&self, api: &ApiId) -> Result<Answer, Error> {
        let mut model = Model {
            id: ModelId::random(),
            name: String::new(),
            content_type: "application/json".to_owned(),
            description: None,
            schema: String::new(),
        };
        apply(&mut model, self.body)?;
        let edit = self.control.catalog.read(|documents| {
            find_api(documents, api)?;
            check_number(documents, &keys::api_models(api), "models", MAX_MODELS)?;
            refuse_taken(documents, api, &model)
        })?;
        self.change(api, edit.create(&keys::api_model(api, &model.id), &model)).await?;
        Ok(Answer::json(201, members(&model)))
    }

    pub(super) fn get_models(&self, api: &ApiId) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| list_in(documents, api, &keys::api_models(api)))?;
        self.page(found, |model| model.id.as_str(), members)
    }

    pub(super) fn get_model(&self, api: &ApiId, id: &ModelId) -> Result<Answer, Error> {
        let key = keys::api_model(api, id);
        let found = self.control.catalog.read(|documents| find_in(documents, api, &key, WHAT, id.as_str()))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_model(&self, api: &ApiId, id: &ModelId) -> Result<Answer, Error> {
        let key = keys::api_model(api, id);
        let (found, changed, edit) = self.control.catalog.read(|documents| {
            let found = find_in(documents, api, &key, WHAT, id.as_str())?;
            let mut changed = found.value.clone();
            apply(&mut changed, self.body)?;
            let edit = match changed.name == found.value.name {
                true => Edit::new(),
                false => {
                    // Routes know it by its name.
                    let edit = refuse_used(documents, api, &found.value.name, "rename")?;
                    edit.and(refuse_taken(documents, api, &changed)?)
                }
            };
            Ok::<_, Error>((found, changed, edit))
        })?;
        if changed != found.value {
            self.change(api, edit.update(&key, &found, &changed)).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_model(&self, api: &ApiId, id: &ModelId) -> Result<Answer, Error> {
        let key = keys::api_model(api, id);
        let edit = self.control.catalog.read(|documents| {
            let found = find_in(documents, api, &key, WHAT, id.as_str())?;
            Ok::<_, Error>(refuse_used(documents, api, &found.value.name, "delete")?.delete(&key, &found))
        })?;
        self.change(api, edit).await?;
        Ok(Answer::empty(204))
    }

    pub(super) fn get_model_template(&self, api: &ApiId, id: &ModelId) -> Result<Answer, Error> {
        let key = keys::api_model(api, id);
        let found = self.control.catalog.read(|documents| find_in(documents, api, &key, WHAT, id.as_str()))?;
        let schema = serde_json::from_str(&found.value.schema).unwrap_or_default();
        Ok(Answer::json(200, Members::new().set("value", model_templates::of(&schema))))
    }
}

/// A name is one model's; the edit relies on none taking it until the commit.
fn refuse_taken(documents: &Documents<'_>, api: &ApiId, model: &Model) -> Result<Edit, Error> {
    let prefix = keys::api_models(api);
    let name = &model.name;
    match documents.list(&prefix)?.iter().any(|other| other.value.name == *name && other.value.id != model.id) {
        true => Err(Error::conflict(format!("Model name {name} already exists for this API"))),
        false => Ok(Edit::new().unchanged(documents, &prefix)),
    }
}

/// Refuses what can't be done to a model that routes or route responses use; the edit relies on none coming to use it.
fn refuse_used(documents: &Documents<'_>, api: &ApiId, name: &str, verb: &str) -> Result<Edit, Error> {
    let has = |models: Option<&Strings>| models.is_some_and(|models| models.values().any(|model| model == name));
    let (routes, edit) = routes_using(documents, api, |route| {
        let responses = documents.list(&keys::route_responses(api, &route.id))?;
        let mut models = responses.iter().map(|response| response.value.response_models.as_ref());
        Ok(has(route.request_models.as_ref()) || models.any(has))
    })?;
    match routes.first() {
        Some(route) => {
            Err(Error::conflict(format!("Cannot {verb} model '{name}', is referenced in route: {}", route.key)))
        }
        None => Ok(edit),
    }
}

/// Does to a model what a body says, and checks what has become of it.
fn apply(model: &mut Model, body: &Input) -> Result<(), Error> {
    let changes = Changes(body);
    changes.always("name", &mut model.name, MAX_NAME)?;
    changes.always("contentType", &mut model.content_type, MAX_CONTENT_TYPE)?;
    changes.text("description", &mut model.description, MAX_DESCRIPTION)?;
    changes.always("schema", &mut model.schema, MAX_SCHEMA)?;
    if model.name.is_empty() {
        return Err(missing("name"));
    }
    if !model.name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Error::bad_request(format!("Model name must be alphanumeric: {}", model.name)));
    }
    if model.schema.is_empty() {
        return Err(missing("schema"));
    }
    if !model.content_type.contains('/') {
        return Err(Error::bad_request(format!("Invalid content type specified: {}", model.content_type)));
    }
    model_schemas::check(&model.content_type, Some(&model.schema))?;
    Ok(())
}

fn members(model: &Model) -> Members {
    Members::new()
        .set("contentType", model.content_type.as_str())
        .some("description", model.description.clone())
        .set("modelId", model.id.as_str())
        .set("name", model.name.as_str())
        .set("schema", model.schema.as_str())
}
