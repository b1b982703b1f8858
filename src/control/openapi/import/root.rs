//! What a document says of the whole API: `info`, and API Gateway's extensions at the root.

use super::super::extensions::{
    ANY_METHOD, API_KEY_SOURCE, BINARY_MEDIA_TYPES, DOCUMENTATION, ENDPOINT_ACCESS_MODE, ENDPOINT_CONFIGURATION,
    GATEWAY_RESPONSES, INTEGRATION, MINIMUM_COMPRESSION_SIZE, POLICY, PREFIX, REQUEST_VALIDATOR, REQUEST_VALIDATORS,
    SECURITY_POLICY,
};
use super::{Dialect, Node, Reader};
use crate::model::id::RequestValidatorId;
use crate::model::rest::{
    ApiKeySource, EndpointAccessMode, GatewayResponse, GatewayResponseType, RequestValidator, Strings,
};

/// Names, versions and descriptions have at most so many characters.
const MAX_TEXT: usize = 1024;
/// A policy takes at most so many bytes.
const MAX_POLICY: usize = 8192;
/// From which size on answers are compressed is at most this.
const MAX_COMPRESSION: u32 = 10_485_760;
/// A list or map of the root has at most so many entries.
const MAX_ENTRIES: usize = 1000;
/// The root's extensions that mean something here.
const KNOWN: &[&str] = &[
    API_KEY_SOURCE,
    BINARY_MEDIA_TYPES,
    DOCUMENTATION,
    ENDPOINT_ACCESS_MODE,
    ENDPOINT_CONFIGURATION,
    GATEWAY_RESPONSES,
    MINIMUM_COMPRESSION_SIZE,
    POLICY,
    REQUEST_VALIDATOR,
    REQUEST_VALIDATORS,
    SECURITY_POLICY,
];

impl<'a> Reader<'a> {
    pub(super) fn read_root(&mut self) {
        self.read_info();
        self.read_settings();
        self.read_endpoint();
        self.read_validators();
        self.read_gateway_responses();
        let root = self.root.clone();
        self.warn_of_unknown(&root, KNOWN);
    }

    fn read_info(&mut self) {
        let Some(info) = self.root.get("info") else { return self.report.refuse("info", "it is missing") };
        let mut bounded = |name: &str| {
            let text = info.text_of(name)?;
            if text.chars().count() > MAX_TEXT {
                self.report.refuse(info.place(name), format!("it can have at most {MAX_TEXT} characters"));
            }
            Some(text)
        };
        let (name, description, version) = (bounded("title"), bounded("description"), bounded("version"));
        self.description.description = description;
        self.description.version = version;
        match name {
            Some(name) => self.description.name = name,
            None => self.report.refuse("info.title", "it is missing"),
        }
    }

    fn read_settings(&mut self) {
        let root = self.root.clone();
        if let Some(node) = root.get(API_KEY_SOURCE) {
            let parsed = node.text().and_then(|text| ApiKeySource::parse(&text.to_ascii_uppercase()));
            self.expect(&node, parsed.is_some(), "HEADER or AUTHORIZER is wanted");
            self.description.api_key_source = parsed;
        }
        if let Some(node) = root.get(BINARY_MEDIA_TYPES) {
            let types = node.texts();
            let fine = node.value.as_array().is_some_and(|all| all.len() == types.len() && all.len() <= MAX_ENTRIES);
            self.expect(&node, fine, "a list of texts is wanted");
            self.description.binary_media_types = types;
        }
        if let Some(node) = root.get(MINIMUM_COMPRESSION_SIZE) {
            let size = node.spelled().and_then(|text| text.parse().ok()).filter(|size| *size <= MAX_COMPRESSION);
            let wanted = format!("Invalid minimum compression size, must be between 0 and {MAX_COMPRESSION}");
            self.expect(&node, size.is_some(), &wanted);
            self.description.minimum_compression_size = size;
        }
        if let Some(node) = root.get(POLICY) {
            let policy = node.value.to_string();
            self.expect(&node, node.object().is_some(), "a policy is an object");
            self.expect(&node, policy.len() <= MAX_POLICY, "Invalid policy, can be at most 8192 characters.");
            self.description.policy = Some(policy);
        }
        self.description.security_policy = root.text_of(SECURITY_POLICY);
        if let Some(node) = root.get(ENDPOINT_ACCESS_MODE) {
            let mode = node.text().and_then(EndpointAccessMode::parse);
            self.expect(&node, mode.is_some(), "BASIC or STRICT is wanted");
            self.description.endpoint_access_mode = mode;
        }
    }

    /// The endpoint's settings: at the root, or, in OpenAPI 3, at the server.
    fn read_endpoint(&mut self) {
        let server = self.root.get("servers").and_then(|servers| servers.items().into_iter().next());
        let at_server = server.and_then(|server| server.get(ENDPOINT_CONFIGURATION));
        let Some(node) = self.root.get(ENDPOINT_CONFIGURATION).or(at_server) else { return };
        self.description.disable_execute_api_endpoint =
            node.get("disableExecuteApiEndpoint").and_then(|flag| flag.flag());
        self.description.vpc_endpoint_ids = node.get("vpcEndpointIds").map(|ids| ids.texts());
    }

    fn read_validators(&mut self) {
        let Some(validators) = self.root.get(REQUEST_VALIDATORS) else { return };
        self.expect(
            &validators,
            validators.object().is_some_and(|all| all.len() <= MAX_ENTRIES),
            "an object is wanted",
        );
        for (name, node) in validators.members().into_iter().take(MAX_ENTRIES) {
            let flag = |name: &str| node.get(name).and_then(|flag| flag.flag()).unwrap_or_default();
            let validator = RequestValidator {
                id: RequestValidatorId::random(),
                name: name.to_owned(),
                validate_body: flag("validateRequestBody"),
                validate_parameters: flag("validateRequestParameters"),
            };
            self.expect(&node, node.object().is_some() && !name.is_empty(), "an object with a name is wanted");
            self.description.request_validators.insert(name.to_owned(), validator);
        }
    }

    fn read_gateway_responses(&mut self) {
        let responses = self.root.get(GATEWAY_RESPONSES).map(|node| node.members()).unwrap_or_default();
        for (name, node) in responses {
            let Some(kind) = GatewayResponseType::parse(name) else {
                self.report.refuse(&node, "there is no such gateway response");
                continue;
            };
            let status = node.text_of("statusCode");
            let is_status = |text: &str| text.len() == 3 && text.parse().is_ok_and(|code| (100..=599).contains(&code));
            self.expect(&node, status.as_deref().is_none_or(is_status), "the statusCode has three digits");
            let parameters = self.strings(&node, "responseParameters").unwrap_or_default();
            for name in parameters.keys() {
                let known = ["header.", "querystring.", "path."];
                let fine = name.strip_prefix("gatewayresponse.").is_some_and(|rest| {
                    known.iter().any(|place| rest.strip_prefix(place).is_some_and(|name| !name.is_empty()))
                });
                self.expect(&node, fine, &format!("Invalid mapping expression specified: {name}"));
            }
            let templates = self.strings(&node, "responseTemplates").unwrap_or_default();
            self.description.gateway_responses.insert(kind, GatewayResponse { kind, status, parameters, templates });
        }
    }

    /// A map of texts.
    pub(super) fn strings(&mut self, node: &Node<'a>, name: &str) -> Option<Strings> {
        let map = node.get(name)?;
        self.expect(&map, map.object().is_some_and(|all| all.len() <= MAX_ENTRIES), "an object of texts is wanted");
        let mut strings = Strings::new();
        for (name, value) in map.members().into_iter().take(MAX_ENTRIES) {
            match value.spelled() {
                Some(text) => {
                    strings.insert(name.to_owned(), text);
                }
                None => self.report.refuse(&value, "a text is wanted"),
            }
        }
        Some(strings)
    }

    /// Refuses what is not as it must be.
    pub(super) fn expect(&mut self, node: &Node<'_>, fine: bool, wanted: &str) {
        if !fine {
            self.report.refuse(node, wanted);
        }
    }

    /// Extensions of API Gateway's that mean nothing at this place are left out, and told.
    pub(super) fn warn_of_unknown(&mut self, node: &Node<'_>, known: &[&str]) {
        for name in node.object().into_iter().flat_map(|members| members.keys()) {
            if name.starts_with(PREFIX) && !known.contains(&name.as_str()) {
                self.report.warn(node.place(name), "there is no such extension of REST APIs: it is ignored");
            }
        }
    }

    /// The segments that come before every path (control-plane reference, 12.1).
    pub(super) fn base_path(&mut self) -> Vec<String> {
        use super::BasePath;
        if self.options.base_path == BasePath::Ignore {
            return Vec::new();
        }
        let base = match self.dialect {
            Dialect::Swagger => self.root.text_of("basePath"),
            Dialect::OpenApi => self.server_path(),
        };
        let segments = base.unwrap_or_default();
        let segments = segments.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned);
        let dropped = if self.options.base_path == BasePath::Split { 1 } else { 0 };
        segments.skip(dropped).collect()
    }

    /// The base path of OpenAPI 3: the first server's variable `basePath`, or else the path of its URL.
    fn server_path(&mut self) -> Option<String> {
        let servers = self.root.get("servers")?.items();
        let variable = |server: &Node<'a>| server.within(&["variables", "basePath", "default"])?.spelled();
        if let Some(path) = servers.iter().find_map(variable) {
            return Some(path);
        }
        let url = servers.first()?.text_of("url")?;
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
        Some(rest.to_owned())
    }

    /// More than one server: the others mean nothing to a REST API.
    pub(super) fn warn_of_servers(&mut self) {
        let Some(servers) = self.root.get("servers") else { return };
        let all = servers.items();
        if let (Some(first), true) = (all.first(), all.len() > 1) {
            let url = first.text_of("url").unwrap_or_default();
            self.report.warn(&servers, format!("More than one server provided. Ignoring all but {url}"));
        }
    }
}

/// Extensions that an operation may have.
pub(super) const OF_OPERATIONS: &[&str] = &[INTEGRATION, REQUEST_VALIDATOR, super::super::extensions::AUTH];
/// Extensions that a path may have.
pub(super) const OF_PATHS: &[&str] = &[ANY_METHOD];
