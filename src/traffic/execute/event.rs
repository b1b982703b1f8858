//! Events: what functions are told of a request, to the byte as AWS tells it (data-plane reference, 10.5; auth
//! reference, F4).
//!
//! Members have AWS's order. The server that we stand on keeps header names in small letters alone, so they are spelled
//! here as AWS's own clients spell them; and they are sorted, whatever their letters, as AWS sorts them.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::CONTENT_TYPE;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::address;
use super::facts::{Authorized, Facts};
use super::headers::{TRACE_ID, forwarded, is_forwarded, is_taken_off};
use crate::mapping::query::Query;
use crate::model::rest::Strings;
use crate::observe::execution_log::{is_secret, mask};
use crate::traffic::message::{Headers, Peer, spelled};

/// Who reads an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// The function.
    Function,
    /// Whoever reads the log: of secrets only the end is shown.
    Log,
}

/// The event of a function that gets the whole request. `path` is the path within the stage; `trace` is the trace that
/// the call belongs to.
pub(super) fn proxied(facts: &Facts, path: &str, trace: &str, body: &[u8], reader: Reader) -> String {
    let content_type = facts.head().headers.last_text(CONTENT_TYPE.as_str());
    let is_binary = !body.is_empty() && facts.deployed().is_some_and(|deployed| deployed.binary.has(content_type));
    let body = match (body, is_binary) {
        ([], _) => None,
        (body, true) => Some(Cow::Owned(BASE64.encode(body))),
        (body, false) => Some(String::from_utf8_lossy(body)),
    };
    let parts = Parts::of(facts, trace, reader);
    let event = Proxied {
        resource: &facts.context("resourcePath").unwrap_or_default(),
        path: &seen_path(facts, path),
        http_method: facts.head().method.as_str(),
        headers: parts.headers.some().map(Last),
        multi_value_headers: parts.headers.some(),
        query_string_parameters: parts.query.some().map(Last),
        multi_value_query_string_parameters: parts.query.some(),
        path_parameters: parts.path.some().map(Last),
        stage_variables: parts.variables.filter(|variables| !variables.is_empty()),
        request_context: RequestContext::of(facts, reader),
        body,
        is_base64_encoded: is_binary,
    };
    written(&event)
}

/// The event of an authorizer that looks at the whole request.
pub(super) fn of_request(facts: &Facts, path: &str, method_arn: &str, trace: &str, reader: Reader) -> String {
    let parts = Parts::of(facts, trace, reader);
    let nothing = Strings::new();
    let event = Asking {
        kind: "REQUEST",
        method_arn,
        resource: &facts.context("resourcePath").unwrap_or(Cow::Borrowed("/")),
        path: &seen_path(facts, path),
        http_method: facts.head().method.as_str(),
        headers: Last(&parts.headers),
        multi_value_headers: &parts.headers,
        query_string_parameters: Last(&parts.query),
        multi_value_query_string_parameters: &parts.query,
        path_parameters: Last(&parts.path),
        stage_variables: parts.variables.unwrap_or(&nothing),
        request_context: RequestContext::of(facts, reader),
    };
    written(&event)
}

/// The event of an authorizer that looks at a token.
pub(super) fn of_token(token: &str, method_arn: &str, reader: Reader) -> String {
    let token = if reader == Reader::Log { Cow::Owned(mask(token)) } else { Cow::Borrowed(token) };
    written(&Token { kind: "TOKEN", authorization_token: &token, method_arn })
}

/// What can't be written can't be: all of it is texts, numbers and maps of texts.
pub(super) fn written(event: &impl Serialize) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

/// The path as the caller knows it, without the stage: with a custom domain name, that is all that was asked for.
fn seen_path<'a>(facts: &'a Facts, within: &'a str) -> Cow<'a, str> {
    let head = facts.head();
    let is_mapped = !facts.is_by_path() && address::of_host(&head.host, head.uri.path()).is_none();
    if is_mapped { Cow::Borrowed(head.uri.path()) } else { Cow::Owned(format!("/{}", within.trim_start_matches('/'))) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Proxied<'a> {
    resource: &'a str,
    path: &'a str,
    http_method: &'a str,
    headers: Option<Last<'a>>,
    multi_value_headers: Option<&'a Many<'a>>,
    query_string_parameters: Option<Last<'a>>,
    multi_value_query_string_parameters: Option<&'a Many<'a>>,
    path_parameters: Option<Last<'a>>,
    stage_variables: Option<&'a Strings>,
    request_context: RequestContext<'a>,
    body: Option<Cow<'a, str>>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asking<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    method_arn: &'a str,
    resource: &'a str,
    path: &'a str,
    http_method: &'a str,
    headers: Last<'a>,
    multi_value_headers: &'a Many<'a>,
    query_string_parameters: Last<'a>,
    multi_value_query_string_parameters: &'a Many<'a>,
    path_parameters: Last<'a>,
    stage_variables: &'a Strings,
    request_context: RequestContext<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Token<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    authorization_token: &'a str,
    method_arn: &'a str,
}

/// What of a request has names and values.
#[derive(Default)]
pub(super) struct Parts<'a> {
    pub(super) headers: Many<'a>,
    pub(super) query: Many<'a>,
    path: Many<'a>,
    pub(super) variables: Option<&'a Strings>,
}

impl<'a> Parts<'a> {
    /// The parts of a request that asks for a connection, as its authorizer is shown it.
    pub(super) fn of_handshake(facts: &'a Facts, trace: &str, reader: Reader) -> Self {
        let mut parts = Self::of(facts, trace, reader);
        for (name, value) in [("Connection", "upgrade"), ("content-length", "0"), ("Upgrade", "websocket")] {
            parts.headers.add(name.into(), value.into());
        }
        parts.headers.sort();
        parts
    }

    pub(super) fn of(facts: &'a Facts, trace: &str, reader: Reader) -> Self {
        let shown = |name: &str, value: String| {
            if reader == Reader::Log && is_secret(name) { mask(&value) } else { value }
        };
        let mut headers = Many::default();
        for (name, value) in seen_headers(facts, trace) {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers.add(spelled(name.as_str()).into_owned().into(), shown(name.as_str(), value).into());
        }
        headers.sort();
        let mut query = Many::default();
        for (name, value) in Query::parse(facts.head().uri.query().unwrap_or_default()).iter() {
            query.add(name.to_owned().into(), value.to_owned().into());
        }
        let mut path = Many::default();
        for (name, value) in facts.path_parameters() {
            path.add(name.as_str().into(), value.as_str().into());
        }
        Self { headers, query, path, variables: facts.deployed().map(|deployed| &deployed.variables) }
    }
}

/// The header fields that functions see: the caller's, without those of the connection and without a signature, and
/// what the gateway says of the way. A request that was made up has the fields that it was given.
fn seen_headers(facts: &Facts, trace: &str) -> Headers {
    let head = facts.head();
    let is_signature = |name: &str, value: &[u8]| name == "authorization" && value.starts_with(b"AWS4-");
    let mut headers = Headers::with_capacity(16);
    for (name, value) in head.headers.iter() {
        let text = name.as_str();
        let is_replaced = head.peer != Peer::Test && (is_forwarded(text) || *name == TRACE_ID);
        let is_ours = matches!(text, "keep-alive" | "proxy-connection" | "proxy-authorization" | "x-amzn-requestid");
        if !is_taken_off(text) && !is_replaced && !is_ours && !is_signature(text, value.as_bytes()) {
            headers.append(name.clone(), value.clone());
        }
    }
    if let (Peer::Address(_), Ok(trace)) = (head.peer, trace.parse()) {
        headers.append(TRACE_ID, trace);
        forwarded(head, &mut headers);
    }
    headers
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    resource_id: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<&'a Authorized>,
    resource_path: Cow<'a, str>,
    http_method: Cow<'a, str>,
    extended_request_id: Cow<'a, str>,
    request_time: Cow<'a, str>,
    path: Cow<'a, str>,
    account_id: Cow<'a, str>,
    protocol: Cow<'a, str>,
    stage: Cow<'a, str>,
    domain_prefix: Cow<'a, str>,
    request_time_epoch: u64,
    request_id: Cow<'a, str>,
    identity: Identity<'a>,
    domain_name: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    deployment_id: Cow<'a, str>,
    api_id: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_canary_request: Option<bool>,
}

/// Who calls; nobody who signs is known yet, and so most of it is nothing.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    cognito_identity_pool_id: (),
    account_id: (),
    cognito_identity_id: (),
    caller: (),
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<Cow<'a, str>>,
    source_ip: Cow<'a, str>,
    principal_org_id: (),
    access_key: (),
    cognito_authentication_type: (),
    cognito_authentication_provider: (),
    user_arn: (),
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key_id: Option<Cow<'a, str>>,
    user_agent: Option<Cow<'a, str>>,
    user: (),
}

impl<'a> RequestContext<'a> {
    fn of(facts: &'a Facts, reader: Reader) -> Self {
        let context = |name: &str| facts.context(name).unwrap_or_default();
        let shown = |key: Cow<'a, str>| if reader == Reader::Log { Cow::Owned(mask(&key)) } else { key };
        Self {
            resource_id: context("resourceId"),
            authorizer: facts.authorized(),
            resource_path: context("resourcePath"),
            http_method: context("httpMethod"),
            extended_request_id: context("extendedRequestId"),
            request_time: context("requestTime"),
            path: context("path"),
            account_id: context("accountId"),
            protocol: context("protocol"),
            stage: context("stage"),
            domain_prefix: context("domainPrefix"),
            request_time_epoch: u64::try_from(facts.head().arrived.as_millis()).unwrap_or(u64::MAX),
            request_id: context("requestId"),
            identity: Identity {
                api_key: facts.context("identity.apiKey").map(shown),
                api_key_id: facts.context("identity.apiKeyId"),
                source_ip: context("identity.sourceIp"),
                user_agent: facts.context("identity.userAgent"),
                ..Identity::default()
            },
            domain_name: context("domainName"),
            deployment_id: context("deploymentId"),
            api_id: context("apiId"),
            is_canary_request: facts.context("isCanaryRequest").map(|is| is == "true"),
        }
    }
}

impl Serialize for Authorized {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("principalId", &self.permission.principal)?;
        map.serialize_entry("integrationLatency", &self.latency_millis())?;
        for (name, value) in &self.permission.context {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Names in the order in which they came first, with all their values.
#[derive(Default)]
pub(super) struct Many<'a>(Vec<(Cow<'a, str>, Vec<Cow<'a, str>>)>);

impl<'a> Many<'a> {
    pub(super) fn add(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => self.0.push((name, vec![value])),
        }
    }

    /// In AWS's order, in which letters' case doesn't count.
    fn sort(&mut self) {
        self.0.sort_by_cached_key(|(name, _)| name.to_ascii_lowercase());
    }

    /// Itself, if there is anything in it: AWS writes nothing as `null`.
    pub(super) fn some(&self) -> Option<&Self> {
        (!self.0.is_empty()).then_some(self)
    }
}

impl Serialize for Many<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, values)| (name, values)))
    }
}

/// The same with the last value of each name.
pub(super) struct Last<'a>(pub(super) &'a Many<'a>);

impl Serialize for Last<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map((self.0).0.iter().map(|(name, values)| (name, values.last())))
    }
}
