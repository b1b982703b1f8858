//! The handshake of RFC 6455, 4.2: is this a request to open a connection, and what is it answered with.

use std::borrow::Cow;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderName, Method, StatusCode};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::traffic::message::{Head, Headers, Refusal, spelled};

/// What a key is hashed with (RFC 6455, 1.3).
const SALT: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of a key.
const KEY: usize = 16;
/// The one version that there is.
const VERSION: &str = "13";
/// A date of HTTP (RFC 9110, 5.6.7).
const DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// Whether a request asks for another protocol, which is to be a WebSocket connection.
pub fn is_asked_for(head: &Head) -> bool {
    names(head, &UPGRADE, "websocket")
}

/// Whether a request may open a connection: what its key is answered with, or what is wrong with it.
pub(super) fn check(head: &Head) -> Result<String, Refusal> {
    let bad = |reason| Refusal {
        reason: Cow::Borrowed(reason),
        ..Refusal::bad_request(StatusCode::BAD_REQUEST, "Bad Request")
    };
    if head.method != Method::GET {
        return Err(bad("a WebSocket connection is asked for with GET"));
    }
    if !names(head, &CONNECTION, "upgrade") {
        return Err(bad("the Connection field does not say upgrade"));
    }
    if one(head, &SEC_WEBSOCKET_VERSION) != Some(VERSION) {
        return Err(Refusal {
            reason: Cow::Borrowed("the version of the WebSocket protocol is not 13"),
            ..Refusal::bad_request(StatusCode::UPGRADE_REQUIRED, "Upgrade Required")
        });
    }
    let key = one(head, &SEC_WEBSOCKET_KEY).unwrap_or_default();
    match BASE64.decode(key) {
        Ok(bytes) if bytes.len() == KEY => Ok(accept(key)),
        _ => Err(bad("Sec-WebSocket-Key is not 16 bytes in base64")),
    }
}

/// The answer that opens a connection, as it goes over the wire. No extension is ever agreed on.
pub(super) fn opening(accept: &str, now: Duration, headers: &Headers) -> Vec<u8> {
    let date = OffsetDateTime::from_unix_timestamp(now.as_secs().cast_signed()).ok();
    let date = date.and_then(|date| date.format(DATE).ok()).unwrap_or_default();
    let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n".to_vec();
    let mut field = |name: &str, value: &[u8]| {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    };
    field("Sec-WebSocket-Accept", accept.as_bytes());
    field("Date", date.as_bytes());
    for (name, value) in headers.iter() {
        field(&spelled(name.as_str()), value.as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// What says that the key was understood.
fn accept(key: &str) -> String {
    BASE64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key.as_bytes(), SALT].concat()))
}

/// Whether one of a field's words is this one, in whatever case.
fn names(head: &Head, field: &HeaderName, word: &str) -> bool {
    let values = head.headers.all(field.as_str()).filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case(word))
}

/// The value of a field that must be there once.
fn one<'a>(head: &'a Head, field: &'a HeaderName) -> Option<&'a str> {
    let mut values = head.headers.all(field.as_str());
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().map(str::trim),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::{HeaderValue, Uri};
    use uuid::Uuid;

    use super::*;
    use crate::traffic::message::Peer;

    fn head(method: &Method, fields: &[(&str, &'static str)]) -> Head {
        let mut headers = Headers::default();
        for (name, value) in fields {
            headers.append(name.parse().expect("a name"), HeaderValue::from_static(value));
        }
        Head {
            id: Uuid::nil(),
            extended: [0; 11],
            arrived: Duration::ZERO,
            method: method.clone(),
            uri: Uri::from_static("/"),
            host: "".into(),
            headers,
            peer: Peer::Address(IpAddr::from([127, 0, 0, 1])),
            port: 80,
            secure: false,
        }
    }

    #[test]
    fn handshakes_are_checked_as_rfc_6455_wants_it() {
        const CONNECTION: (&str, &str) = ("connection", "keep-alive, Upgrade");
        const VERSION: (&str, &str) = ("sec-websocket-version", "13");
        // The RFC's own example (1.3).
        const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let accepted = Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        for (method, fields, expected) in [
            (Method::GET, &[CONNECTION, VERSION, KEY][..], accepted),
            (Method::GET, &[("connection", "close"), CONNECTION, VERSION, KEY], accepted),
            (Method::POST, &[CONNECTION, VERSION, KEY], Err(400)),
            (Method::GET, &[VERSION, KEY], Err(400)),
            (Method::GET, &[("connection", "upgraded"), VERSION, KEY], Err(400)),
            (Method::GET, &[CONNECTION, KEY], Err(426)),
            (Method::GET, &[CONNECTION, ("sec-websocket-version", "8"), KEY], Err(426)),
            (Method::GET, &[CONNECTION, ("sec-websocket-version", "13, 8"), KEY], Err(426)),
            (Method::GET, &[CONNECTION, VERSION, VERSION, KEY], Err(426)),
            (Method::GET, &[CONNECTION, VERSION], Err(400)),
            (Method::GET, &[CONNECTION, VERSION, KEY, KEY], Err(400)),
            (Method::GET, &[CONNECTION, VERSION, ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ")], Err(400)),
            (Method::GET, &[CONNECTION, VERSION, ("sec-websocket-key", "dGhlIHNhbXBsZSBub25j")], Err(400)),
            (Method::GET, &[CONNECTION, VERSION, ("sec-websocket-key", "not base64 at all, is it")], Err(400)),
        ] {
            let checked = check(&head(&method, fields));
            let checked = checked.as_deref().map_err(|refusal| refusal.status.as_u16());
            assert_eq!(checked, expected, "{method} {fields:?}");
        }
        assert!(is_asked_for(&head(&Method::GET, &[("upgrade", "h2c, WebSocket")])));
        assert!(!is_asked_for(&head(&Method::GET, &[("upgrade", "websockets"), CONNECTION])));
    }

    #[test]
    fn the_answer_has_what_awss_has_and_what_the_integration_wants() {
        let mut headers = Headers::default();
        headers.append("sec-websocket-protocol".parse().expect("a name"), HeaderValue::from_static("chat"));
        let answer = opening("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", Duration::from_secs(1_705_751_697), &headers);
        let expected = "HTTP/1.1 101 Switching Protocols\r\n\
            Upgrade: websocket\r\n\
            Connection: upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
            Date: Sat, 20 Jan 2024 11:54:57 GMT\r\n\
            Sec-WebSocket-Protocol: chat\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&answer), expected);
    }
}
