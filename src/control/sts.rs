//! STS, as far as clients need it to find out who they are: `GetCallerIdentity`, in the query protocol.

use super::request_id;
use super::wire::{Answer, Call, Error};
use crate::mapping::query::Query;

const VERSION: &str = "2011-06-15";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Whether a call is for STS.
pub(super) fn is_meant(call: &Call) -> bool {
    call.path.trim_matches('/').is_empty() && action(call).is_some()
}

fn action(call: &Call) -> Option<String> {
    let body = std::str::from_utf8(&call.body).unwrap_or_default();
    let in_body = Query::parse(body).last("Action").map(str::to_owned);
    call.parameter("Action").or(in_body)
}

pub(super) fn answer(call: &Call, account: &str) -> Answer {
    match action(call).as_deref() {
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
        _ => error(400, "InvalidAction", &format!("Could not find the operation for version {VERSION}")),
    }
}

pub(super) fn refuse(refusal: &Error) -> Answer {
    let (status, code, message) = match refusal {
        Error::Told { status, code, message } => (*status, code.trim_end_matches("Exception"), message.as_str()),
        Error::Overtaken => (503, "ServiceUnavailable", "try again"),
    };
    error(status, code, message)
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
    Answer { status, content_type: "text/xml", body, headers: Vec::new() }
}
