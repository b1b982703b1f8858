//! A message while it comes: its frames' payloads put together, and a text's UTF-8 checked as far as it is here.

use bytes::Bytes;

/// A message that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it says; of a text, valid UTF-8.
    pub bytes: Bytes,
    /// Whether it is binary.
    pub is_binary: bool,
}

/// A message of which the last frame's end is not here yet.
#[derive(Debug)]
pub(super) struct Partial {
    bytes: Vec<u8>,
    is_binary: bool,
    /// So many bytes at the start are known to be UTF-8.
    valid: usize,
}

/// A text is no UTF-8, and nothing that could come would make it that.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invalid;

impl Partial {
    pub(super) fn new(is_binary: bool) -> Self {
        Self { bytes: Vec::new(), is_binary, valid: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a piece.
    pub(super) fn extend(&mut self, piece: &[u8]) -> Result<(), Invalid> {
        if self.bytes.is_empty() {
            // Most messages come whole: no byte too many is taken for them then.
            self.bytes.reserve_exact(piece.len());
        }
        self.bytes.extend_from_slice(piece);
        if self.is_binary {
            return Ok(());
        }
        match std::str::from_utf8(&self.bytes[self.valid..]) {
            Ok(_) => self.valid = self.bytes.len(),
            // The start of a character at the end, of which the rest may come.
            Err(error) if error.error_len().is_none() => self.valid += error.valid_up_to(),
            Err(_) => return Err(Invalid),
        }
        Ok(())
    }

    /// The message, of which this was the last.
    pub(super) fn finish(self) -> Result<Message, Invalid> {
        if !self.is_binary && self.valid < self.bytes.len() {
            return Err(Invalid);
        }
        Ok(Message { bytes: self.bytes.into(), is_binary: self.is_binary })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_refused_at_the_first_byte_that_can_be_none_of_one() {
        for (text, expected) in [
            (&b"h\xc3\xa9 \xf0\x9f\x98\x80"[..], Ok(())),
            (b"", Ok(())),
            (b"\xf4\x8f\xbf\xbf", Ok(())),
            (b"\xef\xbf\xbf", Ok(())),
            // How many bytes are taken before it is known.
            (b"abc\xffd", Err(3)),
            (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80", Err(12)),
            (b"\xed\xa0\x80", Err(1)),
            (b"\xc0\x80", Err(0)),
            (b"\xe0\x80\x80", Err(1)),
            (b"\xf5", Err(0)),
            (b"\x80", Err(0)),
            // Only its end tells.
            (b"ab\xe2\x82", Err(4)),
        ] {
            let mut partial = Partial::new(false);
            let fault = text.iter().position(|byte| partial.extend(&[*byte]).is_err());
            let result = match fault {
                Some(at) => Err(at),
                None => partial.finish().map(drop).map_err(|_| text.len()),
            };
            assert_eq!(result, expected, "{text:02x?}");
            let mut binary = Partial::new(true);
            assert_eq!(binary.extend(text), Ok(()));
            assert_eq!(binary.finish().map(|message| message.bytes), Ok(Bytes::copy_from_slice(text)));
        }
    }
}
