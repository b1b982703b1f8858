//! Methods: PutMethod, GetMethod, UpdateMethod, DeleteMethod.

use std::collections::BTreeSet;

use super::method_responses::{self, ONLY_MAP_OPERATIONS};
use super::{Place, Target, expressions, find_resource, integrations, request_validators};
use crate::catalog::{Documents, Edit, keys};
use crate::control::wire::{Answer, Error, Members, Op, Operation, as_boolean, operations};
use crate::model::id::{ApiId, AuthorizerId, RequestValidatorId};
use crate::model::rest::{AuthorizationType, AuthorizerType, Flags, Method, Strings, Verb};

const BAD_VERB: &str = "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY";
const NO_AUTHORIZER: &str = "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.";
/// A method has at most so many authorization scopes.
const MAX_SCOPES: usize = 100;
const PLACES: &[&str] = &["header.", "path.", "querystring.", "multivalueheader.", "multivaluequerystring."];

impl Target<'_> {
    pub(super) async fn put_method(&self, place: &Place) -> Result<Answer, Error> {
        let verb = Verb::parse(&place.verb).ok_or_else(|| Error::bad_request(BAD_VERB))?;
        let body = self.body;
        let mut method = Method {
            verb,
            authorization_type: authorization_type(&body.text("authorizationType")?.unwrap_or_default())?,
            authorizer_id: body.text("authorizerId")?.filter(|id| !id.is_empty()),
            authorization_scopes: body.texts("authorizationScopes")?.unwrap_or_default(),
            api_key_required: body.boolean("apiKeyRequired")?.unwrap_or_default(),
            request_validator_id: body.text("requestValidatorId")?.filter(|id| !id.is_empty()),
            operation_name: body.text("operationName")?.filter(|name| !name.is_empty()),
            request_parameters: body.flags("requestParameters")?.unwrap_or_default(),
            request_models: body.strings("requestModels")?.unwrap_or_default(),
            responses: Default::default(),
            integration: None,
        };
        drop_unused_authorizer(&mut method);
        let key = keys::method(&place.api, &place.resource, verb);
        let edit = self.control.catalog.read(|documents| {
            find_resource(documents, &place.api, &place.resource)?;
            if documents.exists(&key) {
                return Err(Error::conflict("Method already exists for this resource"));
            }
            check(documents, &place.api, &method)
        })?;
        let edit = edit.require(&keys::resource(&place.api, &place.resource)).create(&key, &method);
        self.control.catalog.commit(edit).await?;
        Ok(Answer::json(201, members(&method)))
    }

    pub(super) fn get_method(&self, place: &Place) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| place.find(documents))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_method(&self, place: &Place) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateMethodInput")?;
        let (found, changed, edit) = self.control.catalog.read(|documents| {
            let found = place.find(documents)?;
            let mut changed = found.value.clone();
            for operation in &operations {
                patch(&mut changed, operation)?;
            }
            drop_unused_authorizer(&mut changed);
            let edit = check(documents, &place.api, &changed)?;
            Ok::<_, Error>((found, changed, edit))
        })?;
        place.update_relying(self.control, &found, &changed, edit).await?;
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_method(&self, place: &Place) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| place.find(documents))?;
        let key = keys::method(&place.api, &place.resource, found.value.verb);
        self.control.catalog.commit(Edit::new().delete(&key, &found)).await?;
        Ok(Answer::empty(204))
    }
}

fn authorization_type(text: &str) -> Result<AuthorizationType, Error> {
    AuthorizationType::parse(text).ok_or_else(|| {
        Error::bad_request(
            "Invalid authorization type specified. Valid options are NONE,AWS_IAM,CUSTOM,COGNITO_USER_POOLS",
        )
    })
}

/// AWS ignores an authorizer where none is used.
fn drop_unused_authorizer(method: &mut Method) {
    match method.authorization_type {
        AuthorizationType::None | AuthorizationType::AwsIam => method.authorizer_id = None,
        AuthorizationType::Custom | AuthorizationType::CognitoUserPools => {}
    }
}

/// What must be true of a method, however it came to be so, and must still be true at the commit.
fn check(documents: &Documents<'_>, api: &ApiId, method: &Method) -> Result<Edit, Error> {
    if method.authorization_scopes.len() > MAX_SCOPES {
        return Err(Error::bad_request(format!("A method may have at most {MAX_SCOPES} authorization scopes")));
    }
    let mut edit = rely_on_authorizer(documents, api, method, Edit::new())?;
    if let Some(id) = &method.request_validator_id {
        let key = keys::request_validator(api, &RequestValidatorId::new(id.as_str()));
        if !documents.exists(&key) {
            return Err(Error::bad_request(request_validators::MISSING));
        }
        edit = edit.require(&key);
    }
    check_parameters(&method.request_parameters)?;
    rely_on_models(documents, api, &method.request_models, edit)
}

/// An authorizer must exist, and be of a kind that fits how callers are authorized.
fn rely_on_authorizer(documents: &Documents<'_>, api: &ApiId, method: &Method, edit: Edit) -> Result<Edit, Error> {
    let fits = |kind: AuthorizerType| match method.authorization_type {
        AuthorizationType::None | AuthorizationType::AwsIam => false,
        AuthorizationType::Custom => kind != AuthorizerType::CognitoUserPools,
        AuthorizationType::CognitoUserPools => kind == AuthorizerType::CognitoUserPools,
    };
    if matches!(method.authorization_type, AuthorizationType::None | AuthorizationType::AwsIam) {
        return Ok(edit);
    }
    let key = keys::authorizer(api, &AuthorizerId::new(method.authorizer_id.as_deref().unwrap_or_default()));
    match documents.get(&key)? {
        // Its revision: it may not become one of another kind before the commit.
        Some(found) if fits(found.value.kind) => Ok(edit.rely_on(&key, &found)),
        _ => Err(Error::bad_request(NO_AUTHORIZER)),
    }
}

pub(super) fn check_parameters(parameters: &Flags) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    for parameter in parameters.keys() {
        expressions::check_declared(parameter, "method.request.", PLACES)?;
        let name = parameter.splitn(4, '.').nth(3).unwrap_or_default();
        if !names.insert(name) {
            return Err(Error::bad_request("Parameter names must be unique across querystring, header and path"));
        }
    }
    Ok(())
}

/// Models that are named must exist, and go on existing until the commit.
pub(super) fn rely_on_models(
    documents: &Documents<'_>,
    api: &ApiId,
    models: &Strings,
    mut edit: Edit,
) -> Result<Edit, Error> {
    for name in models.values() {
        let key = keys::model(api, name);
        if !documents.exists(&key) {
            return Err(Error::bad_request(format!("Invalid model identifier specified: {name}")));
        }
        edit = edit.require(&key);
    }
    Ok(edit)
}

/// What of a method can be patched, and how.
fn patch(method: &mut Method, operation: &Operation) -> Result<(), Error> {
    use Op::{Add, Remove, Replace};
    let missing = |what: &str| Err(Error::not_found(what.to_owned()));
    match (operation.op, operation.parts().as_slice()) {
        (Replace, ["authorizationType"]) => method.authorization_type = authorization_type(operation.text())?,
        (Replace, ["authorizerId"]) => method.authorizer_id = operation.some_text(),
        (Replace, ["apiKeyRequired"]) => method.api_key_required = as_boolean(operation),
        (Replace, ["operationName"]) => method.operation_name = operation.some_text(),
        (Replace, ["requestValidatorId"]) => method.request_validator_id = operation.some_text(),
        (Add, ["authorizationScopes"]) => method.authorization_scopes.push(operation.text().to_owned()),
        (Remove, ["authorizationScopes"]) => {
            method.authorization_scopes.retain(|known| known != operation.text());
        }
        (Replace, ["requestParameters", name]) if !method.request_parameters.contains_key(*name) => {
            return missing("Invalid parameter name specified");
        }
        (Add | Replace, ["requestParameters", name]) => {
            method.request_parameters.insert((*name).to_owned(), as_boolean(operation));
        }
        (Remove, ["requestParameters", name]) => {
            if method.request_parameters.remove(*name).is_none() {
                return missing("Invalid parameter name specified");
            }
        }
        (Replace, ["requestModels", media_type]) if !method.request_models.contains_key(*media_type) => {
            return missing("Content-Type specified was not found");
        }
        (Add | Replace, ["requestModels", media_type]) => {
            method.request_models.insert((*media_type).to_owned(), operation.text().to_owned());
        }
        (Remove, ["requestModels", media_type]) => {
            if method.request_models.remove(*media_type).is_none() {
                return missing("Content-Type specified was not found");
            }
        }
        (_, ["authorizationScopes"]) => {
            return Err(Error::bad_request("Invalid patch operation specified. Must be one of: [add, remove]"));
        }
        (_, ["requestParameters" | "requestModels", _]) => return Err(Error::bad_request(ONLY_MAP_OPERATIONS)),
        (_, ["authorizationType" | "authorizerId" | "apiKeyRequired" | "operationName" | "requestValidatorId"]) => {
            return Err(Error::bad_request("Invalid patch operation specified. Must be one of: [replace]"));
        }
        _ => return Err(Error::bad_request(format!("Invalid patch path {}", operation.path))),
    }
    Ok(())
}

pub(super) fn members(method: &Method) -> Members {
    let responses = method
        .responses
        .iter()
        .map(|(status, response)| (status.clone(), method_responses::members(status, response).into()));
    let integration = method.integration.as_ref();
    Members::new()
        .set("httpMethod", method.verb.as_str())
        .set("authorizationType", method.authorization_type.as_str())
        .some("authorizerId", method.authorizer_id.clone())
        .unless_empty("authorizationScopes", method.authorization_scopes.clone())
        .set("apiKeyRequired", method.api_key_required)
        .some("requestValidatorId", method.request_validator_id.clone())
        .some("operationName", method.operation_name.clone())
        .unless_empty("requestParameters", serde_json::json!(method.request_parameters))
        .unless_empty("requestModels", serde_json::json!(method.request_models))
        .unless_empty("methodResponses", serde_json::Value::Object(responses.collect()))
        .some("methodIntegration", integration.map(integrations::members))
}
