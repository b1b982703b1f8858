//! REST APIs: CreateRestApi, GetRestApi, GetRestApis, UpdateRestApi, DeleteRestApi.

use serde_json::Value;

use super::{Target, bounded, clones, mappings, plan_stages};
use crate::catalog::{Edit, keys};
use crate::control::wire::{Answer, Error, Input, Members, Op, Operation, Page, Violations, as_boolean, operations};
use crate::model::id::{ApiId, ResourceId, lowercase_alphanumeric};
use crate::model::rest::{
    ApiKeySource, Endpoint, EndpointAccessMode, EndpointType, IpAddressType, Model, Resource, RestApi,
};

const MAX_NAME: usize = 1024;
const MAX_DESCRIPTION: usize = 1024;
const MAX_COMPRESSION: u32 = 10_485_760;
const MAX_POLICY: usize = 8192;
const BAD_COMPRESSION: &str = "Invalid minimum compression size, must be between 0 and 10485760";

impl Target<'_> {
    pub(super) async fn create_rest_api(&self) -> Result<Answer, Error> {
        let body = self.body;
        let endpoint = self.endpoint()?;
        let name = body.required("name", "Name must be specified")?;
        let name = bounded(Some(name), "name", MAX_NAME)?.unwrap_or_default();
        let description = body.text("description")?;
        if description.as_deref() == Some("") {
            return Err(Error::bad_request("Description cannot be an empty string"));
        }
        let source = body.text("apiKeySource")?;
        let mode = body.text("endpointAccessMode")?;
        let compression = match body.integer("minimumCompressionSize")? {
            None => None,
            Some(size) => Some(
                u32::try_from(size)
                    .ok()
                    .filter(|size| *size <= MAX_COMPRESSION)
                    .ok_or_else(|| Error::bad_request(BAD_COMPRESSION))?,
            ),
        };
        let mut api = RestApi {
            id: ApiId::random(),
            name,
            description: bounded(description, "description", MAX_DESCRIPTION)?,
            version: body.text("version")?.filter(|text| !text.is_empty()),
            created: self.control.clock.seconds(),
            api_key_source: source.as_deref().and_then(ApiKeySource::parse).unwrap_or(ApiKeySource::Header),
            binary_media_types: body.texts("binaryMediaTypes")?.unwrap_or_default(),
            minimum_compression_size: compression,
            endpoint,
            policy: policy(body.text("policy")?.filter(|text| !text.is_empty()))?,
            security_policy: body.text("securityPolicy")?.filter(|text| !text.is_empty()),
            endpoint_access_mode: mode.as_deref().and_then(EndpointAccessMode::parse),
            disable_execute_api_endpoint: body.boolean("disableExecuteApiEndpoint")?.unwrap_or_default(),
            tags: super::tags(body)?,
            root: ResourceId::random_root(),
        };
        let root = Resource { id: api.root.clone(), parent: None, path_part: String::new() };
        let edit = match body.text("cloneFrom")?.filter(|id| !id.is_empty()).map(ApiId::new) {
            Some(source) => self.control.catalog.read(|documents| {
                let source = self.find_api(documents, &source)?.value;
                take_over(&mut api, &source, body)?;
                clones::copy(documents, &source, &api, Edit::new())
            })?,
            None => default_models()
                .iter()
                .fold(Edit::new(), |edit, model| edit.create(&keys::model(&api.id, &model.name), model)),
        };
        let edit = edit.create(&keys::rest_api(&api.id), &api).create(&keys::resource(&api.id, &api.root), &root);
        self.control.catalog.commit(edit).await?;
        Ok(Answer::json(201, members(&api, Tags::UnlessEmpty)))
    }

    /// The endpoint that is asked for; all violations of the model are told first.
    fn endpoint(&self) -> Result<Endpoint, Error> {
        let configuration = self.body.object("endpointConfiguration")?;
        let (types, address, ids) = match &configuration {
            Some(input) => (input.texts("types")?, input.text("ipAddressType")?, input.texts("vpcEndpointIds")?),
            None => (None, None, None),
        };
        if ids.as_ref().is_some_and(|ids| !ids.is_empty())
            && types.as_ref().is_none_or(|types| types.iter().all(|kind| kind != "PRIVATE"))
        {
            return Err(Error::bad_request("VPCEndpoints can only be specified with PRIVATE apis."));
        }
        let mut violations = Violations::new();
        if let Some(source) = self.body.text("apiKeySource")? {
            violations.one_of(&source, "createRestApiInput.apiKeySource", &["AUTHORIZER", "HEADER"]);
        }
        if let Some(mode) = self.body.text("endpointAccessMode")? {
            violations.one_of(&mode, "createRestApiInput.endpointAccessMode", &["BASIC", "STRICT"]);
        }
        if let Some(types) = &types {
            let position = "createRestApiInput.endpointConfiguration.types";
            violations.each_of(types, position, &["PRIVATE", "EDGE", "REGIONAL"]);
        }
        if let Some(address) = &address {
            let position = "createRestApiInput.endpointConfiguration.ipAddressType";
            violations.one_of(address, position, &["ipv4", "dualstack"]);
        }
        violations.check()?;
        let kind = match types.as_deref() {
            None => EndpointType::Edge,
            Some([]) => {
                return Err(Error::bad_request(
                    "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.",
                ));
            }
            Some([one]) => EndpointType::parse(one).unwrap_or(EndpointType::Edge),
            Some(_) => return Err(Error::bad_request("Cannot create an api with multiple Endpoint Types.")),
        };
        let wanted = address.as_deref().and_then(IpAddressType::parse);
        let ip_address_type = match (kind, wanted) {
            (EndpointType::Private, Some(IpAddressType::Ipv4)) => {
                return Err(Error::bad_request("Only dualstack ipAddressType is supported for Private APIs."));
            }
            (EndpointType::Private, _) => IpAddressType::Dualstack,
            (EndpointType::Edge | EndpointType::Regional, wanted) => wanted.unwrap_or(IpAddressType::Ipv4),
        };
        Ok(Endpoint { kind, ip_address_type, vpc_endpoint_ids: ids.unwrap_or_default() })
    }

    pub(super) fn get_rest_apis(&self) -> Result<Answer, Error> {
        let apis = self.control.catalog.read(|documents| documents.list(&keys::rest_apis()))?;
        let (apis, position) = Page::read(self.call)?.take(apis, |api| api.value.id.as_str());
        let items = apis.iter().map(|api| members(&api.value, Tags::UnlessEmpty).into()).collect();
        Ok(Answer::list(items, position))
    }

    pub(super) fn get_rest_api(&self, api: &ApiId) -> Result<Answer, Error> {
        let api = self.control.catalog.read(|documents| self.find_api(documents, api))?;
        Ok(Answer::json(200, members(&api.value, Tags::Always)))
    }

    pub(super) async fn update_rest_api(&self, api: &ApiId) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateRestApiInput")?;
        let found = self.control.catalog.read(|documents| self.find_api(documents, api))?;
        let mut changed = found.value.clone();
        for operation in &operations {
            patch(&mut changed, operation)?;
        }
        if changed != found.value {
            self.control.catalog.commit(Edit::new().update(&keys::rest_api(api), &found, &changed)).await?;
        }
        Ok(Answer::json(200, members(&changed, Tags::Always)))
    }

    pub(super) async fn delete_rest_api(&self, api: &ApiId) -> Result<Answer, Error> {
        let key = keys::rest_api(api);
        let (stages, edit) = self.control.catalog.read(|documents| {
            let found = self.find_api(documents, api)?;
            let edit = mappings::refuse_mapped_api(documents, api, "RestApi")?;
            let edit = edit.delete(&key, &found).discard_below(&key);
            let edit = plan_stages::release(documents, &keys::plans_of_api(api), |stage| stage.api == *api, edit)?;
            Ok::<_, Error>((documents.count(&keys::stages(api)), edit))
        })?;
        let index = self.control.catalog.commit(edit).await?;
        if stages > 0 {
            self.control.settle(index).await?;
        }
        Ok(Answer::empty(202))
    }
}

/// A clone has the settings of its original that were not said for it.
fn take_over(api: &mut RestApi, source: &RestApi, body: &Input) -> Result<(), Error> {
    if body.texts("binaryMediaTypes")?.is_none() {
        api.binary_media_types.clone_from(&source.binary_media_types);
    }
    if body.integer("minimumCompressionSize")?.is_none() {
        api.minimum_compression_size = source.minimum_compression_size;
    }
    if body.text("apiKeySource")?.is_none() {
        api.api_key_source = source.api_key_source;
    }
    if body.object("endpointConfiguration")?.is_none() {
        api.endpoint.clone_from(&source.endpoint);
    }
    Ok(())
}

/// Whether an answer has `tags` when there are none: AWS's operations differ (control-plane reference, 6).
pub(super) enum Tags {
    Always,
    UnlessEmpty,
}

pub(super) fn members(api: &RestApi, tags: Tags) -> Members {
    let endpoint = Members::new()
        .set("types", vec![api.endpoint.kind.as_str()])
        .set("ipAddressType", api.endpoint.ip_address_type.as_str())
        .unless_empty("vpcEndpointIds", api.endpoint.vpc_endpoint_ids.clone());
    let members = Members::new()
        .set("id", api.id.as_str())
        .set("name", api.name.as_str())
        .some("description", api.description.clone())
        .some("version", api.version.clone())
        .set("createdDate", api.created)
        .set("apiKeySource", api.api_key_source.as_str())
        .unless_empty("binaryMediaTypes", api.binary_media_types.clone())
        .some("minimumCompressionSize", api.minimum_compression_size)
        .set("endpointConfiguration", endpoint)
        .some("policy", api.policy.as_deref().map(escaped))
        .some("securityPolicy", api.security_policy.clone())
        .some("endpointAccessMode", api.endpoint_access_mode.map(EndpointAccessMode::as_str))
        .set("disableExecuteApiEndpoint", api.disable_execute_api_endpoint)
        .set("rootResourceId", api.root.as_str());
    let map = serde_json::json!(api.tags);
    match tags {
        Tags::Always => members.set("tags", map),
        Tags::UnlessEmpty => members.unless_empty("tags", map),
    }
}

/// AWS hands a policy back with its quotes escaped once more; Terraform relies on it.
fn escaped(policy: &str) -> Value {
    let compact = serde_json::from_str::<Value>(policy).map_or_else(|_| policy.to_owned(), |value| value.to_string());
    Value::from(compact.replace('\\', "\\\\").replace('"', "\\\""))
}

pub(super) fn policy(text: Option<String>) -> Result<Option<String>, Error> {
    bounded(text, "policy", MAX_POLICY)
}

fn default_models() -> [Model; 2] {
    let model = |name: &str, description: &str, schema: Value| Model {
        id: lowercase_alphanumeric(6),
        name: name.to_owned(),
        content_type: "application/json".to_owned(),
        description: Some(description.to_owned()),
        schema: Some(format!("{schema:#}")),
    };
    let draft = "http://json-schema.org/draft-04/schema#";
    [
        model(
            "Empty",
            "This is a default empty schema model",
            serde_json::json!({"$schema": draft, "title": "Empty Schema", "type": "object"}),
        ),
        model(
            "Error",
            "This is a default error schema model",
            serde_json::json!({
                "$schema": draft, "title": "Error Schema", "type": "object",
                "properties": {"message": {"type": "string"}}
            }),
        ),
    ]
}

/// What of an API can be patched, and how.
fn patch(api: &mut RestApi, operation: &Operation) -> Result<(), Error> {
    use Op::{Add, Remove, Replace};
    let only_replace = || Err(Error::bad_request("Invalid patch operation specified. Must be one of: [replace]"));
    match (operation.op, operation.parts().as_slice()) {
        (Replace, ["name"]) => {
            let name = operation.some_text().ok_or_else(|| Error::bad_request("Name must be specified"))?;
            api.name = bounded(Some(name), "name", MAX_NAME)?.unwrap_or_default();
        }
        (Add | Replace, ["description"]) => {
            api.description = bounded(operation.some_text(), "description", MAX_DESCRIPTION)?;
        }
        (Remove, ["description"]) => api.description = None,
        (Replace, ["policy"]) => api.policy = policy(operation.some_text())?,
        (Replace, ["securityPolicy"]) => api.security_policy = operation.some_text(),
        (Replace, ["endpointAccessMode"]) => {
            let mode = EndpointAccessMode::parse(operation.text());
            api.endpoint_access_mode = Some(mode.ok_or_else(|| {
                Error::bad_request("Invalid endpointAccessMode specified. Valid options are BASIC,STRICT")
            })?);
        }
        (Replace, ["apiKeySource"]) => {
            api.api_key_source = ApiKeySource::parse(operation.text()).ok_or_else(|| {
                Error::bad_request("Invalid apiKeySource specified. Valid options are HEADER,AUTHORIZER")
            })?;
        }
        (Replace, ["disableExecuteApiEndpoint"]) => api.disable_execute_api_endpoint = as_boolean(operation),
        (Replace, ["minimumCompressionSize"]) => {
            api.minimum_compression_size = match operation.some_text() {
                None => None,
                Some(text) => Some(
                    text.parse()
                        .ok()
                        .filter(|size| *size <= MAX_COMPRESSION)
                        .ok_or_else(|| Error::bad_request(BAD_COMPRESSION))?,
                ),
            };
        }
        (Add, ["binaryMediaTypes", media_type]) => {
            if !api.binary_media_types.iter().any(|known| known == media_type) {
                api.binary_media_types.push((*media_type).to_owned());
            }
        }
        (Remove, ["binaryMediaTypes", media_type]) => api.binary_media_types.retain(|known| known != media_type),
        (Replace, ["binaryMediaTypes", media_type]) => {
            let new = operation.some_text();
            api.binary_media_types.retain(|known| known != media_type && Some(known) != new.as_ref());
            api.binary_media_types.extend(new);
        }
        (Replace, ["endpointConfiguration", "types", _]) => {
            api.endpoint.kind = EndpointType::parse(operation.text()).ok_or_else(|| {
                Error::bad_request("Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE")
            })?;
            if api.endpoint.kind == EndpointType::Private {
                api.endpoint.ip_address_type = IpAddressType::Dualstack;
            }
        }
        (_, ["endpointConfiguration", "types", _]) => {
            return Err(Error::bad_request("Invalid patch operation specified. Must be 'add'|'remove'|'replace'"));
        }
        (Replace, ["endpointConfiguration", "ipAddressType"]) => {
            let wanted = IpAddressType::parse(operation.text())
                .ok_or_else(|| Error::bad_request("ipAddressType must be either ipv4 or dualstack."))?;
            if api.endpoint.kind == EndpointType::Private && wanted == IpAddressType::Ipv4 {
                return Err(Error::bad_request("Only dualstack ipAddressType is supported for Private APIs."));
            }
            api.endpoint.ip_address_type = wanted;
        }
        (Add, ["endpointConfiguration", "vpcEndpointIds"]) => {
            if api.endpoint.kind != EndpointType::Private {
                return Err(Error::bad_request("VPCEndpoints can only be specified with PRIVATE apis."));
            }
            if !api.endpoint.vpc_endpoint_ids.iter().any(|known| known == operation.text()) {
                api.endpoint.vpc_endpoint_ids.push(operation.text().to_owned());
            }
        }
        (Remove, ["endpointConfiguration", "vpcEndpointIds"]) => {
            api.endpoint.vpc_endpoint_ids.retain(|known| known != operation.text());
        }
        (
            _,
            [
                "name"
                | "policy"
                | "securityPolicy"
                | "endpointAccessMode"
                | "apiKeySource"
                | "disableExecuteApiEndpoint"
                | "minimumCompressionSize",
            ]
            | ["endpointConfiguration", "ipAddressType"],
        ) => return only_replace(),
        _ => return Err(Error::bad_request(format!("Invalid patch path {}", operation.path))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_escaped_once_more() {
        assert_eq!(escaped("{\"a\": \"b\"}"), Value::from("{\\\"a\\\":\\\"b\\\"}"));
    }
}
