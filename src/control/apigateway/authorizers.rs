//! Authorizers: CreateAuthorizer, GetAuthorizers, GetAuthorizer, UpdateAuthorizer, DeleteAuthorizer.

use super::references::{self, refuse_used};
use super::{Target, bounded, expressions};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Op, Operation, Page, Violations, any_of, as_number, operations};
use crate::model::arn;
use crate::model::id::{ApiId, AuthorizerId};
use crate::model::rest::{Authorizer, AuthorizerType};

const MISSING: &str = "Invalid Authorizer identifier specified";
const BAD_TYPE: &str = "Invalid authorizer type specified. Valid options are TOKEN,REQUEST,COGNITO_USER_POOLS";
const TYPES: &[&str] = &["TOKEN", "REQUEST", "COGNITO_USER_POOLS"];
const PATHS: &[&str] = &[
    "/authorizerUri",
    "/authorizerCredentials",
    "/authorizerResultTtlInSeconds",
    "/authType",
    "/identitySource",
    "/identityValidationExpression",
    "/name",
    "/providerARNs",
    "/type",
];
/// Where a token is looked for, if nothing is said.
const AUTHORIZATION: &str = "method.request.header.Authorization";
/// An API has at most so many authorizers: AWS's own limit is 10, on request more.
const MAX_AUTHORIZERS: u64 = 100;
const MAX_NAME: usize = 128;
const MAX_TEXT: usize = 2048;
const MAX_PROVIDERS: usize = 1000;
const MAX_TTL: i64 = 3600;

impl Target<'_> {
    pub(super) async fn create_authorizer(&self, api: &ApiId) -> Result<Answer, Error> {
        let body = self.body;
        let (name, kind) = (body.text("name")?, body.text("type")?);
        let mut violations = Violations::new();
        violations.present(name.is_some(), "createAuthorizerInput.name");
        match &kind {
            Some(kind) => violations.one_of(kind, "createAuthorizerInput.type", TYPES),
            None => violations.present(false, "createAuthorizerInput.type"),
        }
        violations.check()?;
        let text = |name: &str| Ok::<_, Error>(body.text(name)?.filter(|text| !text.is_empty()));
        let kind = kind.as_deref().and_then(AuthorizerType::parse).ok_or_else(|| Error::bad_request(BAD_TYPE))?;
        let mut authorizer = Authorizer {
            id: AuthorizerId::random(),
            name: name.unwrap_or_default(),
            kind,
            provider_arns: body.texts("providerARNs")?.unwrap_or_default(),
            auth_type: text("authType")?.unwrap_or_else(|| auth_type(kind).to_owned()),
            uri: text("authorizerUri")?,
            credentials: text("authorizerCredentials")?,
            identity_source: text("identitySource")?,
            identity_validation_expression: text("identityValidationExpression")?,
            result_ttl_seconds: body.integer("authorizerResultTtlInSeconds")?.map(ttl).transpose()?,
        };
        complete(&mut authorizer);
        check(&authorizer)?;
        let authorizers = keys::authorizers(api);
        let edit = self.control.catalog.read(|documents| {
            if !documents.exists(&keys::rest_api(api)) {
                // AWS's words, whatever it means by them (control-plane reference, 7).
                return Err(Error::conflict(
                    "Unable to complete operation due to concurrent modification. Please try again later.",
                ));
            }
            if documents.count(&authorizers) >= MAX_AUTHORIZERS {
                return Err(Error::limit_exceeded(format!("An API may have at most {MAX_AUTHORIZERS} authorizers")));
            }
            check_name(documents, api, &authorizer)?;
            // No other may take the name between this look and the commit.
            Ok(Edit::new().require(&keys::rest_api(api)).unchanged(documents, &authorizers))
        })?;
        self.control.catalog.commit(edit.create(&keys::authorizer(api, &authorizer.id), &authorizer)).await?;
        Ok(Answer::json(201, members(&authorizer)))
    }

    pub(super) fn get_authorizers(&self, api: &ApiId) -> Result<Answer, Error> {
        let authorizers = self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            Ok::<_, Error>(documents.list(&keys::authorizers(api))?)
        })?;
        let (authorizers, position) = Page::read(self.call)?.take(authorizers, |found| found.value.id.as_str());
        Ok(Answer::list(authorizers.iter().map(|found| members(&found.value).into()).collect(), position))
    }

    pub(super) fn get_authorizer(&self, api: &ApiId, id: &str) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, api, id))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_authorizer(&self, api: &ApiId, id: &str) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateAuthorizerInput")?;
        let (found, changed, edit) = self.control.catalog.read(|documents| {
            let found = find(documents, api, id)?;
            let mut changed = found.value.clone();
            for operation in &operations {
                patch(&mut changed, operation)?;
            }
            complete(&mut changed);
            check(&changed)?;
            let mut edit = Edit::new();
            if changed.name != found.value.name {
                check_name(documents, api, &changed)?;
                edit = edit.unchanged(documents, &keys::authorizers(api));
            }
            if is_lambda(changed.kind) != is_lambda(found.value.kind) {
                let users = references::methods(documents, api)?;
                if users.iter().any(|used| used.method.authorizer_id.as_deref() == Some(id)) {
                    return Err(Error::bad_request(format!(
                        "Cannot change authorizer '{}' to type {}, as methods refer to it",
                        found.value.name, changed.kind
                    )));
                }
                edit = edit.unchanged(documents, &keys::resources(api));
            }
            Ok::<_, Error>((found, changed, edit))
        })?;
        if changed != found.value {
            let key = keys::authorizer(api, &changed.id);
            self.control.catalog.commit(edit.update(&key, &found, &changed)).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_authorizer(&self, api: &ApiId, id: &str) -> Result<Answer, Error> {
        let edit = self.control.catalog.read(|documents| {
            let found = find(documents, api, id)?;
            refuse_used(documents, api, &format!("authorizer '{}'", found.value.name), |method| {
                method.authorizer_id.as_deref() == Some(id)
            })?;
            // No method may come to use it between this look and the commit.
            let edit = Edit::new().unchanged(documents, &keys::resources(api));
            Ok::<_, Error>(edit.delete(&keys::authorizer(api, &found.value.id), &found))
        })?;
        self.control.catalog.commit(edit).await?;
        Ok(Answer::empty(202))
    }
}

fn find(documents: &Documents<'_>, api: &ApiId, id: &str) -> Result<Stored<Authorizer>, Error> {
    let found = documents.get(&keys::authorizer(api, &AuthorizerId::new(id)))?;
    found.ok_or_else(|| Error::not_found(MISSING))
}

fn is_lambda(kind: AuthorizerType) -> bool {
    kind != AuthorizerType::CognitoUserPools
}

fn auth_type(kind: AuthorizerType) -> &'static str {
    if is_lambda(kind) { "custom" } else { "cognito_user_pools" }
}

/// Fills in where a token is looked for.
fn complete(authorizer: &mut Authorizer) {
    if authorizer.kind != AuthorizerType::Request {
        authorizer.identity_source.get_or_insert_with(|| AUTHORIZATION.to_owned());
    }
}

fn ttl(seconds: i64) -> Result<u32, Error> {
    let fits = u32::try_from(seconds).ok().filter(|_| (0..=MAX_TTL).contains(&seconds));
    fits.ok_or_else(|| {
        Error::bad_request(format!(
            "Invalid authorizer result TTL specified: should be between 0 and {MAX_TTL} seconds"
        ))
    })
}

/// Two authorizers of an API never share a name.
fn check_name(documents: &Documents<'_>, api: &ApiId, authorizer: &Authorizer) -> Result<(), Error> {
    let name = &authorizer.name;
    let known = documents.list(&keys::authorizers(api))?;
    if known.iter().any(|found| found.value.name == *name && found.value.id != authorizer.id) {
        return Err(Error::bad_request(format!(
            "Authorizer name must be unique. Authorizer {name} already exists in this RestApi."
        )));
    }
    Ok(())
}

/// What must be true of an authorizer, however it came to be so.
fn check(authorizer: &Authorizer) -> Result<(), Error> {
    if authorizer.name.trim().is_empty() {
        return Err(Error::bad_request("Authorizer name cannot be empty"));
    }
    bounded(Some(authorizer.name.clone()), "authorizer name", MAX_NAME)?;
    bounded(Some(authorizer.auth_type.clone()), "authType", MAX_NAME)?;
    if is_lambda(authorizer.kind) {
        check_function(authorizer.uri.as_deref(), authorizer.credentials.as_deref())?
    } else {
        check_pools(authorizer)?
    }
    check_identity(authorizer)?;
    check_validation(authorizer.identity_validation_expression.as_deref())
}

/// The regular expression of an authorizer of either version.
pub(in crate::control) fn check_validation(expression: Option<&str>) -> Result<(), Error> {
    match expression {
        Some(text) if text.len() > MAX_TEXT || regex::Regex::new(text).is_err() => {
            Err(Error::bad_request(format!("Invalid identity validation expression specified: {text:.100}")))
        }
        _ => Ok(()),
    }
}

/// The function that an authorizer of either version asks.
pub(in crate::control) fn check_function(uri: Option<&str>, credentials: Option<&str>) -> Result<(), Error> {
    let uri = uri.unwrap_or_default();
    let is_invocation = uri.contains(":lambda:path/") && uri.ends_with("/invocations");
    if !is_invocation || arn::service(uri) != Some("apigateway") || uri.len() > MAX_TEXT {
        return Err(Error::bad_request(format!(
            "Invalid Authorizer URI: {uri:.200}. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation."
        )));
    }
    match credentials {
        Some(role) if !arn::well_formed(role) || role.len() > MAX_TEXT => {
            Err(Error::bad_request("Invalid ARN specified in the request"))
        }
        _ => Ok(()),
    }
}

fn check_pools(authorizer: &Authorizer) -> Result<(), Error> {
    let pools = &authorizer.provider_arns;
    if pools.is_empty() {
        return Err(Error::bad_request("Authorizers of type COGNITO_USER_POOLS must have at least one provider ARN"));
    }
    if pools.len() > MAX_PROVIDERS {
        return Err(Error::bad_request(format!("An authorizer may have at most {MAX_PROVIDERS} provider ARNs")));
    }
    let is_pool = |text: &String| arn::service(text) == Some("cognito-idp") && text.contains(":userpool/");
    match pools.iter().find(|text| !is_pool(text)) {
        Some(_) => Err(Error::bad_request("Invalid ARN specified in the request")),
        None => Ok(()),
    }
}

/// One header for a token; for requests any number of places, and at least one where answers are kept, as they are
/// kept by them.
fn check_identity(authorizer: &Authorizer) -> Result<(), Error> {
    let source = authorizer.identity_source.as_deref().unwrap_or_default();
    if source.len() > MAX_TEXT {
        return Err(expressions::invalid(&source[..source.floor_char_boundary(100)]));
    }
    if authorizer.kind != AuthorizerType::Request {
        expressions::check_identity(source)?;
        return match source.starts_with("method.request.header.") {
            true => Ok(()),
            false => Err(expressions::invalid(source)),
        };
    }
    if source.is_empty() {
        let keeps = authorizer.result_ttl_seconds.unwrap_or(Authorizer::DEFAULT_TTL) > 0;
        return match keeps {
            true => Err(Error::bad_request("Identity sources cannot be empty when caching is enabled")),
            false => Ok(()),
        };
    }
    source.split(',').try_for_each(|part| expressions::check_identity(part.trim()))
}

/// What of an authorizer can be patched, and how.
fn patch(authorizer: &mut Authorizer, operation: &Operation) -> Result<(), Error> {
    use Op::{Add, Remove, Replace};
    match (operation.op, operation.parts().as_slice()) {
        (Replace, ["name"]) => authorizer.name = operation.text().to_owned(),
        (Replace, ["type"]) => {
            let kind = AuthorizerType::parse(operation.text()).ok_or_else(|| Error::bad_request(BAD_TYPE))?;
            if authorizer.auth_type == auth_type(authorizer.kind) {
                authorizer.auth_type = auth_type(kind).to_owned();
            }
            authorizer.kind = kind;
        }
        (Replace, ["authType"]) => {
            authorizer.auth_type = operation.some_text().unwrap_or_else(|| auth_type(authorizer.kind).to_owned());
        }
        (Replace, ["authorizerUri"]) => authorizer.uri = operation.some_text(),
        (Replace, ["authorizerCredentials"]) => authorizer.credentials = operation.some_text(),
        (Replace, ["authorizerResultTtlInSeconds"]) => {
            authorizer.result_ttl_seconds = Some(ttl(as_number(operation)?)?);
        }
        (Replace, ["identityValidationExpression"]) => {
            authorizer.identity_validation_expression = operation.some_text();
        }
        (Add | Replace, ["identitySource"]) => authorizer.identity_source = operation.some_text(),
        (Remove, ["identitySource"]) => authorizer.identity_source = None,
        (Add, ["providerARNs"]) => {
            let pool = operation.text();
            if !authorizer.provider_arns.iter().any(|known| known == pool) {
                authorizer.provider_arns.push(pool.to_owned());
            }
        }
        (Remove, ["providerARNs"]) => authorizer.provider_arns.retain(|known| known != operation.text()),
        _ => return Err(any_of(operation, PATHS)),
    }
    Ok(())
}

fn members(authorizer: &Authorizer) -> Members {
    Members::new()
        .set("id", authorizer.id.as_str())
        .set("name", authorizer.name.as_str())
        .set("type", authorizer.kind.as_str())
        .unless_empty("providerARNs", authorizer.provider_arns.clone())
        .set("authType", authorizer.auth_type.as_str())
        .some("authorizerUri", authorizer.uri.clone())
        .some("authorizerCredentials", authorizer.credentials.clone())
        .some("identitySource", authorizer.identity_source.clone())
        .some("identityValidationExpression", authorizer.identity_validation_expression.clone())
        .some("authorizerResultTtlInSeconds", authorizer.result_ttl_seconds)
}
