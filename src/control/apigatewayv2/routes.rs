//! Routes: CreateRoute, GetRoutes, GetRoute, UpdateRoute, DeleteRoute, DeleteRouteRequestParameter.

use super::changes::{Changes, missing, not_one_of};
use super::references::rely_on_models;
use super::{Target, check_number, constraints, expressions, find_api, find_in, list_in};
use crate::catalog::{Documents, Edit, keys};
use crate::control::wire::{Answer, Error, Input, Members};
use crate::model::http::{AuthorizationType, Route};
use crate::model::id::{ApiId, AuthorizerId, IntegrationId, RouteId};

const WHAT: &str = "Route";
/// The routes that messages don't choose.
const RESERVED: &[&str] = &["$connect", "$disconnect", "$default"];
/// An API has at most so many routes: AWS's limit.
const MAX_ROUTES: usize = 300;
const MAX_KEY: usize = 512;
const MAX_OPERATION_NAME: usize = 64;
const MAX_EXPRESSION: usize = 1024;
const TARGET: &str = "integrations/";
/// How a caller is authorized: not by a token, which is HTTP APIs'.
const AUTHORIZATION_TYPES: &[&str] = &["NONE", "AWS_IAM", "CUSTOM"];

impl Target<'_> {
    pub(super) async fn create_route(&self, api: &ApiId) -> Result<Answer, Error> {
        let mut route = Route {
            id: RouteId::random(),
            key: self.body.text("routeKey")?.filter(|key| !key.is_empty()).ok_or_else(|| missing("routeKey"))?,
            target: None,
            authorization: AuthorizationType::None,
            authorizer: None,
            authorization_scopes: Vec::new(),
            api_key_required: false,
            operation_name: None,
            model_selection_expression: None,
            request_models: None,
            request_parameters: None,
            route_response_selection_expression: None,
        };
        apply(&mut route, self.body)?;
        let edit = self.control.catalog.read(|documents| {
            find_api(documents, api)?;
            check_number(documents, &keys::routes(api), "routes", MAX_ROUTES)?;
            refuse_taken(documents, api, &route.key)?;
            rely_on_ends(documents, api, &route)
        })?;
        let edit =
            edit.create(&keys::route_claim(api, &route.key), &route.id).create(&keys::route(api, &route.id), &route);
        self.change(api, edit).await?;
        Ok(Answer::json(201, members(&route)))
    }

    pub(super) fn get_routes(&self, api: &ApiId) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| list_in(documents, api, &keys::routes(api)))?;
        self.page(found, |route| route.id.as_str(), members)
    }

    pub(super) fn get_route(&self, api: &ApiId, id: &RouteId) -> Result<Answer, Error> {
        let key = keys::route(api, id);
        let found = self.control.catalog.read(|documents| find_in(documents, api, &key, WHAT, id.as_str()))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_route(&self, api: &ApiId, id: &RouteId) -> Result<Answer, Error> {
        let key = keys::route(api, id);
        let (found, changed, edit) = self.control.catalog.read(|documents| {
            let found = find_in(documents, api, &key, WHAT, id.as_str())?;
            let mut changed = found.value.clone();
            apply(&mut changed, self.body)?;
            let mut edit = rely_on_ends(documents, api, &changed)?;
            if changed.key != found.value.key {
                refuse_taken(documents, api, &changed.key)?;
                edit = edit
                    .discard(&keys::route_claim(api, &found.value.key))
                    .create(&keys::route_claim(api, &changed.key), id);
            }
            Ok::<_, Error>((found, changed, edit))
        })?;
        if changed != found.value {
            self.change(api, edit.update(&key, &found, &changed)).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    /// Its route responses go with it.
    pub(super) async fn delete_route(&self, api: &ApiId, id: &RouteId) -> Result<Answer, Error> {
        let key = keys::route(api, id);
        let found = self.control.catalog.read(|documents| find_in(documents, api, &key, WHAT, id.as_str()))?;
        let claim = keys::route_claim(api, &found.value.key);
        self.change(api, Edit::new().delete(&key, &found).discard_below(&key).discard(&claim)).await?;
        Ok(Answer::empty(204))
    }

    pub(super) async fn delete_route_request_parameter(
        &self,
        api: &ApiId,
        id: &RouteId,
        parameter: &str,
    ) -> Result<Answer, Error> {
        let key = keys::route(api, id);
        let found = self.control.catalog.read(|documents| find_in(documents, api, &key, WHAT, id.as_str()))?;
        let mut changed = found.value.clone();
        if changed.request_parameters.as_mut().and_then(|known| known.remove(parameter)).is_none() {
            return Err(Error::not_found(format!("Invalid Request Parameter identifier specified {parameter}")));
        }
        changed.request_parameters = changed.request_parameters.filter(|known| !known.is_empty());
        self.change(api, Edit::new().update(&key, &found, &changed)).await?;
        Ok(Answer::empty(204))
    }
}

/// Does to a route what a body says, and checks what has become of it.
fn apply(route: &mut Route, body: &Input) -> Result<(), Error> {
    let changes = Changes(body);
    changes.always("routeKey", &mut route.key, MAX_KEY)?;
    changes.flag("apiKeyRequired", &mut route.api_key_required)?;
    changes.texts("authorizationScopes", &mut route.authorization_scopes)?;
    changes.choice("authorizationType", &mut route.authorization, authorization_type, AUTHORIZATION_TYPES)?;
    if let Some(id) = body.text("authorizerId")? {
        route.authorizer = Some(id).filter(|id| !id.is_empty()).map(AuthorizerId::new);
    }
    changes.text("operationName", &mut route.operation_name, MAX_OPERATION_NAME)?;
    let models = &mut route.model_selection_expression;
    changes.text("modelSelectionExpression", models, MAX_EXPRESSION)?;
    changes.map("requestModels", &mut route.request_models)?;
    if let Some(added) = changes.constraints("requestParameters")? {
        for name in added.keys() {
            expressions::check_declared(name)?;
        }
        route.request_parameters.get_or_insert_default().extend(added);
    }
    let answers = &mut route.route_response_selection_expression;
    changes.text("routeResponseSelectionExpression", answers, MAX_EXPRESSION)?;
    if let Some(text) = body.text("target")? {
        route.target = target(&text)?;
    }
    check(route)
}

fn authorization_type(text: &str) -> Option<AuthorizationType> {
    AuthorizationType::parse(text).filter(|kind| *kind != AuthorizationType::Jwt)
}

/// What must be true of a route, however it came to be so.
fn check(route: &mut Route) -> Result<(), Error> {
    if route.key.starts_with('$') && !RESERVED.contains(&route.key.as_str()) {
        return Err(Error::bad_request(format!(
            "The provided route key is not formatted properly for WEBSOCKET protocol. Keys that begin with $ are \
             reserved: {}",
            RESERVED.join(", ")
        )));
    }
    if route.authorization != AuthorizationType::None && route.key != "$connect" {
        return Err(Error::bad_request("Currently, authorization can be set only on the $connect route"));
    }
    if route.authorization == AuthorizationType::Custom && route.authorizer.is_none() {
        return Err(Error::bad_request("Unable to update route. Authorizer type is invalid or null."));
    }
    if route.authorization != AuthorizationType::Custom {
        // AWS takes an authorizer that nobody would ask, and doesn't keep it.
        route.authorizer = None;
    }
    if let Some(expression) = &route.model_selection_expression {
        expressions::check_selection("modelSelectionExpression", expression)?;
    }
    match route.route_response_selection_expression.as_deref() {
        None | Some("$default") => Ok(()),
        Some(_) => Err(not_one_of("routeResponseSelectionExpression", &["$default"])),
    }
}

/// Reads `integrations/{id}`; an empty text is none.
fn target(text: &str) -> Result<Option<IntegrationId>, Error> {
    match text.strip_prefix(TARGET) {
        None if text.is_empty() => Ok(None),
        Some(id) if !id.is_empty() && !id.contains('/') => Ok(Some(IntegrationId::new(id))),
        _ => {
            Err(Error::bad_request(format!("Invalid target specified. Must be of the form {TARGET}{{integrationId}}")))
        }
    }
}

/// A key names one route of an API.
fn refuse_taken(documents: &Documents<'_>, api: &ApiId, key: &str) -> Result<(), Error> {
    match documents.exists(&keys::route_claim(api, key)) {
        true => Err(Error::conflict(format!("Route with key {key} already exists for this API"))),
        false => Ok(()),
    }
}

/// The integration, the authorizer and the models of a route must exist, and go on existing until the commit.
fn rely_on_ends(documents: &Documents<'_>, api: &ApiId, route: &Route) -> Result<Edit, Error> {
    let mut edit = Edit::new();
    if let Some(id) = &route.target {
        let key = keys::integration(api, id);
        if !documents.exists(&key) {
            return Err(Error::bad_request(format!("Invalid Integration identifier specified {id}")));
        }
        edit = edit.require(&key);
    }
    if let Some(id) = &route.authorizer {
        let key = keys::api_authorizer(api, id);
        if !documents.exists(&key) {
            return Err(Error::bad_request(format!("Invalid Authorizer identifier specified {id}")));
        }
        edit = edit.require(&key);
    }
    rely_on_models(documents, api, route.request_models.as_ref(), edit)
}

fn members(route: &Route) -> Members {
    Members::new()
        .set("apiKeyRequired", route.api_key_required)
        .unless_empty("authorizationScopes", route.authorization_scopes.clone())
        .set("authorizationType", route.authorization.as_str())
        .some("authorizerId", route.authorizer.as_ref().map(AuthorizerId::as_str))
        .some("modelSelectionExpression", route.model_selection_expression.clone())
        .some("operationName", route.operation_name.clone())
        .some("requestModels", route.request_models.as_ref().map(|models| serde_json::json!(models)))
        .some("requestParameters", route.request_parameters.as_ref().map(constraints))
        .set("routeId", route.id.as_str())
        .set("routeKey", route.key.as_str())
        .some("routeResponseSelectionExpression", route.route_response_selection_expression.clone())
        .some("target", route.target.as_ref().map(|id| format!("{TARGET}{id}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_name_an_integration() {
        let id = |text: &str| Some(Some(IntegrationId::new(text)));
        for (text, expected) in [
            ("integrations/abc1234", id("abc1234")),
            ("", Some(None)),
            ("abc1234", None),
            ("integrations/", None),
            ("integrations/a/b", None),
        ] {
            assert_eq!(target(text).ok(), expected, "{text}");
        }
    }
}
