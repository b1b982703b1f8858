//! Events: how large they may be, and that they are JSON.

use bytes::Bytes;
use serde::de::IgnoredAny;

use super::InvocationKind;
use super::error::InvokeError;

/// An event that is answered has at most so many bytes: AWS's 6 MB.
pub const MAX_EVENT: usize = 6_291_456;
/// An event that is queued has at most so many: AWS's 1 MB.
pub(super) const MAX_QUEUED_EVENT: usize = 1_048_576;
/// An answer has at most so many.
pub(super) const MAX_ANSWER: usize = 6_291_556;

/// The event that a function gets: what was sent, if it may be; nothing at all is an object without members.
pub(super) fn check(payload: Bytes, kind: InvocationKind) -> Result<Bytes, InvokeError> {
    let (name, limit) = match kind {
        InvocationKind::Event => ("Event", MAX_QUEUED_EVENT),
        InvocationKind::RequestResponse | InvocationKind::DryRun => ("RequestResponse", MAX_EVENT),
    };
    if payload.len() > limit {
        return Err(InvokeError::too_large(payload.len(), name, limit));
    }
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<IgnoredAny>(&payload) {
        Ok(_) => Ok(payload),
        Err(error) => Err(InvokeError::content(format!(
            "Could not parse request body into json: Could not parse payload into json: {}",
            in_words(&payload, &error)
        ))),
    }
}

/// What is wrong, in the words of the parser that AWS uses, as far as it is one of the usual mistakes.
fn in_words(payload: &[u8], error: &serde_json::Error) -> String {
    let source = format!("(byte[])\"{}\"", String::from_utf8_lossy(&payload[..payload.len().min(500)]));
    let place = |column| format!("\n at [Source: {source}; line: {}, column: {column}]", error.line());
    let word: String = String::from_utf8_lossy(payload.trim_ascii_start())
        .chars()
        .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
        .take(100)
        .collect();
    if word.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        return format!(
            "Unrecognized token '{word}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or \
             'false'){}",
            place(word.len() + 1)
        );
    }
    match error.is_eof() {
        true => format!("Unexpected end-of-input{}", place(error.column() + 1)),
        false => format!("{error}{}", place(error.column())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_json_of_bounded_size() {
        let large = |size: usize| Bytes::from(format!("\"{}\"", "x".repeat(size - 2)));
        let sync = InvocationKind::RequestResponse;
        for (payload, kind, expected) in [
            (Bytes::from_static(b""), sync, Ok(())),
            (Bytes::from_static(b"null"), sync, Ok(())),
            (Bytes::from_static(b"{\"a\": [1, 2]}"), InvocationKind::Event, Ok(())),
            (Bytes::from_static(b"hello"), sync, Err("InvalidRequestContentException")),
            (Bytes::from_static(b"{\"a\":"), sync, Err("InvalidRequestContentException")),
            (Bytes::from_static(b"{} {}"), sync, Err("InvalidRequestContentException")),
            (large(MAX_EVENT), sync, Ok(())),
            (large(MAX_EVENT + 1), sync, Err("RequestTooLargeException")),
            (large(MAX_QUEUED_EVENT), InvocationKind::Event, Ok(())),
            (large(MAX_QUEUED_EVENT + 1), InvocationKind::Event, Err("RequestTooLargeException")),
        ] {
            let checked = check(payload.clone(), kind).map(|_| ()).map_err(|error| error.code);
            assert_eq!(checked, expected, "{:?}", payload.get(..20));
        }
        let error = check(Bytes::from_static(b"hello"), sync).expect_err("no JSON");
        assert_eq!(
            error.message,
            "Could not parse request body into json: Could not parse payload into json: Unrecognized token 'hello': was \
             expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: \
             (byte[])\"hello\"; line: 1, column: 6]"
        );
    }
}
