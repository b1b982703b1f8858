//! Integration responses: CreateIntegrationResponse, GetIntegrationResponses, GetIntegrationResponse,
//! UpdateIntegrationResponse, DeleteIntegrationResponse.

use super::changes::{Changes, missing};
use super::integrations::check_templates;
use super::{Target, check_number, expressions, find_in, find_named};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Input, Members};
use crate::model::http::{Integration, IntegrationResponse};
use crate::model::id::{ApiId, IntegrationId, IntegrationResponseId};
use crate::model::rest::{ContentHandling, Strings};

const WHAT: &str = "IntegrationResponse";
/// An integration has at most so many integration responses.
const MAX_RESPONSES: usize = 100;
const MAX_KEY: usize = 1024;

impl Target<'_> {
    pub(super) async fn create_integration_response(
        &self,
        api: &ApiId,
        integration: &IntegrationId,
    ) -> Result<Answer, Error> {
        let key = self.body.text("integrationResponseKey")?.filter(|key| !key.is_empty());
        let mut response = IntegrationResponse {
            id: IntegrationResponseId::random(),
            key: key.ok_or_else(|| missing("integrationResponseKey"))?,
            content_handling: None,
            response_parameters: None,
            response_templates: None,
            template_selection_expression: None,
        };
        apply(&mut response, self.body)?;
        let edit = self.control.catalog.read(|documents| {
            find_integration(documents, api, integration)?;
            let prefix = keys::integration_responses(api, integration);
            check_number(documents, &prefix, "integration responses of an integration", MAX_RESPONSES)?;
            let edit = refuse_taken(documents, api, integration, &response)?;
            Ok::<_, Error>(edit.require(&keys::integration(api, integration)))
        })?;
        self.change(api, edit.create(&keys::integration_response(api, integration, &response.id), &response)).await?;
        Ok(Answer::json(201, members(&response)))
    }

    pub(super) fn get_integration_responses(&self, api: &ApiId, integration: &IntegrationId) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| {
            find_integration(documents, api, integration)?;
            Ok::<_, Error>(documents.list(&keys::integration_responses(api, integration))?)
        })?;
        self.page(found, |response| response.id.as_str(), members)
    }

    pub(super) fn get_integration_response(
        &self,
        api: &ApiId,
        integration: &IntegrationId,
        id: &IntegrationResponseId,
    ) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, api, integration, id))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_integration_response(
        &self,
        api: &ApiId,
        integration: &IntegrationId,
        id: &IntegrationResponseId,
    ) -> Result<Answer, Error> {
        let (found, changed, edit) = self.control.catalog.read(|documents| {
            let found = find(documents, api, integration, id)?;
            let mut changed = found.value.clone();
            apply(&mut changed, self.body)?;
            let edit = match changed.key == found.value.key {
                true => Edit::new(),
                false => refuse_taken(documents, api, integration, &changed)?,
            };
            Ok::<_, Error>((found, changed, edit))
        })?;
        if changed != found.value {
            let key = keys::integration_response(api, integration, id);
            self.change(api, edit.update(&key, &found, &changed)).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_integration_response(
        &self,
        api: &ApiId,
        integration: &IntegrationId,
        id: &IntegrationResponseId,
    ) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, api, integration, id))?;
        self.change(api, Edit::new().delete(&keys::integration_response(api, integration, id), &found)).await?;
        Ok(Answer::empty(204))
    }
}

fn find_integration(
    documents: &Documents<'_>,
    api: &ApiId,
    integration: &IntegrationId,
) -> Result<Stored<Integration>, Error> {
    find_in(documents, api, &keys::integration(api, integration), "Integration", integration.as_str())
}

fn find(
    documents: &Documents<'_>,
    api: &ApiId,
    integration: &IntegrationId,
    id: &IntegrationResponseId,
) -> Result<Stored<IntegrationResponse>, Error> {
    find_integration(documents, api, integration)?;
    find_named(documents, &keys::integration_response(api, integration, id), WHAT, id.as_str())
}

/// A key names one integration response of an integration; the edit relies on none taking it until the commit.
fn refuse_taken(
    documents: &Documents<'_>,
    api: &ApiId,
    integration: &IntegrationId,
    response: &IntegrationResponse,
) -> Result<Edit, Error> {
    let prefix = keys::integration_responses(api, integration);
    let key = &response.key;
    match documents.list(&prefix)?.iter().any(|other| other.value.key == *key && other.value.id != response.id) {
        true => Err(Error::conflict(format!("IntegrationResponse with key {key} already exists for this Integration"))),
        false => Ok(Edit::new().unchanged(documents, &prefix)),
    }
}

/// Does to an integration response what a body says, and checks what has become of it.
fn apply(response: &mut IntegrationResponse, body: &Input) -> Result<(), Error> {
    let changes = Changes(body);
    changes.always("integrationResponseKey", &mut response.key, MAX_KEY)?;
    let handling = &mut response.content_handling;
    changes.some_choice("contentHandlingStrategy", handling, ContentHandling::parse, ContentHandling::NAMES)?;
    if body.has("responseParameters") {
        changes.merged("responseParameters", response.response_parameters.get_or_insert_default())?;
    }
    changes.map("responseTemplates", &mut response.response_templates)?;
    changes.text("templateSelectionExpression", &mut response.template_selection_expression, MAX_KEY)?;
    check(response)
}

/// What must be true of an integration response, however it came to be so.
fn check(response: &IntegrationResponse) -> Result<(), Error> {
    if pattern(&response.key).is_some_and(|pattern| regex::Regex::new(pattern).is_err()) {
        return Err(Error::bad_request(format!(
            "Invalid integrationResponseKey specified: {:.200} is not a regular expression",
            response.key
        )));
    }
    for (target, source) in response.response_parameters.iter().flatten() {
        expressions::check_response(target, source)?;
    }
    if let Some(expression) = &response.template_selection_expression {
        expressions::check_selection("templateSelectionExpression", expression)?;
    }
    check_templates(response.response_templates.as_ref())
}

/// The regular expression of a key, if it is one: it stands between slashes.
fn pattern(key: &str) -> Option<&str> {
    key.strip_prefix('/')?.strip_suffix('/')
}

fn members(response: &IntegrationResponse) -> Members {
    let map = |map: &Strings| serde_json::json!(map);
    Members::new()
        .some("contentHandlingStrategy", response.content_handling.map(ContentHandling::as_str))
        .set("integrationResponseId", response.id.as_str())
        .set("integrationResponseKey", response.key.as_str())
        .some("responseParameters", response.response_parameters.as_ref().map(map))
        .some("responseTemplates", response.response_templates.as_ref().map(map))
        .some("templateSelectionExpression", response.template_selection_expression.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_between_slashes_are_regular_expressions() {
        for (key, fine) in [(r"/2\d\d/", true), ("$default", true), ("200", true), ("/(/", false), ("/", true)] {
            let response = IntegrationResponse {
                id: IntegrationResponseId::random(),
                key: key.to_owned(),
                content_handling: None,
                response_parameters: None,
                response_templates: None,
                template_selection_expression: None,
            };
            assert_eq!(check(&response).is_ok(), fine, "{key}");
        }
    }
}
