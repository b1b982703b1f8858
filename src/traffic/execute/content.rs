//! Bodies between bytes and text: taken whole, and converted as content handling wants it.
//!
//! Source: the tables of "Content type conversions in API Gateway" in the developer guide, checked by recordings
//! (data-plane reference, 9.5 and 13.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use crate::model::rest::ContentHandling;

/// A body, whole, and what it is taken for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Content {
    pub(super) bytes: Bytes,
    /// Whether it is text, which templates want.
    pub(super) is_text: bool,
}

/// A body that should be base64 is not.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("Unable to base64 decode the body.")]
pub(super) struct NotBase64;

/// What a request's body is for templates and endpoints; `is_binary` says whether the API takes its type for bytes.
pub(super) fn of_request(
    body: Bytes,
    is_binary: bool,
    handling: Option<ContentHandling>,
) -> Result<Content, NotBase64> {
    match (is_binary, handling) {
        (false, None | Some(ContentHandling::ConvertToText)) => Ok(text(body)),
        (false, Some(ContentHandling::ConvertToBinary)) => decoded(&body),
        (true, None | Some(ContentHandling::ConvertToBinary)) => Ok(Content { bytes: body, is_text: false }),
        (true, Some(ContentHandling::ConvertToText)) => Ok(encoded(&body)),
    }
}

/// What an answer's body is for templates and callers; the flags say whether the API takes its type, and the type that
/// the caller accepts, for bytes.
pub(super) fn of_response(
    body: Bytes,
    is_binary: bool,
    accepts_binary: bool,
    handling: Option<ContentHandling>,
) -> Result<Content, NotBase64> {
    match (is_binary, accepts_binary, handling) {
        (false, false, None) | (false, _, Some(ContentHandling::ConvertToText)) => Ok(text(body)),
        (false, true, None) | (false, _, Some(ContentHandling::ConvertToBinary)) => decoded(&body),
        (true, false, None) | (true, _, Some(ContentHandling::ConvertToText)) => Ok(encoded(&body)),
        (true, true, None) | (true, _, Some(ContentHandling::ConvertToBinary)) => {
            Ok(Content { bytes: body, is_text: false })
        }
    }
}

/// Bytes that are no text are replaced.
fn text(body: Bytes) -> Content {
    let bytes = match std::str::from_utf8(&body) {
        Ok(_) => body,
        Err(_) => Bytes::from(String::from_utf8_lossy(&body).into_owned()),
    };
    Content { bytes, is_text: true }
}

fn decoded(body: &[u8]) -> Result<Content, NotBase64> {
    let bytes = BASE64.decode(body.trim_ascii()).map_err(|_| NotBase64)?;
    Ok(Content { bytes: Bytes::from(bytes), is_text: false })
}

fn encoded(body: &[u8]) -> Content {
    Content { bytes: Bytes::from(BASE64.encode(body)), is_text: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO_TEXT: Option<ContentHandling> = Some(ContentHandling::ConvertToText);
    const TO_BINARY: Option<ContentHandling> = Some(ContentHandling::ConvertToBinary);

    /// A body's bytes and whether it is text; nothing for one that should be base64 and is not.
    fn shown(content: Result<Content, NotBase64>) -> Option<(Vec<u8>, bool)> {
        content.ok().map(|content| (content.bytes.to_vec(), content.is_text))
    }

    #[test]
    fn requests_follow_the_table() {
        for (body, is_binary, handling, expected) in [
            (&b"a\xff"[..], false, None, Some(("a\u{fffd}".as_bytes(), true))),
            (b"a\xff", false, TO_TEXT, Some(("a\u{fffd}".as_bytes(), true))),
            (b"YQ==", false, TO_BINARY, Some((b"a", false))),
            (b"a\xff", false, TO_BINARY, None),
            (b"a\xff", true, None, Some((b"a\xff", false))),
            (b"a\xff", true, TO_BINARY, Some((b"a\xff", false))),
            (b"YQ==", true, TO_TEXT, Some((b"WVE9PQ==", true))),
        ] {
            let content = of_request(Bytes::from_static(body), is_binary, handling);
            let expected = expected.map(|(bytes, is_text)| (bytes.to_vec(), is_text));
            assert_eq!(shown(content), expected, "{body:?} {is_binary} {handling:?}");
        }
    }

    #[test]
    fn answers_follow_the_table() {
        let (text, bytes) = ((false, false), (true, true));
        for (body, (is_binary, accepts_binary), handling, expected) in [
            (&b"a\xff"[..], text, None, Some(("a\u{fffd}".as_bytes(), true))),
            (b"YQ==", text, TO_BINARY, Some((b"a", false))),
            (b"-", text, TO_BINARY, None),
            (b"YQ==", text, TO_TEXT, Some((b"YQ==", true))),
            (b"YQ==", (false, true), None, Some((b"a", false))),
            (b"-", (false, true), None, None),
            (b"-", (false, true), TO_BINARY, None),
            (b"-", (false, true), TO_TEXT, Some((b"-", true))),
            (b"a", (true, false), None, Some((b"YQ==", true))),
            (b"a\xff", (true, false), TO_BINARY, Some((b"a\xff", false))),
            (b"a", (true, false), TO_TEXT, Some((b"YQ==", true))),
            (b"a\xff", bytes, None, Some((b"a\xff", false))),
            (b"a\xff", bytes, TO_BINARY, Some((b"a\xff", false))),
            (b"a", bytes, TO_TEXT, Some((b"YQ==", true))),
        ] {
            let content = of_response(Bytes::from_static(body), is_binary, accepts_binary, handling);
            let expected = expected.map(|(bytes, is_text)| (bytes.to_vec(), is_text));
            assert_eq!(shown(content), expected, "{body:?} {is_binary} {accepts_binary} {handling:?}");
        }
    }
}
