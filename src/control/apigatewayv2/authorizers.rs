//! Authorizers: CreateAuthorizer, GetAuthorizers, GetAuthorizer, UpdateAuthorizer, DeleteAuthorizer.

use super::changes::{Changes, missing, not_one_of};
use super::references::routes_using;
use super::{Target, check_number, expressions, find_api, find_in, list_in};
use crate::catalog::{Documents, Edit, keys};
use crate::control::apigateway::authorizers::{check_function, check_validation};
use crate::control::wire::{Answer, Error, Input, Members};
use crate::model::http::Authorizer;
use crate::model::id::{ApiId, AuthorizerId};

const WHAT: &str = "Authorizer";
/// The one type that WebSocket APIs know.
const REQUEST: &str = "REQUEST";
/// An API has at most so many authorizers: AWS's limit.
const MAX_AUTHORIZERS: usize = 10;
const MAX_NAME: usize = 128;
const MAX_TEXT: usize = 2048;
/// An authorizer looks at so many places for a caller's identity, at most.
const MAX_SOURCES: usize = 50;
/// Members that only HTTP APIs have.
const OF_HTTP_APIS: &[&str] =
    &["authorizerResultTtlInSeconds", "authorizerPayloadFormatVersion", "enableSimpleResponses", "jwtConfiguration"];

impl Target<'_> {
    pub(super) async fn create_authorizer(&self, api: &ApiId) -> Result<Answer, Error> {
        if !self.body.has("authorizerType") {
            return Err(missing("authorizerType"));
        }
        let mut authorizer = Authorizer {
            id: AuthorizerId::random(),
            name: String::new(),
            uri: String::new(),
            credentials: None,
            identity_source: Vec::new(),
            identity_validation_expression: None,
        };
        apply(&mut authorizer, self.body)?;
        let edit = self.control.catalog.read(|documents| {
            find_api(documents, api)?;
            check_number(documents, &keys::api_authorizers(api), "authorizers", MAX_AUTHORIZERS)?;
            refuse_taken(documents, api, &authorizer)
        })?;
        self.change(api, edit.create(&keys::api_authorizer(api, &authorizer.id), &authorizer)).await?;
        Ok(Answer::json(201, members(&authorizer)))
    }

    pub(super) fn get_authorizers(&self, api: &ApiId) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| list_in(documents, api, &keys::api_authorizers(api)))?;
        self.page(found, |authorizer| authorizer.id.as_str(), members)
    }

    pub(super) fn get_authorizer(&self, api: &ApiId, id: &AuthorizerId) -> Result<Answer, Error> {
        let key = keys::api_authorizer(api, id);
        let found = self.control.catalog.read(|documents| find_in(documents, api, &key, WHAT, id.as_str()))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_authorizer(&self, api: &ApiId, id: &AuthorizerId) -> Result<Answer, Error> {
        let key = keys::api_authorizer(api, id);
        let (found, changed, edit) = self.control.catalog.read(|documents| {
            let found = find_in(documents, api, &key, WHAT, id.as_str())?;
            let mut changed = found.value.clone();
            apply(&mut changed, self.body)?;
            let edit = match changed.name == found.value.name {
                true => Edit::new(),
                false => refuse_taken(documents, api, &changed)?,
            };
            Ok::<_, Error>((found, changed, edit))
        })?;
        if changed != found.value {
            self.change(api, edit.update(&key, &found, &changed)).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_authorizer(&self, api: &ApiId, id: &AuthorizerId) -> Result<Answer, Error> {
        let key = keys::api_authorizer(api, id);
        let edit = self.control.catalog.read(|documents| {
            let found = find_in(documents, api, &key, WHAT, id.as_str())?;
            let (routes, edit) = routes_using(documents, api, |route| Ok(route.authorizer.as_ref() == Some(id)))?;
            match routes.first() {
                Some(route) => Err(Error::conflict(format!(
                    "Cannot delete authorizer {}, is referenced in route: {}",
                    found.value.name, route.key
                ))),
                None => Ok(edit.delete(&key, &found)),
            }
        })?;
        self.change(api, edit).await?;
        Ok(Answer::empty(204))
    }
}

/// A name is one authorizer's; the edit relies on none taking it until the commit.
fn refuse_taken(documents: &Documents<'_>, api: &ApiId, authorizer: &Authorizer) -> Result<Edit, Error> {
    let prefix = keys::api_authorizers(api);
    let (name, id) = (&authorizer.name, &authorizer.id);
    match documents.list(&prefix)?.iter().any(|other| other.value.name == *name && other.value.id != *id) {
        true => Err(Error::bad_request(format!(
            "Authorizer name must be unique. Authorizer {name} already exists in this Api."
        ))),
        false => Ok(Edit::new().unchanged(documents, &prefix)),
    }
}

/// Does to an authorizer what a body says, and checks what has become of it.
fn apply(authorizer: &mut Authorizer, body: &Input) -> Result<(), Error> {
    let changes = Changes(body);
    match body.text("authorizerType")?.as_deref() {
        None | Some(REQUEST) => {}
        Some("JWT") => {
            return Err(Error::bad_request("JWT authorizers are not supported for WEBSOCKET protocol Apis."));
        }
        Some(_) => return Err(not_one_of("authorizerType", &[REQUEST, "JWT"])),
    }
    changes.refuse(OF_HTTP_APIS)?;
    changes.always("name", &mut authorizer.name, MAX_NAME)?;
    changes.always("authorizerUri", &mut authorizer.uri, MAX_TEXT)?;
    changes.text("authorizerCredentialsArn", &mut authorizer.credentials, MAX_TEXT)?;
    changes.texts("identitySource", &mut authorizer.identity_source)?;
    let expression = &mut authorizer.identity_validation_expression;
    changes.text("identityValidationExpression", expression, MAX_TEXT)?;
    if authorizer.name.is_empty() {
        return Err(missing("name"));
    }
    check_function(Some(&authorizer.uri), authorizer.credentials.as_deref())?;
    check_validation(authorizer.identity_validation_expression.as_deref())?;
    if authorizer.identity_source.len() > MAX_SOURCES {
        return Err(Error::bad_request(format!("An authorizer may have at most {MAX_SOURCES} identity sources")));
    }
    authorizer.identity_source.iter().try_for_each(|source| expressions::check_identity(source))
}

fn members(authorizer: &Authorizer) -> Members {
    Members::new()
        .some("authorizerCredentialsArn", authorizer.credentials.clone())
        .set("authorizerId", authorizer.id.as_str())
        .set("authorizerType", REQUEST)
        .set("authorizerUri", authorizer.uri.as_str())
        .unless_empty("identitySource", authorizer.identity_source.clone())
        .some("identityValidationExpression", authorizer.identity_validation_expression.clone())
        .set("name", authorizer.name.as_str())
}
