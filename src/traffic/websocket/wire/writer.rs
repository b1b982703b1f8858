//! Encodes what a client is sent: frames of a server, which have no mask.

use bytes::{BufMut, Bytes, BytesMut};

use super::close::{Close, NO_STATUS};
use super::header::CONTROL;

/// Bytes of the payload of a frame that is sent. AWS's limit of a frame holds in both directions.
pub const FRAME: usize = 32 * 1024;

const LAST: u8 = 0x80;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xa;

/// A text message, in as many frames as it takes.
pub fn text(message: &[u8]) -> Bytes {
    encode(TEXT, message)
}

/// A binary message, in as many frames as it takes.
pub fn binary(message: &[u8]) -> Bytes {
    encode(BINARY, message)
}

/// What a ping is answered with.
pub fn pong(payload: &[u8]) -> Bytes {
    encode(PONG, payload)
}

/// A close frame with a code and a reason, of which the most that fits is said; with nothing, if there is no code.
pub fn close(code: u16, reason: &str) -> Bytes {
    let mut payload = Vec::new();
    if code != NO_STATUS {
        let most = reason.floor_char_boundary(CONTROL as usize - 2);
        payload.extend_from_slice(&code.to_be_bytes());
        payload.extend_from_slice(&reason.as_bytes()[..most]);
    }
    encode(CLOSE, &payload)
}

/// What a client's close frame is answered with: its own words.
pub fn echo(close: &Close) -> Bytes {
    encode(CLOSE, &close.payload)
}

fn encode(opcode: u8, payload: &[u8]) -> Bytes {
    let frames = payload.len().div_ceil(FRAME).max(1);
    let mut bytes = BytesMut::with_capacity(payload.len() + 4 * frames);
    let mut opcode = opcode;
    let mut rest = payload;
    loop {
        let (piece, later) = rest.split_at(rest.len().min(FRAME));
        let last = if later.is_empty() { LAST } else { 0 };
        bytes.put_u8(opcode | last);
        match u16::try_from(piece.len()) {
            Ok(length) if length > 125 => {
                bytes.put_u8(126);
                bytes.put_u16(length);
            }
            _ => bytes.put_u8(piece.len() as u8),
        }
        bytes.put_slice(piece);
        if later.is_empty() {
            return bytes.freeze();
        }
        (opcode, rest) = (0, later);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_say_their_length_in_as_few_bytes_as_it_takes() {
        let long = vec![b'x'; 2 * FRAME + 1];
        for (length, heads) in [
            (0, &[&[0x81, 0][..]][..]),
            (125, &[&[0x81, 125]]),
            (126, &[&[0x81, 126, 0, 126]]),
            (FRAME, &[&[0x81, 126, 0x80, 0]]),
            (FRAME + 1, &[&[0x01, 126, 0x80, 0], &[0x80, 1]]),
            (2 * FRAME + 1, &[&[0x01, 126, 0x80, 0], &[0x00, 126, 0x80, 0], &[0x80, 1]]),
        ] {
            let bytes = text(&long[..length]);
            let mut rest = &bytes[..];
            let mut left = length;
            for head in heads {
                let piece = left.min(FRAME);
                assert_eq!(&rest[..head.len()], *head, "{length}");
                rest = &rest[head.len() + piece..];
                left -= piece;
            }
            assert!(rest.is_empty(), "{length}");
        }
    }

    #[test]
    fn close_frames_hold_a_code_and_what_fits_of_a_reason() {
        assert_eq!(&close(1001, "Going away")[..], b"\x88\x0c\x03\xe9Going away");
        assert_eq!(&close(NO_STATUS, "never")[..], b"\x88\0");
        let long = close(1000, &"é".repeat(100));
        assert_eq!((long.len(), long[1]), (2 + 124, 124));
    }
}
