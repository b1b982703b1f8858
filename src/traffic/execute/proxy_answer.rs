//! What a function's answer means that got the whole request: the answer itself, in a form that is checked as strictly
//! as AWS checks it.
//!
//! Source: "Output format of a Lambda function for proxy integration", corrected by recordings (data-plane reference,
//! 10.5).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};

use super::facts::Facts;
use super::integration_response::{Author, Mapped};
use super::streamed_answer::DELIMITER;
use crate::model::rest::GatewayResponseType;
use crate::traffic::message::{Body, Headers, Refusal};

/// A function's answer.
#[derive(Debug, PartialEq)]
pub(super) struct ProxyAnswer {
    /// The status; OK, where it says none.
    status: Option<StatusCode>,
    /// Names and values, those of `multiValueHeaders` first.
    headers: Vec<(String, String)>,
    body: String,
    is_base64: bool,
}

/// The answer is not one.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("Execution failed due to configuration error: Malformed Lambda proxy response")]
pub(super) struct Malformed;

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        let response = Some(GatewayResponseType::IntegrationFailure);
        let reason = malformed.to_string().into();
        Self { response, status: StatusCode::BAD_GATEWAY, reason, ..Self::configuration("") }
    }
}

/// Makes the answer to the caller of a function's.
pub(super) fn map(payload: &[u8], facts: &Facts) -> Result<Mapped, Refusal> {
    let answer = match memchr::memmem::find(payload, &DELIMITER) {
        None => ProxyAnswer::read(payload)?,
        // A function that streams its answers, and is not asked to: AWS shows the head of the answer alone.
        Some(end) => ProxyAnswer::read_head(&payload[..end])?,
    };
    // A connection's route must have said one.
    if facts.socket().is_some() && answer.status.is_none() {
        return Err(Malformed.into());
    }
    let (status, headers) = (answer.status(), answer.fields()?);
    let is_bytes = answer.is_base64 && facts.socket().is_some();
    let is_decoded = is_bytes || (answer.is_base64 && is_binary(&headers, facts));
    let body = match is_decoded {
        true => {
            let decoded = BASE64.decode(answer.body.trim_ascii());
            Bytes::from(decoded.map_err(|_| Refusal::configuration("Unable to base64 decode the body."))?)
        }
        false => Bytes::from(answer.body),
    };
    Ok(Mapped { status, headers, body: Body::Whole(body), author: Author::Function, is_bytes })
}

/// Whether the caller is given bytes: what it accepts first counts, or what it gets if it does not say.
fn is_binary(headers: &Headers, facts: &Facts) -> bool {
    let accepted = facts.head().headers.last_text(ACCEPT.as_str());
    let wanted = accepted.or_else(|| headers.last_text(CONTENT_TYPE.as_str()));
    facts.deployed().is_some_and(|deployed| deployed.binary.has(wanted))
}

impl ProxyAnswer {
    /// Reads an answer. Every member may be missing, and no other may be there.
    pub(super) fn read(payload: &[u8]) -> Result<Self, Malformed> {
        let Ok(Value::Object(mut members)) = serde_json::from_slice(payload) else { return Err(Malformed) };
        let body = take(&mut members, "body").map_or(Ok(String::new()), |body| text(&body).ok_or(Malformed))?;
        let is_base64 = match take(&mut members, "isBase64Encoded") {
            None => false,
            Some(Value::Bool(is)) => is,
            Some(Value::String(is)) if is.eq_ignore_ascii_case("true") => true,
            Some(Value::String(is)) if is.eq_ignore_ascii_case("false") => false,
            Some(_) => return Err(Malformed),
        };
        Ok(Self { body, is_base64, ..Self::of(members)? })
    }

    /// Reads the head of an answer whose body comes behind it: it may have cookies besides.
    pub(super) fn read_head(head: &[u8]) -> Result<Self, Malformed> {
        let Ok(Value::Object(mut members)) = serde_json::from_slice(head) else { return Err(Malformed) };
        let cookies = take(&mut members, "cookies").unwrap_or_default();
        let mut answer = Self::of(members)?;
        match cookies {
            Value::Null => {}
            Value::Array(cookies) => {
                for cookie in &cookies {
                    answer.headers.push(("set-cookie".to_owned(), text(cookie).ok_or(Malformed)?));
                }
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => return Err(Malformed),
        }
        Ok(answer)
    }

    /// Status and header fields, of members that must all have a meaning.
    fn of(mut members: Map<String, Value>) -> Result<Self, Malformed> {
        let status = take(&mut members, "statusCode").map(|status| read_status(&status)).transpose()?;
        let several = take(&mut members, "multiValueHeaders").map_or(Ok(Map::new()), object)?;
        let single = take(&mut members, "headers").map_or(Ok(Map::new()), object)?;
        if !members.is_empty() {
            return Err(Malformed);
        }
        Ok(Self { status, headers: merged(&several, &single)?, body: String::new(), is_base64: false })
    }

    /// The status.
    pub(super) fn status(&self) -> StatusCode {
        self.status.unwrap_or(StatusCode::OK)
    }

    /// The header fields. The length is the gateway's own to say, and a type is always there.
    pub(super) fn fields(&self) -> Result<Headers, Malformed> {
        let mut headers = Headers::with_capacity(self.headers.len() + 1);
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Malformed)?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| Malformed)?;
            if name != CONTENT_LENGTH {
                headers.append(name, value);
            }
        }
        if headers.last(&CONTENT_TYPE).is_none() {
            headers.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok(headers)
    }
}

/// Takes a member out; `null` is as good as none.
fn take(members: &mut Map<String, Value>, name: &str) -> Option<Value> {
    members.shift_remove(name).filter(|value| !value.is_null())
}

/// A number, or a text that is one; what can't end an exchange is none.
fn read_status(status: &Value) -> Result<StatusCode, Malformed> {
    let number = match status {
        Value::Number(number) => number.as_u64().or_else(|| {
            let number = number.as_f64()?;
            (number.fract() == 0.0 && number >= 0.0).then_some(number as u64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let code = number.filter(|number| (200..600).contains(number)).and_then(|number| u16::try_from(number).ok());
    code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(Malformed)
}

fn object(value: Value) -> Result<Map<String, Value>, Malformed> {
    if let Value::Object(map) = value { Ok(map) } else { Err(Malformed) }
}

/// A text, or what is written like one.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Both kinds of header fields as one list; a field that both have is there once.
fn merged(several: &Map<String, Value>, single: &Map<String, Value>) -> Result<Vec<(String, String)>, Malformed> {
    let mut fields = Vec::with_capacity(several.len() + single.len());
    for (name, values) in several {
        match values {
            Value::Null => {}
            Value::Array(values) => {
                for value in values {
                    fields.push((name.clone(), text(value).ok_or(Malformed)?));
                }
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => return Err(Malformed),
        }
    }
    for (name, value) in single.iter().filter(|(_, value)| !value.is_null()) {
        let value = text(value).ok_or(Malformed)?;
        if !fields.iter().any(|(known, given)| known.eq_ignore_ascii_case(name) && *given == value) {
            fields.push((name.clone(), value));
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status, header fields and body as one text; nothing for what is malformed.
    fn shown(payload: &str) -> Option<String> {
        let answer = ProxyAnswer::read(payload.as_bytes()).ok()?;
        let fields = answer.fields().ok()?;
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let base64 = if answer.is_base64 { " base64" } else { "" };
        Some(format!("{} {} {:?}{base64}", answer.status().as_u16(), fields.join(" "), answer.body))
    }

    #[test]
    fn answers_are_as_strict_and_as_lenient_as_awss() {
        let json = "content-type=application/json";
        for (payload, expected) in [
            (r#"{"statusCode": 201, "body": "x"}"#, Some(format!("201 {json} \"x\""))),
            (r#"{"statusCode": "201"}"#, Some(format!("201 {json} \"\""))),
            (r#"{"statusCode": 201.0}"#, Some(format!("201 {json} \"\""))),
            ("{}", Some(format!("200 {json} \"\""))),
            (r#"{"headers": {"A": "1"}}"#, Some(format!("200 a=1 {json} \"\""))),
            (
                r#"{"headers": null, "body": null, "statusCode": null, "multiValueHeaders": null}"#,
                Some(format!("200 {json} \"\"")),
            ),
            (r#"{"headers": {"A": true, "B": 1, "C": null}}"#, Some(format!("200 a=true b=1 {json} \"\""))),
            (
                r#"{"headers": {"Content-Type": "text/plain", "Content-Length": "9"}}"#,
                Some("200 content-type=text/plain \"\"".to_owned()),
            ),
            (
                r#"{"headers": {"A": "x", "b": "y"}, "multiValueHeaders": {"a": ["1", "x"], "C": ["2"]}}"#,
                Some(format!("200 a=1 a=x c=2 b=y {json} \"\"")),
            ),
            (r#"{"body": "YQ==", "isBase64Encoded": true}"#, Some(format!("200 {json} \"YQ==\" base64"))),
            (r#"{"body": 5}"#, Some(format!("200 {json} \"5\""))),
            (r#"{"statusCode": "test"}"#, None),
            (r#"{"statusCode": 100}"#, None),
            (r#"{"statusCode": 1000}"#, None),
            (r#"{"statusCode": 200, "other": 1}"#, None),
            (r#"{"statusCode": 200, "other": null}"#, None),
            (r#"{"statusCode": 200, "cookies": []}"#, None),
            (r#"{"body": {"a": 1}}"#, None),
            (r#"{"body": [1]}"#, None),
            (r#"{"headers": "x"}"#, None),
            (r#"{"headers": {"A": {"b": 1}}}"#, None),
            (r#"{"headers": {"A": "x\r\ny"}}"#, None),
            (r#"{"headers": {"not a name": "x"}}"#, None),
            (r#"{"multiValueHeaders": {"A": "x"}}"#, None),
            (r#"{"isBase64Encoded": 1}"#, None),
            (r#""text""#, None),
            ("[]", None),
            ("null", None),
            ("", None),
            (r#"{"statusCode": 200"#, None),
        ] {
            assert_eq!(shown(payload), expected, "{payload}");
        }
    }
}
