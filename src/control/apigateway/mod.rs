//! API Gateway's management plane for REST APIs (V1): a file a resource, a function an operation, AWS's names.
//!
//! The table of operations is in [`operations`]; [`perform`] carries one out.

mod access_associations;
mod account;
mod api;
mod api_key_import;
mod api_key_values;
mod api_keys;
pub(in crate::control) mod authorizers;
mod base_path_mappings;
mod caches;
mod canary;
pub(in crate::control) mod client_certificates;
mod clones;
mod deployments;
mod documentation_imports;
mod documentation_parts;
mod documentation_versions;
pub(in crate::control) mod domain_certificates;
pub(in crate::control) mod domain_name_checks;
mod domain_name_patches;
pub(in crate::control) mod domain_names;
mod exports;
mod expressions;
mod gateway_responses;
mod imports;
mod integration_responses;
pub(in crate::control) mod integrations;
pub(in crate::control) mod kinds;
mod lists;
pub(in crate::control) mod mappings;
mod merge;
mod method_responses;
mod method_settings;
mod methods;
pub(in crate::control) mod model_schemas;
pub(in crate::control) mod model_templates;
mod models;
mod operations;
pub(in crate::control) mod plan_stages;
mod references;
mod request_validators;
mod resources;
mod rest_apis;
mod sdk_types;
mod sdks;
pub(in crate::control) mod stages;
mod tags;
mod test_invocations;
mod undocumented;
mod usage;
mod usage_plan_keys;
mod usage_plan_patches;
mod usage_plan_quotas;
mod usage_plans;
mod vpc_links;

use super::Control;
use super::wire::{Answer, Call, Error, Input};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::model::id::{ApiId, DeploymentId, ResourceId, StageName};
use crate::model::rest::{Method, Resource, RestApi, Strings, Verb};
use operations::Operation;

pub(super) use operations::{Route, route};

/// Something has at most so many tags.
const MAX_TAGS: usize = 50;

/// Carries out the operation that a call is for.
pub(super) async fn perform(control: &Control, call: &Call, route: &Route) -> Result<Answer, Error> {
    let has_members = call.method != "GET" && !route.operation.takes_document();
    let body = if has_members { Input::read(&call.body)? } else { Input::default() };
    // Everything below reads local documents: first they have all that was committed before this call.
    control.catalog.fresh().await?;
    let target = Target { control, call, body: &body };
    let name = |at: usize| route.names.get(at).map_or("", String::as_str);
    let api = || ApiId::new(name(0));
    let resource = || ResourceId::new(name(1));
    let deployment = || DeploymentId::new(name(1));
    let stage = || StageName::new(name(1));
    let place = || Place { api: api(), resource: resource(), verb: name(2).to_owned() };
    match route.operation {
        Operation::GetAccount => target.get_account(),
        Operation::UpdateAccount => target.update_account().await,
        Operation::CreateApiKey => target.create_api_key().await,
        Operation::GetApiKeys => target.get_api_keys().await,
        Operation::ImportApiKeys => target.import_api_keys().await,
        Operation::GetApiKey => target.get_api_key(name(0)),
        Operation::UpdateApiKey => target.update_api_key(name(0)).await,
        Operation::DeleteApiKey => target.delete_api_key(name(0)).await,
        Operation::GenerateClientCertificate => target.generate_client_certificate().await,
        Operation::GetClientCertificates => target.get_client_certificates(),
        Operation::GetClientCertificate => target.get_client_certificate(name(0)),
        Operation::UpdateClientCertificate => target.update_client_certificate(name(0)).await,
        Operation::DeleteClientCertificate => target.delete_client_certificate(name(0)).await,
        Operation::CreateDomainName => target.create_domain_name().await,
        Operation::GetDomainNames => target.get_domain_names(),
        Operation::GetDomainName => target.get_domain_name(name(0)),
        Operation::UpdateDomainName => target.update_domain_name(name(0)).await,
        Operation::DeleteDomainName => target.delete_domain_name(name(0)).await,
        Operation::CreateBasePathMapping => target.create_base_path_mapping(name(0)).await,
        Operation::GetBasePathMappings => target.get_base_path_mappings(name(0)),
        Operation::GetBasePathMapping => target.get_base_path_mapping(name(0), name(1)),
        Operation::UpdateBasePathMapping => target.update_base_path_mapping(name(0), name(1)).await,
        Operation::DeleteBasePathMapping => target.delete_base_path_mapping(name(0), name(1)).await,
        Operation::CreateDomainNameAccessAssociation => target.create_domain_name_access_association().await,
        Operation::GetDomainNameAccessAssociations => target.get_domain_name_access_associations(),
        Operation::DeleteDomainNameAccessAssociation => target.delete_domain_name_access_association(name(0)).await,
        Operation::RejectDomainNameAccessAssociation => target.reject_domain_name_access_association().await,
        Operation::CreateRestApi => target.create_rest_api().await,
        Operation::GetRestApis => target.get_rest_apis(),
        Operation::ImportRestApi => target.import_rest_api().await,
        Operation::PutRestApi => target.put_rest_api(&api()).await,
        Operation::GetRestApi => target.get_rest_api(&api()),
        Operation::UpdateRestApi => target.update_rest_api(&api()).await,
        Operation::DeleteRestApi => target.delete_rest_api(&api()).await,
        Operation::CreateAuthorizer => target.create_authorizer(&api()).await,
        Operation::GetAuthorizers => target.get_authorizers(&api()),
        Operation::TestInvokeAuthorizer => target.test_invoke_authorizer(&api(), name(1)).await,
        Operation::GetAuthorizer => target.get_authorizer(&api(), name(1)),
        Operation::UpdateAuthorizer => target.update_authorizer(&api(), name(1)).await,
        Operation::DeleteAuthorizer => target.delete_authorizer(&api(), name(1)).await,
        Operation::CreateDeployment => target.create_deployment(&api()).await,
        Operation::GetDeployments => target.get_deployments(&api()),
        Operation::GetDeployment => target.get_deployment(&api(), &deployment()),
        Operation::UpdateDeployment => target.update_deployment(&api(), &deployment()).await,
        Operation::DeleteDeployment => target.delete_deployment(&api(), &deployment()).await,
        Operation::CreateDocumentationPart => target.create_documentation_part(&api()).await,
        Operation::ImportDocumentationParts => target.import_documentation_parts(&api()).await,
        Operation::GetDocumentationParts => target.get_documentation_parts(&api()),
        Operation::GetDocumentationPart => target.get_documentation_part(&api(), name(1)),
        Operation::UpdateDocumentationPart => target.update_documentation_part(&api(), name(1)).await,
        Operation::DeleteDocumentationPart => target.delete_documentation_part(&api(), name(1)).await,
        Operation::CreateDocumentationVersion => target.create_documentation_version(&api()).await,
        Operation::GetDocumentationVersions => target.get_documentation_versions(&api()),
        Operation::GetDocumentationVersion => target.get_documentation_version(&api(), name(1)),
        Operation::UpdateDocumentationVersion => target.update_documentation_version(&api(), name(1)).await,
        Operation::DeleteDocumentationVersion => target.delete_documentation_version(&api(), name(1)).await,
        Operation::GetGatewayResponses => target.get_gateway_responses(&api()),
        Operation::PutGatewayResponse => target.put_gateway_response(&api(), name(1)).await,
        Operation::GetGatewayResponse => target.get_gateway_response(&api(), name(1)),
        Operation::UpdateGatewayResponse => target.update_gateway_response(&api(), name(1)).await,
        Operation::DeleteGatewayResponse => target.delete_gateway_response(&api(), name(1)).await,
        Operation::CreateModel => target.create_model(&api()).await,
        Operation::GetModels => target.get_models(&api()),
        Operation::GetModel => target.get_model(&api(), name(1)),
        Operation::UpdateModel => target.update_model(&api(), name(1)).await,
        Operation::DeleteModel => target.delete_model(&api(), name(1)).await,
        Operation::GetModelTemplate => target.get_model_template(&api(), name(1)),
        Operation::CreateRequestValidator => target.create_request_validator(&api()).await,
        Operation::GetRequestValidators => target.get_request_validators(&api()),
        Operation::GetRequestValidator => target.get_request_validator(&api(), name(1)),
        Operation::UpdateRequestValidator => target.update_request_validator(&api(), name(1)).await,
        Operation::DeleteRequestValidator => target.delete_request_validator(&api(), name(1)).await,
        Operation::GetResources => target.get_resources(&api()),
        Operation::CreateResource => target.create_resource(&api(), &resource()).await,
        Operation::GetResource => target.get_resource(&api(), &resource()),
        Operation::UpdateResource => target.update_resource(&api(), &resource()).await,
        Operation::DeleteResource => target.delete_resource(&api(), &resource()).await,
        Operation::TestInvokeMethod => target.test_invoke_method(&place()).await,
        Operation::PutMethod => target.put_method(&place()).await,
        Operation::GetMethod => target.get_method(&place()),
        Operation::UpdateMethod => target.update_method(&place()).await,
        Operation::DeleteMethod => target.delete_method(&place()).await,
        Operation::PutIntegration => target.put_integration(&place()).await,
        Operation::GetIntegration => target.get_integration(&place()),
        Operation::UpdateIntegration => target.update_integration(&place()).await,
        Operation::DeleteIntegration => target.delete_integration(&place()).await,
        Operation::PutIntegrationResponse => target.put_integration_response(&place(), name(3)).await,
        Operation::GetIntegrationResponse => target.get_integration_response(&place(), name(3)),
        Operation::UpdateIntegrationResponse => target.update_integration_response(&place(), name(3)).await,
        Operation::DeleteIntegrationResponse => target.delete_integration_response(&place(), name(3)).await,
        Operation::PutMethodResponse => target.put_method_response(&place(), name(3)).await,
        Operation::GetMethodResponse => target.get_method_response(&place(), name(3)),
        Operation::UpdateMethodResponse => target.update_method_response(&place(), name(3)).await,
        Operation::DeleteMethodResponse => target.delete_method_response(&place(), name(3)).await,
        Operation::CreateStage => target.create_stage(&api()).await,
        Operation::GetStages => target.get_stages(&api()),
        Operation::GetStage => target.get_stage(&api(), &stage()),
        Operation::UpdateStage => target.update_stage(&api(), &stage()).await,
        Operation::DeleteStage => target.delete_stage(&api(), &stage()).await,
        Operation::FlushStageAuthorizersCache => target.flush_stage_authorizers_cache(&api(), &stage()).await,
        Operation::FlushStageCache => target.flush_stage_cache(&api(), &stage()).await,
        Operation::GetExport => target.get_export(&api(), &stage(), name(2)),
        Operation::GetSdk => target.get_sdk(&api(), &stage(), name(2)),
        Operation::GetSdkTypes => target.get_sdk_types(),
        Operation::GetSdkType => target.get_sdk_type(name(0)),
        Operation::TagResource => target.tag_resource(name(0)).await,
        Operation::GetTags => target.get_tags(name(0)),
        Operation::UntagResource => target.untag_resource(name(0)).await,
        Operation::CreateUsagePlan => target.create_usage_plan().await,
        Operation::GetUsagePlans => target.get_usage_plans().await,
        Operation::GetUsagePlan => target.get_usage_plan(name(0)),
        Operation::UpdateUsagePlan => target.update_usage_plan(name(0)).await,
        Operation::DeleteUsagePlan => target.delete_usage_plan(name(0)).await,
        Operation::CreateUsagePlanKey => target.create_usage_plan_key(name(0)).await,
        Operation::GetUsagePlanKeys => target.get_usage_plan_keys(name(0)).await,
        Operation::GetUsagePlanKey => target.get_usage_plan_key(name(0), name(1)),
        Operation::DeleteUsagePlanKey => target.delete_usage_plan_key(name(0), name(1)).await,
        Operation::UpdateUsage => target.update_usage(name(0), name(1)).await,
        Operation::GetUsage => target.get_usage(name(0)).await,
        Operation::CreateVpcLink => target.create_vpc_link().await,
        Operation::GetVpcLinks => target.get_vpc_links(),
        Operation::GetVpcLink => target.get_vpc_link(name(0)),
        Operation::UpdateVpcLink => target.update_vpc_link(name(0)).await,
        Operation::DeleteVpcLink => target.delete_vpc_link(name(0)).await,
    }
}

/// A call that has found its operation.
pub(in crate::control) struct Target<'a> {
    pub(in crate::control) control: &'a Control,
    pub(in crate::control) call: &'a Call,
    pub(in crate::control) body: &'a Input,
}

/// A method's place, as a path names it; the verb is the caller's text.
struct Place {
    api: ApiId,
    resource: ResourceId,
    verb: String,
}

impl Target<'_> {
    /// A list of repeated `embed` parameters has this one.
    fn embeds(&self, what: &str) -> bool {
        let values = self.call.parameters("embed");
        values.iter().any(|value| value.split(',').any(|value| value == what))
    }

    fn unknown_api(&self, api: &ApiId) -> Error {
        Error::not_found(format!("Invalid API identifier specified {}:{api}", self.control.settings.account))
    }

    fn find_api(&self, documents: &Documents<'_>, api: &ApiId) -> Result<Stored<RestApi>, Error> {
        documents.get(&keys::rest_api(api))?.ok_or_else(|| self.unknown_api(api))
    }
}

fn find_resource(documents: &Documents<'_>, api: &ApiId, resource: &ResourceId) -> Result<Stored<Resource>, Error> {
    let found = documents.get(&keys::resource(api, resource))?;
    found.ok_or_else(|| Error::not_found("Invalid Resource identifier specified"))
}

impl Place {
    /// The verb, if the resource has a method of it.
    fn verb(&self) -> Result<Verb, Error> {
        Verb::parse(&self.verb).ok_or_else(|| Error::not_found("Invalid Method identifier specified"))
    }

    /// The resource must exist, and then the method.
    fn find(&self, documents: &Documents<'_>) -> Result<Stored<Method>, Error> {
        find_resource(documents, &self.api, &self.resource)?;
        let found = documents.get(&keys::method(&self.api, &self.resource, self.verb()?))?;
        found.ok_or_else(|| Error::not_found("Invalid Method identifier specified"))
    }

    /// Writes a method back, as it was found and then changed.
    async fn update(&self, control: &Control, found: &Stored<Method>, method: &Method) -> Result<(), Error> {
        self.update_relying(control, found, method, Edit::new()).await
    }

    /// Writes a method back together with what an edit relies on.
    async fn update_relying(
        &self,
        control: &Control,
        found: &Stored<Method>,
        method: &Method,
        edit: Edit,
    ) -> Result<(), Error> {
        if found.value != *method {
            let key = keys::method(&self.api, &self.resource, method.verb);
            control.catalog.commit(edit.update(&key, found, method)).await?;
        }
        Ok(())
    }
}

/// `tags` of something that is created.
pub(in crate::control) fn tags(body: &Input) -> Result<Strings, Error> {
    let tags = body.strings("tags")?.unwrap_or_default();
    tags::check(&tags)?;
    Ok(tags)
}

/// Texts and names are at most so long.
fn bounded(text: Option<String>, what: &str, limit: usize) -> Result<Option<String>, Error> {
    match text {
        Some(text) if text.chars().count() > limit => {
            Err(Error::bad_request(format!("Invalid {what}, can be at most {limit} characters.")))
        }
        text => Ok(text),
    }
}
