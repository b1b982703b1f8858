//! The call of an AWS service that is made of a request; it is signed when it is sent.

use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use super::facts::Facts;
use super::integration_request::{Filled, fill};
use super::lambda;
use super::rendering::Overrides;
use super::route::Routed;
use super::values::{Values, is_out_of_place};
use crate::mapping::document::Document;
use crate::traffic::integration::aws::{Aws, AwsUri, Callee, Operation, Place, Style, is_name_byte};
use crate::traffic::integration::{Origin, http1};
use crate::traffic::message::Refusal;
use crate::traffic::stage::CompiledAws;

/// Says to Lambda which method of which API calls: permissions are given to those.
const SOURCE_ARN: HeaderName = HeaderName::from_static("x-amz-source-arn");

/// Says to Lambda which request it is.
const INTEGRATION_TAG: HeaderName = HeaderName::from_static("x-amzn-lambda-integration-tag");

/// A call of a service, not yet signed.
pub(super) struct ServiceCall {
    pub(super) call: http1::Call,
    /// The service and the region that it is signed for.
    pub(super) place: Place,
    /// The function that is invoked, if one is.
    pub(super) function: Option<String>,
}

/// The call of an AWS service.
pub(super) async fn called(
    routed: &mut Routed,
    service: &CompiledAws,
    document: Option<Rc<Document>>,
    aws: &Aws,
    facts: &Rc<Facts>,
    overrides: &mut Option<Overrides>,
    trace: &str,
) -> Result<ServiceCall, Refusal> {
    let invalid = || Refusal::configuration("Invalid endpoint address");
    let uri = service.uri.as_ref().ok_or_else(invalid)?;
    let Filled { method, values, body } = fill(routed, &service.call, false, document, facts, overrides).await?;
    values.check_path(facts)?;
    let place = place(uri, &values)?;
    let endpoint = aws.endpoint(&place.service, &place.region).map_err(Refusal::configuration)?;
    let rest = rest(uri, &values)?;
    let function = service.function.as_ref().map(|name| values.render(name).into_owned());
    let operation = Operation::new(&place.service, uri.style, &rest, &values.query, &endpoint);
    let origin = match operation.host_prefix {
        "" => Arc::clone(&endpoint.origin),
        prefix => {
            let (origin, _) =
                Origin::parse(&format!("https://{prefix}{}", endpoint.origin.authority)).ok_or_else(invalid)?;
            Arc::new(origin)
        }
    };
    let named = operation.headers.into_iter().filter(|(name, _)| !values.has_header(name)).collect::<Vec<_>>();
    let mut headers = values.headers(false, facts, &method, trace);
    let of_lambda = || [(SOURCE_ARN, lambda::source_arn(facts)), (INTEGRATION_TAG, facts.head().id.to_string())];
    let of_lambda = service.is_lambda().then(of_lambda).into_iter().flatten();
    for (name, value) in named.into_iter().chain(of_lambda) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.set(name, value);
        }
    }
    let timeout = service.call.timeout;
    let call = http1::Call { origin, tls: None, method, target: operation.target, headers, body, timeout };
    Ok(ServiceCall { call, place, function })
}

/// Whose operation it is. Where callers say the host's name they say nothing else: neither another service, nor region.
fn place(uri: &AwsUri, values: &Values) -> Result<Place, Refusal> {
    match &uri.callee {
        Callee::Constant(place) => Ok(place.clone()),
        Callee::Dynamic(head) => {
            values.check_of(head, |value| !value.is_empty() && value.bytes().all(is_name_byte))?;
            Place::parse(&values.render(head)).ok_or_else(|| Refusal::configuration("Invalid endpoint address"))
        }
    }
}

/// The path, or the operation, with the values of its placeholders. Those of an operation and of a query add no parameters.
fn rest(uri: &AwsUri, values: &Values) -> Result<String, Refusal> {
    let adds_nothing = |value: &str| !value.contains(['&', '=', '?', '#', ';']);
    match uri.style {
        Style::Action => values.check_of(&uri.rest, adds_nothing)?,
        Style::Path => {
            if let Some((_, query)) = uri.rest.split("?") {
                values.check_of(&query, adds_nothing)?;
            }
        }
    }
    let rest = values.render(&uri.rest);
    // A placeholder that nothing is mapped to is still in its braces.
    match rest.bytes().any(is_out_of_place) {
        true => Err(Refusal::configuration("Invalid endpoint address")),
        false => Ok(rest.into_owned()),
    }
}
