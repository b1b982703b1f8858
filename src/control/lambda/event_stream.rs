//! The framing of answers that are streams of events: `application/vnd.amazon.eventstream`.
//!
//! Source: "Amazon event stream encoding" of the AWS SDK specifications: lengths and a checksum, headers, the payload, a
//! checksum of all.

use bytes::{BufMut, Bytes, BytesMut};

/// The content type.
pub(super) const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";
/// The kind of a header's value that is a text.
const TEXT: u8 = 7;
/// Lengths and their checksum.
const PRELUDE: usize = 12;
/// The checksum at the end.
const CHECKSUM: usize = 4;

/// One event, framed.
pub(super) fn event(kind: &str, content_type: &str, payload: &[u8]) -> Bytes {
    let mut headers = BytesMut::new();
    for (name, value) in [(":message-type", "event"), (":event-type", kind), (":content-type", content_type)] {
        headers.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
        headers.put_slice(name.as_bytes());
        headers.put_u8(TEXT);
        headers.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
        headers.put_slice(value.as_bytes());
    }
    let whole = PRELUDE + headers.len() + payload.len() + CHECKSUM;
    let mut message = BytesMut::with_capacity(whole);
    message.put_u32(u32::try_from(whole).unwrap_or(u32::MAX));
    message.put_u32(u32::try_from(headers.len()).unwrap_or(u32::MAX));
    message.put_u32(crc32fast::hash(&message));
    message.put_slice(&headers);
    message.put_slice(payload);
    message.put_u32(crc32fast::hash(&message));
    message.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_lengths_and_checksums() {
        let frame = event("PayloadChunk", "text/plain", b"abc");
        let number = |at: usize| u32::from_be_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]]);
        assert_eq!(number(0) as usize, frame.len());
        assert_eq!(number(8), crc32fast::hash(&frame[..8]));
        let end = frame.len() - CHECKSUM;
        assert_eq!(number(end), crc32fast::hash(&frame[..end]));
        assert_eq!(&frame[PRELUDE + number(4) as usize..end], b"abc");
    }
}
