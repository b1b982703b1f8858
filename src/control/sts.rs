//! STS, as far as clients need it to find out who they are: `GetCallerIdentity`, in the query protocol.

use super::request_id;
use super::wire::{Answer, Call, Error};
use crate::mapping::query::Query;

const VERSION: &str = "2011-06-15";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Whether a call is for STS: the query protocol has one path, and no other service here speaks it.
pub(super) fn is_meant(call: &Call) -> bool {
    call.path.trim_matches('/').is_empty()
}

fn parameter(call: &Call, name: &str) -> Option<String> {
    let body = std::str::from_utf8(&call.body).unwrap_or_default();
    let in_body = Query::parse(body).last(name).map(str::to_owned);
    call.parameter(name).or(in_body)
}

pub(super) fn answer(call: &Call, account: &str) -> Answer {
    match parameter(call, "Action").as_deref() {
        Some("GetCallerIdentity") => xml(
            200,
            format!(
                "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\"><GetCallerIdentityResult>\
                 <Arn>arn:aws:iam::{account}:root</Arn><UserId>{account}</UserId><Account>{account}</Account>\
                 </GetCallerIdentityResult><ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata>\
                 </GetCallerIdentityResponse>",
                request_id()
            ),
        ),
        action => {
            let version = parameter(call, "Version").unwrap_or_else(|| VERSION.to_owned());
            let action = action.unwrap_or_default();
            error(400, "InvalidAction", &format!("Could not find operation {action} for version {version}"))
        }
    }
}

/// An error in this protocol: other names than REST's, and sometimes other words.
pub(super) fn refuse(refusal: &Error) -> Answer {
    let Error::Told { status, code, message } = refusal else {
        return error(503, "ServiceUnavailable", "Service Unavailable");
    };
    match *code {
        "MissingAuthenticationTokenException" => {
            error(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        }
        "UnrecognizedClientException" => error(403, "InvalidClientTokenId", message),
        "InvalidSignatureException" => error(403, "SignatureDoesNotMatch", message),
        "IncompleteSignatureException" => error(400, "IncompleteSignature", message),
        code => error(*status, code.trim_end_matches("Exception"), message),
    }
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    let message = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    xml(
        status,
        format!(
            "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{code}</Code>\
             <Message>{message}</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
            request_id()
        ),
    )
}

fn xml(status: u16, body: String) -> Answer {
    Answer { status, content_type: "text/xml", body: body.into(), headers: Vec::new() }
}
