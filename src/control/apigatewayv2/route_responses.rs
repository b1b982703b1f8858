//! Route responses: CreateRouteResponse, GetRouteResponses, GetRouteResponse, UpdateRouteResponse, DeleteRouteResponse.

use super::changes::{Changes, missing, not_one_of};
use super::references::rely_on_models;
use super::{Target, constraints, expressions, find_in, find_named};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Input, Members};
use crate::model::http::{Route, RouteResponse};
use crate::model::id::{ApiId, RouteId, RouteResponseId};

const WHAT: &str = "RouteResponse";
/// The one key that AWS knows.
const DEFAULT: &str = "$default";
const MAX_EXPRESSION: usize = 1024;

impl Target<'_> {
    pub(super) async fn create_route_response(&self, api: &ApiId, route: &RouteId) -> Result<Answer, Error> {
        let key = self.body.text("routeResponseKey")?.filter(|key| !key.is_empty());
        let mut response = RouteResponse {
            id: RouteResponseId::random(),
            key: key.ok_or_else(|| missing("routeResponseKey"))?,
            model_selection_expression: None,
            response_models: None,
            response_parameters: None,
        };
        apply(&mut response, self.body)?;
        let edit = self.control.catalog.read(|documents| {
            find_route(documents, api, route)?;
            let prefix = keys::route_responses(api, route);
            if documents.count(&prefix) > 0 {
                return Err(Error::conflict(format!("RouteResponse with key {DEFAULT} already exists for this Route")));
            }
            let edit = Edit::new().require(&keys::route(api, route)).unchanged(documents, &prefix);
            rely_on_models(documents, api, response.response_models.as_ref(), edit)
        })?;
        self.change(api, edit.create(&keys::route_response(api, route, &response.id), &response)).await?;
        Ok(Answer::json(201, members(&response)))
    }

    pub(super) fn get_route_responses(&self, api: &ApiId, route: &RouteId) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| {
            find_route(documents, api, route)?;
            Ok::<_, Error>(documents.list(&keys::route_responses(api, route))?)
        })?;
        self.page(found, |response| response.id.as_str(), members)
    }

    pub(super) fn get_route_response(
        &self,
        api: &ApiId,
        route: &RouteId,
        id: &RouteResponseId,
    ) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, api, route, id))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_route_response(
        &self,
        api: &ApiId,
        route: &RouteId,
        id: &RouteResponseId,
    ) -> Result<Answer, Error> {
        let (found, changed, edit) = self.control.catalog.read(|documents| {
            let found = find(documents, api, route, id)?;
            let mut changed = found.value.clone();
            apply(&mut changed, self.body)?;
            let edit = rely_on_models(documents, api, changed.response_models.as_ref(), Edit::new())?;
            Ok::<_, Error>((found, changed, edit))
        })?;
        if changed != found.value {
            self.change(api, edit.update(&keys::route_response(api, route, id), &found, &changed)).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_route_response(
        &self,
        api: &ApiId,
        route: &RouteId,
        id: &RouteResponseId,
    ) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, api, route, id))?;
        self.change(api, Edit::new().delete(&keys::route_response(api, route, id), &found)).await?;
        Ok(Answer::empty(204))
    }
}

fn find_route(documents: &Documents<'_>, api: &ApiId, route: &RouteId) -> Result<Stored<Route>, Error> {
    find_in(documents, api, &keys::route(api, route), "Route", route.as_str())
}

fn find(
    documents: &Documents<'_>,
    api: &ApiId,
    route: &RouteId,
    id: &RouteResponseId,
) -> Result<Stored<RouteResponse>, Error> {
    find_route(documents, api, route)?;
    find_named(documents, &keys::route_response(api, route, id), WHAT, id.as_str())
}

/// Does to a route response what a body says, and checks what has become of it.
fn apply(response: &mut RouteResponse, body: &Input) -> Result<(), Error> {
    let changes = Changes(body);
    changes.always("routeResponseKey", &mut response.key, MAX_EXPRESSION)?;
    changes.text("modelSelectionExpression", &mut response.model_selection_expression, MAX_EXPRESSION)?;
    changes.map("responseModels", &mut response.response_models)?;
    if let Some(parameters) = changes.constraints("responseParameters")? {
        response.response_parameters = Some(parameters);
    }
    if response.key != DEFAULT {
        return Err(not_one_of("routeResponseKey", &[DEFAULT]));
    }
    match &response.model_selection_expression {
        Some(expression) => expressions::check_selection("modelSelectionExpression", expression),
        None => Ok(()),
    }
}

fn members(response: &RouteResponse) -> Members {
    Members::new()
        .some("modelSelectionExpression", response.model_selection_expression.clone())
        .some("responseModels", response.response_models.as_ref().map(|models| serde_json::json!(models)))
        .some("responseParameters", response.response_parameters.as_ref().map(constraints))
        .set("routeResponseId", response.id.as_str())
        .set("routeResponseKey", response.key.as_str())
}
