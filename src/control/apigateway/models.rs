//! Models: CreateModel, GetModels, GetModel, UpdateModel, DeleteModel, GetModelTemplate.

use std::collections::BTreeMap;

use super::references;
use super::{Target, bounded, model_schemas, model_templates};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Op, Operation, Page, any_of, operations};
use crate::model::id::{ApiId, lowercase_alphanumeric};
use crate::model::rest::schema::{flatten, referred_models};
use crate::model::rest::{Model, Strings};

/// An API has at most so many models.
const MAX_MODELS: u64 = 2000;
const MAX_NAME: usize = 255;
const MAX_DESCRIPTION: usize = 1024;
/// A schema with all that it refers to has at most so many bytes.
const MAX_FLAT: usize = 6 * 1024 * 1024;

impl Target<'_> {
    pub(super) async fn create_model(&self, api: &ApiId) -> Result<Answer, Error> {
        let body = self.body;
        let name = body.required("name", "Model name must be non-empty")?;
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Error::bad_request(format!("Model name must be alphanumeric: {name}")));
        }
        bounded(Some(name.clone()), "model name", MAX_NAME)?;
        let content_type = body.required("contentType", "Content type must be specified")?;
        if !content_type.contains('/') || bounded(Some(content_type.clone()), "content type", MAX_NAME).is_err() {
            return Err(Error::bad_request(format!("Invalid content type specified: {content_type}")));
        }
        let description = body.text("description")?.filter(|text| !text.is_empty());
        let model = Model {
            id: lowercase_alphanumeric(6),
            name,
            content_type,
            description: bounded(description, "description", MAX_DESCRIPTION)?,
            schema: body.text("schema")?,
        };
        let schema = model_schemas::check(&model.content_type, model.schema.as_deref())?;
        let key = keys::model(api, &model.name);
        let edit = self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            if documents.exists(&key) {
                return Err(Error::conflict("Model name already exists for this REST API"));
            }
            if documents.count(&keys::models(api)) >= MAX_MODELS {
                return Err(Error::limit_exceeded(format!("An API may have at most {MAX_MODELS} models")));
            }
            let edit = Edit::new().require(&keys::rest_api(api));
            match &schema {
                Some(schema) => model_schemas::rely_on_models(documents, api, &model.name, schema, edit),
                None => Ok(edit),
            }
        })?;
        self.control.catalog.commit(edit.create(&key, &model)).await?;
        Ok(Answer::json(201, members(&model)))
    }

    pub(super) fn get_models(&self, api: &ApiId) -> Result<Answer, Error> {
        let models = self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            Ok::<_, Error>(documents.list(&keys::models(api))?)
        })?;
        let (models, position) = Page::read(self.call)?.take(models, |found| found.value.name.as_str());
        Ok(Answer::list(models.iter().map(|found| members(&found.value).into()).collect(), position))
    }

    pub(super) fn get_model(&self, api: &ApiId, name: &str) -> Result<Answer, Error> {
        let flat = self.call.parameter("flatten").as_deref() == Some("true");
        let (mut model, all) = self.control.catalog.read(|documents| {
            let found = self.find_model(documents, api, name)?;
            let all = if flat { documents.list(&keys::models(api))? } else { Vec::new() };
            Ok::<_, Error>((found.value, all))
        })?;
        if flat {
            let schemas =
                all.iter().filter_map(|found| Some((found.value.name.as_str(), model_schemas::read(&found.value)?)));
            if let Some(schema) = flatten(name, &schemas.collect::<BTreeMap<_, _>>()) {
                let schema = schema.to_string();
                if schema.len() > MAX_FLAT {
                    return Err(Error::bad_request(format!("The flattened model is larger than {MAX_FLAT} bytes")));
                }
                model.schema = Some(schema);
            }
        }
        Ok(Answer::json(200, members(&model)))
    }

    pub(super) async fn update_model(&self, api: &ApiId, name: &str) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateModelInput")?;
        let (found, changed, edit) = self.control.catalog.read(|documents| {
            let found = self.find_model(documents, api, name)?;
            let mut changed = found.value.clone();
            for operation in &operations {
                patch(&mut changed, operation)?;
            }
            let mut edit = Edit::new();
            if changed.schema != found.value.schema
                && let Some(schema) = model_schemas::check(&changed.content_type, changed.schema.as_deref())?
            {
                edit = model_schemas::rely_on_models(documents, api, name, &schema, edit)?;
            }
            Ok::<_, Error>((found, changed, edit))
        })?;
        if changed != found.value {
            self.control.catalog.commit(edit.update(&keys::model(api, name), &found, &changed)).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_model(&self, api: &ApiId, name: &str) -> Result<Answer, Error> {
        let edit = self.control.catalog.read(|documents| {
            let found = self.find_model(documents, api, name)?;
            let refused =
                |by: String| Err(Error::conflict(format!("Cannot delete model '{name}', is referenced in {by}")));
            for used in references::methods(documents, api)? {
                let has = |models: &Strings| models.values().any(|model| model == name);
                if has(&used.method.request_models) {
                    return refused(format!("method request: {}", used.place()));
                }
                let responses = used.method.responses.values();
                if responses.filter_map(|response| response.models.as_ref()).any(has) {
                    return refused(format!("method response: {}", used.place()));
                }
            }
            let models = keys::models(api);
            for other in documents.list(&models)? {
                let schema = model_schemas::read(&other.value);
                let refers = schema.as_ref().is_some_and(|schema| referred_models(schema).contains(name));
                if refers && other.value.name != name {
                    return refused(format!("model: {}", other.value.name));
                }
            }
            // Neither a method nor a model may come to refer to it between this look and the commit.
            let edit = Edit::new().unchanged(documents, &keys::resources(api)).unchanged(documents, &models);
            Ok(edit.delete(&keys::model(api, name), &found))
        })?;
        self.control.catalog.commit(edit).await?;
        Ok(Answer::empty(202))
    }

    pub(super) fn get_model_template(&self, api: &ApiId, name: &str) -> Result<Answer, Error> {
        let all = self.control.catalog.read(|documents| {
            self.find_model(documents, api, name)?;
            Ok::<_, Error>(documents.list(&keys::models(api))?)
        })?;
        let schemas =
            all.iter().filter_map(|found| Some((found.value.name.as_str(), model_schemas::read(&found.value)?)));
        let schema = flatten(name, &schemas.collect::<BTreeMap<_, _>>()).unwrap_or_default();
        Ok(Answer::json(200, Members::new().set("value", model_templates::of(&schema))))
    }

    fn find_model(&self, documents: &Documents<'_>, api: &ApiId, name: &str) -> Result<Stored<Model>, Error> {
        self.find_api(documents, api)?;
        let found = documents.get(&keys::model(api, name))?;
        found.ok_or_else(|| Error::not_found(format!("Invalid model name specified: {name}")))
    }
}

/// What of a model can be patched, and how.
fn patch(model: &mut Model, operation: &Operation) -> Result<(), Error> {
    match (operation.op, operation.parts().as_slice()) {
        (Op::Replace, ["description"]) => {
            model.description = bounded(operation.some_text(), "description", MAX_DESCRIPTION)?;
        }
        (Op::Replace, ["schema"]) => model.schema = operation.value.clone(),
        _ => return Err(any_of(operation, &["/description", "/schema"])),
    }
    Ok(())
}

fn members(model: &Model) -> Members {
    Members::new()
        .set("id", model.id.as_str())
        .set("name", model.name.as_str())
        .some("description", model.description.clone())
        .some("schema", model.schema.clone())
        .set("contentType", model.content_type.as_str())
}
