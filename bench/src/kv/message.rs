//! Protocol buffers in gRPC's envelope, for messages whose fields are bytes.

use anyhow::Context as _;

/// `PutRequest.key` and `RangeRequest.key`.
pub(super) const KEY: u8 = 1;
/// `PutRequest.value`.
pub(super) const VALUE: u8 = 2;
/// `RangeResponse.kvs`.
pub(super) const FOUND: u8 = 2;
/// `KeyValue.value`.
pub(super) const FOUND_VALUE: u8 = 5;

/// In front of a message: a byte that says that it is not compressed, and its length.
const ENVELOPE: usize = 5;

/// A message of these fields, in its envelope.
pub(super) fn encode(parts: &[(u8, &[u8])]) -> Vec<u8> {
    envelope(&fields(parts))
}

/// Puts a message in its envelope.
pub(super) fn envelope(message: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    out.extend((message.len() as u32).to_be_bytes());
    out.extend(message);
    out
}

/// A message of these fields.
pub(super) fn fields(parts: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, bytes) in parts {
        out.push(number << 3 | 2);
        let mut length = bytes.len();
        while length >= 0x80 {
            out.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend(*bytes);
    }
    out
}

/// Takes a message out of its envelope.
pub(super) fn open(body: &[u8]) -> anyhow::Result<&[u8]> {
    let (head, message) = body.split_at_checked(ENVELOPE).context("no message")?;
    anyhow::ensure!(head[0] == 0 && head[1..] == (message.len() as u32).to_be_bytes(), "a message in another envelope");
    Ok(message)
}

/// The first field of bytes with this number.
pub(super) fn field(mut message: &[u8], number: u8) -> anyhow::Result<Option<&[u8]>> {
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let value = varint(&mut message)?;
        match tag & 7 {
            0 => {}
            2 => {
                let (bytes, rest) = message.split_at_checked(usize::try_from(value)?).context("a field is cut off")?;
                if tag >> 3 == u64::from(number) {
                    return Ok(Some(bytes));
                }
                message = rest;
            }
            other => anyhow::bail!("a field of the type {other}"),
        }
    }
    Ok(None)
}

fn varint(message: &mut &[u8]) -> anyhow::Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first().context("a number is cut off")?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    anyhow::bail!("a number is too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_numbers_and_other_fields() {
        let mut message = vec![3 << 3, 0x96, 0x01];
        message.extend(fields(&[(1, b"one"), (2, &[9; 200])]));
        assert_eq!(field(&message, 2).expect("well-formed"), Some(&[9; 200][..]));
        assert_eq!(field(&message, 4).expect("well-formed"), None);
        assert!(field(&message[..message.len() - 1], 2).is_err());
        assert!(field(&[0xff; 12], 2).is_err());
    }
}
