//! Imports: ImportRestApi, PutRestApi.
//!
//! The document is read beside the worker that answers calls, then meets the API that there is ([`merge`]), and all
//! that differs is one edit.

use super::merge::{self, Before, Mode, Plan};
use super::rest_apis::{self, Tags};
use super::{Target, integrations};
use crate::control::openapi::import::{self, BasePath, Description, Options, Report};
use crate::control::wire::{Answer, Error, Members};
use crate::model::id::{ApiId, ResourceId};
use crate::model::rest::{ApiKeySource, Endpoint, EndpointType, IpAddressType, RestApi};

/// A parameter of ours: the answer says what the import would change, and nothing is changed.
const DRY_RUN: &str = "turnpike-dry-run";

impl Target<'_> {
    pub(super) async fn import_rest_api(&self) -> Result<Answer, Error> {
        let kind = self.endpoint_type()?.unwrap_or(EndpointType::Edge);
        let ip_address_type = match kind {
            EndpointType::Private => IpAddressType::Dualstack,
            EndpointType::Edge | EndpointType::Regional => IpAddressType::Ipv4,
        };
        let api = RestApi {
            id: ApiId::random(),
            name: String::new(),
            description: None,
            version: None,
            created: self.control.clock.seconds(),
            api_key_source: ApiKeySource::Header,
            binary_media_types: Vec::new(),
            minimum_compression_size: None,
            endpoint: Endpoint { kind, ip_address_type, vpc_endpoint_ids: Vec::new() },
            policy: None,
            security_policy: None,
            endpoint_access_mode: None,
            disable_execute_api_endpoint: false,
            tags: Default::default(),
            root: ResourceId::random_root(),
        };
        let (description, mut report) = self.read_document(&api.id).await?;
        let plan = merge::plan(Before::nothing(api), description, Mode::Overwrite, &mut report);
        self.finish(201, plan, &report, Tags::UnlessEmpty).await
    }

    pub(super) async fn put_rest_api(&self, api: &ApiId) -> Result<Answer, Error> {
        let mode = match self.call.parameter("mode").as_deref() {
            None | Some("" | "merge") => Mode::Merge,
            Some("overwrite") => Mode::Overwrite,
            Some(_) => return Err(Error::bad_request("Invalid mode specified. Valid options are MERGE,OVERWRITE")),
        };
        self.endpoint_type()?;
        // Whether there is such an API is told before anything about the document is.
        self.control.catalog.read(|documents| self.find_api(documents, api))?;
        let (description, mut report) = self.read_document(api).await?;
        let before = self.control.catalog.read(|documents| {
            let found = self.find_api(documents, api)?;
            Before::read(documents, found)
        })?;
        let plan = merge::plan(before, description, mode, &mut report);
        self.finish(200, plan, &report, Tags::Always).await
    }

    /// Reads the document; the processor time that it takes is not that of other calls.
    async fn read_document(&self, api: &ApiId) -> Result<(Description, Report), Error> {
        let options = Options {
            api: api.clone(),
            region: self.control.settings.region.clone(),
            account: self.control.settings.account.clone(),
            base_path: self.base_path()?,
            documentation: !self.call.parameters("ignore").iter().any(|what| what == "documentation"),
        };
        let body = self.call.body.clone();
        let reading = tokio::task::spawn_blocking(move || import::read(&body, &options)).await;
        let (description, mut report) = reading.map_err(|_| Error::internal())?.map_err(Error::bad_request)?;
        let methods = description.paths.iter().flat_map(|(path, methods)| methods.iter().map(move |m| (path, m)));
        for (path, (verb, method)) in methods {
            let Some(integration) = &method.integration else { continue };
            if let Err(error) = integrations::check_timeout(integration, self.control.settings.longest_integration) {
                report.refuse(format!("Unable to put integration on '{verb}' for resource at path '{path}'"), error);
            }
        }
        Ok((description, report))
    }

    async fn finish(&self, status: u16, plan: Plan, report: &Report, tags: Tags) -> Result<Answer, Error> {
        let (problems, warnings) = (report.problems(), report.warnings());
        if !problems.is_empty() {
            return Err(Error::bad_request(format!("Errors found during import:\n\t{}", problems.join("\n\t"))));
        }
        if !warnings.is_empty() && self.is_set("failonwarnings") {
            return Err(Error::bad_request(format!("Warnings found during import:\n\t{}", warnings.join("\n\t"))));
        }
        if self.is_set(DRY_RUN) {
            let changes: Vec<serde_json::Value> = plan.changes.iter().map(|change| change.members().into()).collect();
            let members = Members::new().set("name", plan.api.name.as_str()).set("changes", changes);
            return Ok(Answer::json(200, members.unless_empty("warnings", warnings)));
        }
        if !plan.changes.is_empty() {
            self.control.catalog.commit(plan.edit).await?;
        }
        Ok(Answer::json(status, rest_apis::members(&plan.api, tags).unless_empty("warnings", warnings)))
    }

    fn is_set(&self, name: &str) -> bool {
        self.call.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn base_path(&self) -> Result<BasePath, Error> {
        let value = self.call.parameter("basepath").or_else(|| self.call.parameter("basePath"));
        match value.as_deref() {
            None | Some("" | "ignore") => Ok(BasePath::Ignore),
            Some("prepend") => Ok(BasePath::Prepend),
            Some("split") => Ok(BasePath::Split),
            Some(_) => Err(Error::bad_request("Invalid basepath specified. Valid options are ignore,prepend,split")),
        }
    }

    fn endpoint_type(&self) -> Result<Option<EndpointType>, Error> {
        let Some(text) = self.call.parameter("endpointConfigurationTypes").filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        if text.contains(',') {
            return Err(Error::bad_request("Cannot create an api with multiple Endpoint Types."));
        }
        let parsed = EndpointType::parse(&text);
        let wrong = "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE";
        parsed.map(Some).ok_or_else(|| Error::bad_request(wrong))
    }
}
