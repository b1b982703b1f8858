//! Heads of requests and answers, as bytes.

use bytes::BytesMut;
use http::header::{CONNECTION, HOST};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::{Call, Error, take};
use crate::traffic::message::{Body, Headers};

/// An answer may have so many header fields.
const MAX_FIELDS: usize = 100;

/// The head of an answer.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: Headers,
    pub(super) keep_alive: bool,
}

/// Writes a request's head. `Host` comes from the fields if it is there, and from the origin otherwise.
pub(super) fn write_head(call: &Call) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(call.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(call.target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if call.headers.last(&HOST).is_none() {
        out.extend_from_slice(b"Host: ");
        out.extend_from_slice(call.origin.authority.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    for (name, value) in call.headers.iter() {
        write_name(&mut out, name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    match &call.body {
        Body::Empty if matches!(call.method, Method::POST | Method::PUT | Method::PATCH) => {
            out.extend_from_slice(b"Content-Length: 0\r\n");
        }
        Body::Empty => {}
        Body::Whole(bytes) => write_length(&mut out, bytes.len() as u64),
        Body::Stream { length: Some(length), .. } => write_length(&mut out, *length),
        Body::Stream { length: None, .. } => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    out.extend_from_slice(b"\r\n");
    out
}

fn write_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"Content-Length: ");
    out.extend_from_slice(length.to_string().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The server that we stand on knows names in small letters only; backends get them in their usual spelling.
fn write_name(out: &mut Vec<u8>, name: &HeaderName) {
    let mut at_start = true;
    out.extend(name.as_str().bytes().map(|byte| {
        let written = if at_start { byte.to_ascii_uppercase() } else { byte };
        at_start = byte == b'-';
        written
    }));
}

/// Takes a head off the buffer, if one is there whole.
pub(super) fn read_head(buffer: &mut BytesMut) -> Result<Option<Head>, Error> {
    if buffer.is_empty() {
        return Ok(None);
    }
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut parsed = httparse::Response::new(&mut fields);
    let length = match parsed.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Error::Malformed("it has too many header fields")),
        Err(_) => return Err(Error::Malformed("its head can't be read")),
    };
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(Error::Malformed("its status is none"))?;
    let mut keep_alive = parsed.version == Some(1);
    // Where each field is, so that values can share the buffer's memory once it is frozen.
    let base = buffer.as_ptr() as usize;
    let mut places = Vec::with_capacity(parsed.headers.len());
    for field in parsed.headers.iter() {
        let name =
            HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Error::Malformed("a header's name is none"))?;
        let start = field.value.as_ptr() as usize - base;
        places.push((name, start..start + field.value.len()));
    }
    let head = take(buffer, length);
    let mut headers = Headers::with_capacity(places.len() + 8);
    for (name, place) in places {
        let value = HeaderValue::from_maybe_shared(head.slice(place))
            .map_err(|_| Error::Malformed("a header's value has forbidden characters"))?;
        if name == CONNECTION {
            keep_alive = match value.to_str() {
                Ok(text) if text.eq_ignore_ascii_case("close") => false,
                Ok(text) if text.eq_ignore_ascii_case("keep-alive") => true,
                Ok(text) => keep_alive && !text.to_ascii_lowercase().contains("close"),
                Err(_) => false,
            };
        }
        headers.append(name, value);
    }
    Ok(Some(Head { status, headers, keep_alive }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_when_they_are_whole() {
        let mut buffer = BytesMut::from(&b"HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n"[..]);
        assert!(read_head(&mut buffer).expect("no error").is_none());
        buffer.extend_from_slice(b"\r\nrest");
        let head = read_head(&mut buffer).expect("no error").expect("a head");
        assert_eq!(head.status, 200);
        assert!(!head.keep_alive);
        assert_eq!(head.headers.last_text("a"), Some("b"));
        assert_eq!(&buffer[..], b"rest");
    }

    #[test]
    fn what_is_not_http_is_an_error() {
        for bytes in [&b"nonsense\r\n\r\n"[..], b"HTTP/2 200\r\n\r\n", b"HTTP/1.1 99 X\r\n\r\n"] {
            assert!(read_head(&mut BytesMut::from(bytes)).is_err());
        }
    }

    #[test]
    fn names_get_their_usual_spelling() {
        let mut out = Vec::new();
        write_name(&mut out, &HeaderName::from_static("x-amzn-apigateway-api-id"));
        assert_eq!(out, b"X-Amzn-Apigateway-Api-Id");
    }
}
