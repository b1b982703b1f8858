//! APIs: CreateApi, GetApis, GetApi, UpdateApi, DeleteApi; and ImportApi, ReimportApi and ExportApi, which are for HTTP APIs.

use super::changes::{Changes, missing, not_one_of};
use super::operations::NOT_HERE;
use super::{Target, date, expressions, find_api};
use crate::catalog::{Edit, keys};
use crate::control::apigateway::{self, mappings, plan_stages};
use crate::control::wire::{Answer, Error, Members};
use crate::model::http::{Api, Protocol};
use crate::model::id::ApiId;
use crate::model::rest::IpAddressType;

const MAX_NAME: usize = 128;
const MAX_DESCRIPTION: usize = 1024;
const MAX_VERSION: usize = 64;
const MAX_EXPRESSION: usize = 1024;
/// Where a caller's API key may be looked for; the first is where it is if nothing is said.
const API_KEY_SELECTION_EXPRESSIONS: &[&str] = &["$request.header.x-api-key", "$context.authorizer.usageIdentifierKey"];
/// Members that only HTTP APIs have.
const OF_HTTP_APIS: &[&str] = &["corsConfiguration", "credentialsArn", "routeKey", "target"];

impl Target<'_> {
    pub(super) async fn create_api(&self) -> Result<Answer, Error> {
        let name = self.body.required("name", "Api name must be specified")?;
        let protocol = self.body.text("protocolType")?.unwrap_or_default();
        match Protocol::parse(&protocol) {
            Some(Protocol::WebSocket) => {}
            Some(Protocol::Http) => return Err(Error::bad_request(NOT_HERE)),
            None => return Err(not_one_of("protocol", &["HTTP", "WEBSOCKET"])),
        }
        let mut api = Api {
            id: ApiId::random(),
            name,
            protocol: Protocol::WebSocket,
            description: None,
            version: None,
            created: self.control.clock.seconds(),
            route_selection_expression: String::new(),
            api_key_selection_expression: API_KEY_SELECTION_EXPRESSIONS[0].to_owned(),
            disable_execute_api_endpoint: false,
            disable_schema_validation: None,
            ip_address_type: IpAddressType::Ipv4,
            tags: apigateway::tags(self.body)?,
        };
        self.apply_to_api(&mut api)?;
        self.control.catalog.commit(Edit::new().create(&keys::api(&api.id), &api)).await?;
        Ok(Answer::json(201, self.api_members(&api)))
    }

    pub(super) fn get_apis(&self) -> Result<Answer, Error> {
        let apis = self.control.catalog.read(|documents| documents.list(&keys::apis()))?;
        self.page(apis, |api| api.id.as_str(), |api| self.api_members(api))
    }

    pub(super) fn get_api(&self, api: &ApiId) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find_api(documents, api))?;
        Ok(Answer::json(200, self.api_members(&found.value)))
    }

    pub(super) async fn update_api(&self, api: &ApiId) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find_api(documents, api))?;
        let mut changed = found.value.clone();
        self.apply_to_api(&mut changed)?;
        if changed != found.value {
            self.change(api, Edit::new().update(&keys::api(api), &found, &changed)).await?;
        }
        Ok(Answer::json(200, self.api_members(&changed)))
    }

    pub(super) async fn delete_api(&self, api: &ApiId) -> Result<Answer, Error> {
        let key = keys::api(api);
        let (stages, edit) = self.control.catalog.read(|documents| {
            let found = find_api(documents, api)?;
            let edit = mappings::refuse_mapped_api(documents, api, "Api")?;
            let edit = edit.delete(&key, &found).discard_below(&key);
            let edit = plan_stages::release(documents, &keys::plans_of_api(api), |stage| stage.api == *api, edit)?;
            Ok::<_, Error>((documents.count(&keys::api_stages(api)), edit))
        })?;
        let index = self.control.catalog.commit(edit).await?;
        if stages > 0 {
            self.control.settle(index).await?;
        }
        Ok(Answer::empty(204))
    }

    pub(super) fn import_api(&self) -> Result<Answer, Error> {
        Err(Error::bad_request(NOT_HERE))
    }

    pub(super) fn reimport_api(&self, api: &ApiId) -> Result<Answer, Error> {
        self.control.catalog.read(|documents| find_api(documents, api))?;
        Err(Error::bad_request("Reimport is not supported for WEBSOCKET protocol Apis."))
    }

    pub(super) fn export_api(&self, api: &ApiId) -> Result<Answer, Error> {
        self.control.catalog.read(|documents| find_api(documents, api))?;
        Err(Error::bad_request("Export is not supported for WEBSOCKET protocol Apis."))
    }

    /// Does to an API what the body says, and checks what has become of it.
    fn apply_to_api(&self, api: &mut Api) -> Result<(), Error> {
        let changes = Changes(self.body);
        changes.refuse(OF_HTTP_APIS)?;
        changes.always("name", &mut api.name, MAX_NAME)?;
        changes.text("description", &mut api.description, MAX_DESCRIPTION)?;
        changes.text("version", &mut api.version, MAX_VERSION)?;
        changes.always("routeSelectionExpression", &mut api.route_selection_expression, MAX_EXPRESSION)?;
        changes.always("apiKeySelectionExpression", &mut api.api_key_selection_expression, MAX_EXPRESSION)?;
        changes.flag("disableExecuteApiEndpoint", &mut api.disable_execute_api_endpoint)?;
        if let Some(flag) = self.body.boolean("disableSchemaValidation")? {
            api.disable_schema_validation = Some(flag);
        }
        changes.choice("ipAddressType", &mut api.ip_address_type, IpAddressType::parse, IpAddressType::NAMES)?;
        if api.route_selection_expression.is_empty() {
            return Err(missing("routeSelectionExpression"));
        }
        expressions::check_selection("routeSelectionExpression", &api.route_selection_expression)?;
        if !API_KEY_SELECTION_EXPRESSIONS.contains(&api.api_key_selection_expression.as_str()) {
            return Err(not_one_of("apiKeySelectionExpression", API_KEY_SELECTION_EXPRESSIONS));
        }
        Ok(())
    }

    fn api_members(&self, api: &Api) -> Members {
        let region = &self.control.settings.region;
        Members::new()
            .set("apiEndpoint", format!("wss://{}.execute-api.{region}.amazonaws.com", api.id))
            .set("apiId", api.id.as_str())
            .set("apiKeySelectionExpression", api.api_key_selection_expression.as_str())
            .set("createdDate", date(api.created))
            .some("description", api.description.clone())
            .set("disableExecuteApiEndpoint", api.disable_execute_api_endpoint)
            .some("disableSchemaValidation", api.disable_schema_validation)
            .set("ipAddressType", api.ip_address_type.as_str())
            .set("name", api.name.as_str())
            .set("protocolType", api.protocol.as_str())
            .set("routeSelectionExpression", api.route_selection_expression.as_str())
            .set("tags", serde_json::json!(api.tags))
            .some("version", api.version.clone())
    }
}
