//! Reads what a client sends: frames, and the messages that they make.

use bytes::Bytes;

use super::close::{Close, INVALID, PROTOCOL, TOO_BIG, UNSUPPORTED};
use super::header::{self, Header, Opcode};
use super::message::{Message, Partial};

/// What a client may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a frame's payload; AWS's 32 KiB.
    pub frame: usize,
    /// Bytes of a message; AWS's 128 KiB.
    pub message: usize,
    /// Whether binary messages are taken; AWS closes the connection with 1003.
    pub takes_binary: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { frame: 32 * 1024, message: 128 * 1024, takes_binary: false }
    }
}

/// Something that a client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message, whole.
    Message(Message),
    /// A ping, with what its pong has to say.
    Ping(Bytes),
    /// A pong that nobody asked for.
    Pong,
    /// The client closes.
    Close(Close),
}

/// What a client sent can't be, or is not taken: the connection is to be closed with this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The close code.
    pub code: u16,
    /// The words that go with it.
    pub reason: &'static str,
}

impl Failure {
    pub(super) const fn protocol(reason: &'static str) -> Self {
        Self { code: PROTOCOL, reason }
    }

    const INVALID: Self = Self { code: INVALID, reason: "Text is not valid UTF-8" };
}

/// Reads a connection's bytes in whatever pieces they come.
#[derive(Debug, Default)]
pub struct Reader {
    header: header::Partial,
    /// The frame whose payload is coming.
    frame: Option<Frame>,
    /// The message that is coming.
    message: Option<Partial>,
    /// A control frame's payload, as far as it is here.
    control: Vec<u8>,
    /// Frames so far that were no message's last.
    extra: u32,
}

/// A frame whose payload is coming.
#[derive(Debug)]
struct Frame {
    opcode: Opcode,
    is_last: bool,
    left: u64,
    /// The mask, turned so that its first byte is the next one's.
    mask: [u8; 4],
}

impl Reader {
    /// Reads on, up to the next event. Gives how many bytes that took, all of them if nothing happened. The bytes are
    /// unmasked in their place.
    pub fn read(&mut self, bytes: &mut [u8], limits: &Limits) -> Result<(usize, Option<Event>), Failure> {
        let mut used = 0;
        loop {
            if self.frame.is_none() {
                let (taken, header) = self.header.follow(&bytes[used..])?;
                used += taken;
                let Some(header) = header else { return Ok((used, None)) };
                self.begin(header, limits)?;
            }
            used += self.payload(&mut bytes[used..])?;
            match &self.frame {
                Some(Frame { left: 0, .. }) => {}
                _ => return Ok((used, None)),
            }
            if let Some(event) = self.end()? {
                return Ok((used, Some(event)));
            }
        }
    }

    /// Whether nothing of a frame or of a message is here that is not whole.
    pub fn is_idle(&self) -> bool {
        self.header.is_empty() && self.frame.is_none() && self.message.is_none()
    }

    /// How many frames have come since this was asked last that were no message's last: control frames, and pieces.
    pub fn take_extra(&mut self) -> u32 {
        std::mem::take(&mut self.extra)
    }

    /// A frame begins: whether it may, and is not too long, is known before its payload is here.
    fn begin(&mut self, header: Header, limits: &Limits) -> Result<(), Failure> {
        let Header { opcode, is_last, length, mask } = header;
        if !opcode.is_control() {
            match (opcode, &self.message) {
                (Opcode::Continuation, None) => {
                    return Err(Failure::protocol("Continuation of no message"));
                }
                (Opcode::Continuation, Some(_)) => {}
                (_, Some(_)) => return Err(Failure::protocol("Message within another message")),
                (Opcode::Binary, None) if !limits.takes_binary => {
                    return Err(Failure { code: UNSUPPORTED, reason: "Binary messages are not supported" });
                }
                (_, None) => self.message = Some(Partial::new(opcode == Opcode::Binary)),
            }
            let before = self.message.as_ref().map_or(0, Partial::len) as u64;
            if length > limits.frame as u64 {
                return Err(Failure { code: TOO_BIG, reason: "Frame is too long" });
            }
            if before + length > limits.message as u64 {
                return Err(Failure { code: TOO_BIG, reason: "Message is too long" });
            }
        }
        if opcode.is_control() || !is_last {
            self.extra = self.extra.saturating_add(1);
        }
        self.frame = Some(Frame { opcode, is_last, left: length, mask });
        Ok(())
    }

    /// Takes what is here of the frame's payload.
    fn payload(&mut self, bytes: &mut [u8]) -> Result<usize, Failure> {
        let Some(frame) = &mut self.frame else { return Ok(0) };
        let length = usize::try_from(frame.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        if length == 0 {
            return Ok(0);
        }
        let piece = &mut bytes[..length];
        unmask(piece, frame.mask);
        frame.mask.rotate_left(length % 4);
        frame.left -= length as u64;
        if frame.opcode.is_control() {
            self.control.extend_from_slice(piece);
        } else if let Some(message) = &mut self.message {
            message.extend(piece).map_err(|_| Failure::INVALID)?;
        }
        Ok(length)
    }

    /// The frame is whole.
    fn end(&mut self) -> Result<Option<Event>, Failure> {
        let Some(frame) = self.frame.take() else { return Ok(None) };
        Ok(match frame.opcode {
            Opcode::Ping => Some(Event::Ping(std::mem::take(&mut self.control).into())),
            Opcode::Pong => {
                self.control = Vec::new();
                Some(Event::Pong)
            }
            Opcode::Close => Some(Event::Close(Close::read(std::mem::take(&mut self.control).into())?)),
            Opcode::Continuation | Opcode::Text | Opcode::Binary if frame.is_last => {
                let message = self.message.take().map(Partial::finish).transpose().map_err(|_| Failure::INVALID)?;
                message.map(Event::Message)
            }
            Opcode::Continuation | Opcode::Text | Opcode::Binary => None,
        })
    }
}

/// Takes the mask off (RFC 6455, 5.3).
fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = bytes.chunks_exact_mut(8);
    for word in &mut words {
        let value = u64::from_ne_bytes([word[0], word[1], word[2], word[3], word[4], word[5], word[6], word[7]]);
        word.copy_from_slice(&(value ^ wide).to_ne_bytes());
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::super::fuzz::{frame, read_in_pieces};
    use super::*;

    fn message(text: &str) -> Event {
        Event::Message(Message { bytes: Bytes::copy_from_slice(text.as_bytes()), is_binary: false })
    }

    const TEXT: u8 = 0x81;
    const START: u8 = 0x01;
    const MORE: u8 = 0x00;
    const END: u8 = 0x80;
    const BINARY: u8 = 0x82;
    const PING: u8 = 0x89;
    const PONG: u8 = 0x8a;
    const CLOSE: u8 = 0x88;

    /// Frames, by their first byte and their payload; what they say, and the code that the connection ends with.
    type Case<'a> = (&'a str, &'a [(u8, &'a [u8])], &'a [Event], Option<u16>);

    #[test]
    fn frames_become_messages_and_what_is_wrong_becomes_a_close_code() {
        let long = "x".repeat(65);
        let cases: &[Case<'_>] = &[
            ("a message", &[(TEXT, b"hi")], &[message("hi")], None),
            ("an empty one", &[(TEXT, b"")], &[message("")], None),
            ("two", &[(TEXT, b"a"), (TEXT, b"b")], &[message("a"), message("b")], None),
            ("three pieces", &[(START, b"a"), (MORE, b""), (END, b"c")], &[message("ac")], None),
            ("a character in two", &[(START, b"\xc3"), (END, b"\xa9")], &[message("é")], None),
            (
                "a ping between pieces",
                &[(START, b"a"), (PING, b"p"), (END, b"c")],
                &[Event::Ping(Bytes::from_static(b"p")), message("ac")],
                None,
            ),
            ("a pong", &[(PONG, b"p"), (TEXT, b"a")], &[Event::Pong, message("a")], None),
            (
                "a close",
                &[(CLOSE, b"\x03\xe8x"), (TEXT, b"a")],
                &[Event::Close(Close { payload: Bytes::from_static(b"\x03\xe8x"), code: 1000 }), message("a")],
                None,
            ),
            ("a close of one byte", &[(CLOSE, b"\x03")], &[], Some(1002)),
            ("a piece of nothing", &[(MORE, b"a")], &[], Some(1002)),
            ("an end of nothing", &[(TEXT, b"a"), (END, b"a")], &[message("a")], Some(1002)),
            ("a message in another", &[(START, b"a"), (TEXT, b"b")], &[], Some(1002)),
            ("a binary one in another", &[(START, b"a"), (BINARY, b"b")], &[], Some(1002)),
            ("a binary one", &[(BINARY, b"")], &[], Some(1003)),
            ("no UTF-8", &[(TEXT, b"a\xff")], &[], Some(1007)),
            ("half a character", &[(TEXT, b"a\xc3")], &[], Some(1007)),
            ("a frame too long", &[(TEXT, long.as_bytes())], &[], Some(1009)),
            (
                "a message too long",
                &[(START, &long.as_bytes()[..60]), (MORE, &long.as_bytes()[..60]), (END, &long.as_bytes()[..9])],
                &[],
                Some(1009),
            ),
            (
                "as long as it may be",
                &[(START, &long.as_bytes()[..64]), (END, &long.as_bytes()[..64])],
                &[message(&"x".repeat(128))],
                None,
            ),
            ("compressed", &[(0xc1, b"a")], &[], Some(1002)),
        ];
        let limits = Limits { frame: 64, message: 128, takes_binary: false };
        for (what, frames, events, code) in cases {
            let bytes: Vec<u8> = frames.iter().flat_map(|(first, payload)| frame(*first, payload, true)).collect();
            let (read, failure) = read_in_pieces(&bytes, &[], &limits);
            assert_eq!((&read[..], failure.map(|failure| failure.code)), (*events, *code), "{what}");
        }
    }

    #[test]
    fn a_frame_that_is_far_too_long_is_refused_at_its_head() {
        let mut reader = Reader::default();
        let mut head = [TEXT, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
        let failure = reader.read(&mut head, &Limits::default()).expect_err("2^62 bytes are too many");
        assert_eq!(failure.code, 1009);
    }

    #[test]
    fn binary_messages_are_taken_where_they_are_wanted() {
        let limits = Limits { takes_binary: true, ..Limits::default() };
        let (read, failure) = read_in_pieces(&frame(BINARY, b"\xff\0", true), &[], &limits);
        let expected = Message { bytes: Bytes::from_static(b"\xff\0"), is_binary: true };
        assert_eq!((read, failure), (vec![Event::Message(expected)], None));
    }

    #[test]
    fn frames_that_are_no_message_are_counted() {
        let mut reader = Reader::default();
        for (first, payload) in [(PING, "a"), (TEXT, "a"), (START, "a"), (MORE, ""), (END, "b")] {
            let mut bytes = frame(first, payload.as_bytes(), true);
            reader.read(&mut bytes, &Limits::default()).expect("frames");
        }
        assert_eq!((reader.take_extra(), reader.take_extra(), reader.is_idle()), (3, 0, true));
    }
}
