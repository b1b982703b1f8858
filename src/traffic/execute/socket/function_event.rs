//! What functions are told of an event of a connection, to the byte as AWS tells it (WebSocket reference, A8 and A12).

use std::borrow::Cow;

use serde::Serialize;

use super::event::SocketEvent;
use crate::model::rest::{ContentHandling, Strings};
use crate::observe::execution_log::mask;
use crate::traffic::execute::event::{Last, Many, Parts, Reader, written};
use crate::traffic::execute::facts::{Authorized, Facts};

/// What the function behind a route is told.
pub(in crate::traffic::execute) fn told(
    event: &SocketEvent,
    facts: &Facts,
    trace: &str,
    handling: Option<ContentHandling>,
    reader: Reader,
) -> String {
    // A message has none of what a request has.
    let parts = if event.name() == "CONNECT" { Parts::of(facts, trace, reader) } else { Parts::default() };
    let variables = facts.deployed().map(|deployed| &deployed.variables);
    // Of an end AWS tells four fields, three of them empty.
    let fixed = || {
        let host = event.connection().host.as_ref();
        let mut fixed = Many::default();
        for (name, value) in [("Host", host), ("x-api-key", ""), ("X-Forwarded-For", ""), ("x-restapi", "")] {
            fixed.add(name.into(), value.into());
        }
        fixed
    };
    let headers = match event.name() {
        "CONNECT" => Some(parts.headers),
        "DISCONNECT" => Some(fixed()),
        _ => None,
    };
    let query = parts.query.some();
    written(&Told {
        headers: headers.as_ref().map(Last),
        multi_value_headers: headers.as_ref(),
        query_string_parameters: query.map(Last),
        multi_value_query_string_parameters: query,
        stage_variables: variables.filter(|variables| !variables.is_empty()),
        request_context: RequestContext::of(event, facts, reader),
        body: event.message().map(|body| String::from_utf8_lossy(body)),
        is_base64_encoded: event.is_base64()
            || (event.message().is_some() && handling == Some(ContentHandling::ConvertToBinary)),
    })
}

/// What an authorizer's function is asked.
pub(in crate::traffic::execute) fn asking(
    event: &SocketEvent,
    facts: &Facts,
    method_arn: &str,
    trace: &str,
    reader: Reader,
) -> String {
    let parts = Parts::of_handshake(facts, trace, reader);
    let nothing = Strings::new();
    written(&Asking {
        kind: "REQUEST",
        method_arn,
        headers: Last(&parts.headers),
        multi_value_headers: &parts.headers,
        query_string_parameters: Last(&parts.query),
        multi_value_query_string_parameters: &parts.query,
        stage_variables: parts.variables.unwrap_or(&nothing),
        request_context: RequestContext::of(event, facts, reader),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Last<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<&'a Many<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string_parameters: Option<Last<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_query_string_parameters: Option<&'a Many<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_variables: Option<&'a Strings>,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asking<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    method_arn: &'a str,
    headers: Last<'a>,
    multi_value_headers: &'a Many<'a>,
    query_string_parameters: Last<'a>,
    multi_value_query_string_parameters: &'a Many<'a>,
    stage_variables: &'a Strings,
    request_context: RequestContext<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    route_key: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<&'a Authorized>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<Cow<'a, str>>,
    event_type: &'a str,
    extended_request_id: Cow<'a, str>,
    request_time: Cow<'a, str>,
    message_direction: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_reason: Option<&'a str>,
    stage: Cow<'a, str>,
    connected_at: u64,
    request_time_epoch: u64,
    identity: Identity<'a>,
    request_id: Cow<'a, str>,
    domain_name: Cow<'a, str>,
    connection_id: Cow<'a, str>,
    api_id: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<Cow<'a, str>>,
    source_ip: Cow<'a, str>,
}

impl<'a> RequestContext<'a> {
    fn of(event: &'a SocketEvent, facts: &'a Facts, reader: Reader) -> Self {
        let context = |name: &str| facts.context(name).unwrap_or_default();
        let shown = |key: Cow<'a, str>| if reader == Reader::Log { Cow::Owned(mask(&key)) } else { key };
        let millis = |since: std::time::Duration| u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Self {
            route_key: context("routeKey"),
            disconnect_status_code: event.end().map(|(code, _)| code),
            authorizer: facts.authorized(),
            message_id: facts.context("messageId"),
            event_type: event.name(),
            extended_request_id: context("extendedRequestId"),
            request_time: context("requestTime"),
            message_direction: "IN",
            disconnect_reason: event.end().map(|(_, reason)| reason),
            stage: context("stage"),
            connected_at: millis(event.connection().connected_at),
            request_time_epoch: millis(facts.head().arrived),
            identity: Identity {
                api_key: facts.context("identity.apiKey").map(shown),
                api_key_id: facts.context("identity.apiKeyId"),
                user_agent: facts.context("identity.userAgent"),
                source_ip: context("identity.sourceIp"),
            },
            request_id: context("requestId"),
            domain_name: context("domainName"),
            connection_id: context("connectionId"),
            api_id: context("apiId"),
        }
    }
}
