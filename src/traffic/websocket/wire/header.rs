//! The head of a frame (RFC 6455, 5.2), read byte by byte: what is wrong with it is found where it stands.

use super::close::PROTOCOL;
use super::reader::Failure;

/// Bytes that a head has at most: two, a length of eight, a mask.
const LONGEST: usize = 14;
/// Bytes that a control frame's payload has at most (RFC 6455, 5.5).
pub(super) const CONTROL: u64 = 125;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn of(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A frame's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    pub(super) is_last: bool,
    pub(super) length: u64,
    pub(super) mask: [u8; 4],
}

/// A head of which a part is here.
#[derive(Debug, Default)]
pub(super) struct Partial {
    bytes: [u8; LONGEST],
    here: u8,
}

impl Partial {
    /// Whether nothing of a head is here.
    pub(super) fn is_empty(&self) -> bool {
        self.here == 0
    }

    /// Takes of `bytes` what belongs to the head. Gives how many these are, and the head when it is whole.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<(usize, Option<Header>), Failure> {
        let mut used = 0;
        while used < bytes.len() {
            self.bytes[usize::from(self.here)] = bytes[used];
            self.here += 1;
            used += 1;
            match self.here {
                1 => drop(first(self.bytes[0])?),
                2 => second(self.bytes[0], self.bytes[1])?,
                _ => {}
            }
            if self.here >= 2 && usize::from(self.here) == self.length() {
                let header = self.whole()?;
                self.here = 0;
                return Ok((used, Some(header)));
            }
        }
        Ok((used, None))
    }

    /// How long the head is, as its second byte says.
    fn length(&self) -> usize {
        match self.bytes[1] & 0x7f {
            126 => 8,
            127 => 14,
            _ => 6,
        }
    }

    fn whole(&self) -> Result<Header, Failure> {
        let (opcode, is_last) = first(self.bytes[0])?;
        let end = self.length() - 4;
        let length = match &self.bytes[2..end] {
            [] => u64::from(self.bytes[1] & 0x7f),
            // A length may be said in more bytes than it needs: RFC 6455 forbids it and most readers, all of the test
            // suites among them, don't mind.
            digits => digits.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        if length >> 63 != 0 {
            return Err(Failure { code: PROTOCOL, reason: "Frame length with its highest bit set" });
        }
        let [.., a, b, c, d] = self.bytes[..end + 4] else { return Err(Failure::protocol("Frame without a mask")) };
        Ok(Header { opcode, is_last, length, mask: [a, b, c, d] })
    }
}

/// What the first byte says.
fn first(byte: u8) -> Result<(Opcode, bool), Failure> {
    if byte & 0x70 != 0 {
        return Err(Failure::protocol("Reserved bits are set"));
    }
    let opcode = Opcode::of(byte & 0x0f).ok_or(Failure::protocol("Unknown opcode"))?;
    let is_last = byte & 0x80 != 0;
    if opcode.is_control() && !is_last {
        return Err(Failure::protocol("Fragmented control frame"));
    }
    Ok((opcode, is_last))
}

/// What is wrong with the second byte.
fn second(first: u8, byte: u8) -> Result<(), Failure> {
    if byte & 0x80 == 0 {
        return Err(Failure::protocol("Frame is not masked"));
    }
    if first & 0x08 != 0 && u64::from(byte & 0x7f) > CONTROL {
        return Err(Failure::protocol("Control frame is too long"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a head that comes in two pieces, whichever these are.
    fn read(bytes: &[u8]) -> Result<Option<Header>, &'static str> {
        let cut = |at: usize| {
            let mut partial = Partial::default();
            let (used, header) = partial.follow(&bytes[..at])?;
            match header {
                Some(header) => Ok((used, Some(header))),
                None => partial.follow(&bytes[at..]).map(|(used, header)| (at + used, header)),
            }
        };
        let whole = cut(0);
        for at in 1..bytes.len() {
            assert_eq!(cut(at), whole, "{bytes:02x?} at {at}");
        }
        whole.map(|(_, header)| header).map_err(|failure| failure.reason)
    }

    #[test]
    fn heads_are_read_in_any_pieces() {
        let header = |opcode, is_last, length| Ok(Some(Header { opcode, is_last, length, mask: [1, 2, 3, 4] }));
        for (bytes, expected) in [
            (&[0x81, 0x85, 1, 2, 3, 4, 99][..], header(Opcode::Text, true, 5)),
            (&[0x02, 0x80, 1, 2, 3, 4], header(Opcode::Binary, false, 0)),
            (&[0x80, 0xfd, 1, 2, 3, 4], header(Opcode::Continuation, true, 125)),
            (&[0x81, 0xfe, 0, 5, 1, 2, 3, 4], header(Opcode::Text, true, 5)),
            (&[0x81, 0xfe, 0x80, 1, 1, 2, 3, 4], header(Opcode::Text, true, 32_769)),
            (&[0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4], header(Opcode::Text, true, 65_536)),
            (&[0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], header(Opcode::Text, true, 1 << 62)),
            (&[0x89, 0xfd, 1, 2, 3, 4], header(Opcode::Ping, true, 125)),
            (&[0x81, 0x85, 1, 2, 3], Ok(None)),
            (&[], Ok(None)),
            (&[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], Err("Frame length with its highest bit set")),
            (&[0xc1], Err("Reserved bits are set")),
            (&[0xa1], Err("Reserved bits are set")),
            (&[0x91], Err("Reserved bits are set")),
            (&[0x83], Err("Unknown opcode")),
            (&[0x87], Err("Unknown opcode")),
            (&[0x8b], Err("Unknown opcode")),
            (&[0x8f], Err("Unknown opcode")),
            (&[0x09], Err("Fragmented control frame")),
            (&[0x81, 0x05], Err("Frame is not masked")),
            (&[0x89, 0xfe], Err("Control frame is too long")),
            (&[0x88, 0xff], Err("Control frame is too long")),
        ] {
            assert_eq!(read(bytes), expected, "{bytes:02x?}");
        }
    }
}
