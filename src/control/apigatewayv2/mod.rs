//! API Gateway's management plane for WebSocket APIs (V2): a file a resource, a function an operation, AWS's names.
//!
//! The table of operations is in [`operations`]; [`perform`] carries one out. Domain names, mappings and tags are the same
//! documents as V1's, shown in this plane's words.

mod api_mappings;
mod apis;
mod authorizers;
mod auto_deploy;
mod changes;
mod deployments;
mod domain_names;
mod expressions;
mod integration_responses;
mod integrations;
mod models;
mod operations;
mod references;
mod route_responses;
mod route_settings;
mod routes;
mod stages;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::wire::{Answer, Call, Error, Input, Members, Page};
use super::{Control, apigateway};
use crate::catalog::{Document, Documents, Edit, Key, Prefix, Stored, keys};
use crate::model::http::Api;
use crate::model::id::{
    ApiId, AuthorizerId, DeploymentId, IntegrationId, IntegrationResponseId, ModelId, RouteId, RouteResponseId,
    StageName,
};
use crate::model::rest::Flags;
use operations::Operation;

pub(super) use operations::{Found, find, is_meant};

/// Carries out the operation that a call is for.
pub(super) async fn perform(control: &Control, call: &Call, found: &Found) -> Result<Answer, Error> {
    let body = if call.method == "GET" { Input::default() } else { Input::read(&call.body)? };
    // Everything below reads local documents: first they have all that was committed before this call.
    control.catalog.fresh().await?;
    let target = Target { control, call, body: &body };
    let name = |at: usize| found.names.get(at).map_or("", String::as_str);
    let api = || ApiId::new(name(0));
    let authorizer = || AuthorizerId::new(name(1));
    let deployment = || DeploymentId::new(name(1));
    let integration = || IntegrationId::new(name(1));
    let model = || ModelId::new(name(1));
    let route = || RouteId::new(name(1));
    let stage = || StageName::new(name(1));
    let integration_response = || IntegrationResponseId::new(name(2));
    let route_response = || RouteResponseId::new(name(2));
    match found.operation {
        Operation::CreateApi => target.create_api().await,
        Operation::GetApis => target.get_apis(),
        Operation::ImportApi => target.import_api(),
        Operation::GetApi => target.get_api(&api()),
        Operation::UpdateApi => target.update_api(&api()).await,
        Operation::ReimportApi => target.reimport_api(&api()),
        Operation::DeleteApi => target.delete_api(&api()).await,
        Operation::ExportApi => target.export_api(&api()),
        Operation::CreateAuthorizer => target.create_authorizer(&api()).await,
        Operation::GetAuthorizers => target.get_authorizers(&api()),
        Operation::GetAuthorizer => target.get_authorizer(&api(), &authorizer()),
        Operation::UpdateAuthorizer => target.update_authorizer(&api(), &authorizer()).await,
        Operation::DeleteAuthorizer => target.delete_authorizer(&api(), &authorizer()).await,
        Operation::CreateDeployment => target.create_deployment(&api()).await,
        Operation::GetDeployments => target.get_deployments(&api()),
        Operation::GetDeployment => target.get_deployment(&api(), &deployment()),
        Operation::UpdateDeployment => target.update_deployment(&api(), &deployment()).await,
        Operation::DeleteDeployment => target.delete_deployment(&api(), &deployment()).await,
        Operation::CreateIntegration => target.create_integration(&api()).await,
        Operation::GetIntegrations => target.get_integrations(&api()),
        Operation::GetIntegration => target.get_integration(&api(), &integration()),
        Operation::UpdateIntegration => target.update_integration(&api(), &integration()).await,
        Operation::DeleteIntegration => target.delete_integration(&api(), &integration()).await,
        Operation::CreateIntegrationResponse => target.create_integration_response(&api(), &integration()).await,
        Operation::GetIntegrationResponses => target.get_integration_responses(&api(), &integration()),
        Operation::GetIntegrationResponse => {
            target.get_integration_response(&api(), &integration(), &integration_response())
        }
        Operation::UpdateIntegrationResponse => {
            target.update_integration_response(&api(), &integration(), &integration_response()).await
        }
        Operation::DeleteIntegrationResponse => {
            target.delete_integration_response(&api(), &integration(), &integration_response()).await
        }
        Operation::CreateModel => target.create_model(&api()).await,
        Operation::GetModels => target.get_models(&api()),
        Operation::GetModel => target.get_model(&api(), &model()),
        Operation::UpdateModel => target.update_model(&api(), &model()).await,
        Operation::DeleteModel => target.delete_model(&api(), &model()).await,
        Operation::GetModelTemplate => target.get_model_template(&api(), &model()),
        Operation::CreateRoute => target.create_route(&api()).await,
        Operation::GetRoutes => target.get_routes(&api()),
        Operation::GetRoute => target.get_route(&api(), &route()),
        Operation::UpdateRoute => target.update_route(&api(), &route()).await,
        Operation::DeleteRoute => target.delete_route(&api(), &route()).await,
        Operation::DeleteRouteRequestParameter => {
            target.delete_route_request_parameter(&api(), &route(), name(2)).await
        }
        Operation::CreateRouteResponse => target.create_route_response(&api(), &route()).await,
        Operation::GetRouteResponses => target.get_route_responses(&api(), &route()),
        Operation::GetRouteResponse => target.get_route_response(&api(), &route(), &route_response()),
        Operation::UpdateRouteResponse => target.update_route_response(&api(), &route(), &route_response()).await,
        Operation::DeleteRouteResponse => target.delete_route_response(&api(), &route(), &route_response()).await,
        Operation::CreateStage => target.create_stage(&api()).await,
        Operation::GetStages => target.get_stages(&api()),
        Operation::GetStage => target.get_stage(&api(), &stage()),
        Operation::UpdateStage => target.update_stage(&api(), &stage()).await,
        Operation::DeleteStage => target.delete_stage(&api(), &stage()).await,
        Operation::DeleteAccessLogSettings => target.delete_access_log_settings(&api(), &stage()).await,
        Operation::ResetAuthorizersCache => target.reset_authorizers_cache(&api(), &stage()),
        Operation::DeleteRouteSettings => target.delete_route_settings(&api(), &stage(), name(2)).await,
        Operation::CreateDomainName => target.create_domain_name().await,
        Operation::GetDomainNames => target.get_domain_names(),
        Operation::GetDomainName => target.get_domain_name(name(0)),
        Operation::UpdateDomainName => target.update_domain_name(name(0)).await,
        Operation::DeleteDomainName => target.delete_domain_name(name(0)).await,
        Operation::CreateApiMapping => target.create_api_mapping(name(0)).await,
        Operation::GetApiMappings => target.get_api_mappings(name(0)),
        Operation::GetApiMapping => target.get_api_mapping(name(0), name(1)),
        Operation::UpdateApiMapping => target.update_api_mapping(name(0), name(1)).await,
        Operation::DeleteApiMapping => target.delete_api_mapping(name(0), name(1)).await,
        Operation::GetTags => target.as_v1().get_tags(name(0)),
        Operation::TagResource => {
            target.as_v1().tag_resource(name(0)).await?;
            Ok(Answer::json(201, Members::new()))
        }
        Operation::UntagResource => target.as_v1().untag_resource(name(0)).await,
    }
}

/// A call that has found its operation.
struct Target<'a> {
    control: &'a Control,
    call: &'a Call,
    body: &'a Input,
}

impl Target<'_> {
    /// The same call as one of V1, where the two differ in nothing but the status.
    fn as_v1(&self) -> apigateway::Target<'_> {
        apigateway::Target { control: self.control, call: self.call, body: self.body }
    }

    /// Commits a change of an API, and has the stages serve it that deploy by themselves.
    async fn change(&self, api: &ApiId, edit: Edit) -> Result<(), Error> {
        self.control.catalog.commit(edit.require(&keys::api(api))).await?;
        self.deploy_by_itself(api).await
    }

    /// The page that is asked for of a list, in this plane's words; `key` gives what the documents are sorted by.
    fn page<T>(
        &self,
        found: Vec<Stored<T>>,
        key: impl Fn(&T) -> &str,
        members: impl Fn(&T) -> Members,
    ) -> Result<Answer, Error> {
        let (found, token) = Page::read_tokens(self.call)?.take(found, |found| key(&found.value));
        let items: Vec<_> = found.iter().map(|found| members(&found.value).into()).collect();
        Ok(list(items, token))
    }
}

/// A list, and where its next page begins, if there is one.
fn list(items: Vec<serde_json::Value>, token: Option<String>) -> Answer {
    Answer::json(200, Members::new().set("items", items).some("nextToken", token))
}

fn missing_model(name: &str) -> Error {
    Error::bad_request(format!("Invalid model name specified: {name}"))
}

fn find_api(documents: &Documents<'_>, api: &ApiId) -> Result<Stored<Api>, Error> {
    find_named(documents, &keys::api(api), "API", api.as_str())
}

/// Something of an API, which must exist as well; `what` is AWS's name for it.
fn find_in<T: Document>(
    documents: &Documents<'_>,
    api: &ApiId,
    key: &Key<T>,
    what: &str,
    id: &str,
) -> Result<Stored<T>, Error> {
    find_api(documents, api)?;
    find_named(documents, key, what, id)
}

fn find_named<T: Document>(documents: &Documents<'_>, key: &Key<T>, what: &str, id: &str) -> Result<Stored<T>, Error> {
    let found = documents.get(key)?;
    found.ok_or_else(|| Error::not_found(format!("Invalid {what} identifier specified {id}")))
}

/// All that is directly under a prefix of an API, which must exist.
fn list_in<T: Document>(documents: &Documents<'_>, api: &ApiId, prefix: &Prefix<T>) -> Result<Vec<Stored<T>>, Error> {
    find_api(documents, api)?;
    Ok(documents.list(prefix)?)
}

/// There is room for one more under a prefix.
fn check_number<T: Document>(
    documents: &Documents<'_>,
    prefix: &Prefix<T>,
    what: &str,
    most: usize,
) -> Result<(), Error> {
    match documents.piece(prefix, None, most).len() < most {
        true => Ok(()),
        false => Err(Error::limit_exceeded(format!("An API may have at most {most} {what}"))),
    }
}

/// Seconds since 1970 as this plane writes them.
fn date(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}

/// Parameters with whether each is required, as this plane writes them.
fn constraints(flags: &Flags) -> serde_json::Value {
    let entries = flags.iter().map(|(name, required)| (name.clone(), serde_json::json!({ "required": required })));
    serde_json::Value::Object(entries.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_aws_does() {
        assert_eq!(date(1_586_372_745), "2020-04-08T19:05:45Z");
    }
}
