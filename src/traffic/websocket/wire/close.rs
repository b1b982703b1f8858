//! Close codes and reasons (RFC 6455, 5.5.1 and 7.4).

use bytes::Bytes;

use super::reader::Failure;

/// The purpose of the connection is fulfilled.
pub const NORMAL: u16 = 1000;
/// A side ends, for a reason that has nothing to do with the other.
pub const GOING_AWAY: u16 = 1001;
/// The other side broke the protocol.
pub(super) const PROTOCOL: u16 = 1002;
/// Data of a kind that is not taken.
pub(super) const UNSUPPORTED: u16 = 1003;
/// A close frame had no code. Never sent.
pub const NO_STATUS: u16 = 1005;
/// There was no close frame. Never sent.
pub const ABNORMAL: u16 = 1006;
/// A text that is no UTF-8.
pub(super) const INVALID: u16 = 1007;
/// A frame or a message that is too long.
pub(super) const TOO_BIG: u16 = 1009;

/// What a close frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// The whole payload, as it is echoed.
    pub payload: Bytes,
    /// The code; [`NO_STATUS`], if there is none.
    pub code: u16,
}

impl Close {
    pub(super) fn read(payload: Bytes) -> Result<Self, Failure> {
        let code = match *payload {
            [] => NO_STATUS,
            [_] => return Err(Failure { code: PROTOCOL, reason: "Close frame with half a status code" }),
            [first, second, ..] => u16::from_be_bytes([first, second]),
        };
        if code != NO_STATUS || !payload.is_empty() {
            if !is_sent(code) {
                return Err(Failure { code: PROTOCOL, reason: "Invalid close status code" });
            }
            if std::str::from_utf8(&payload[2..]).is_err() {
                return Err(Failure { code: INVALID, reason: "Close reason is not valid UTF-8" });
            }
        }
        Ok(Self { payload, code })
    }

    /// The reason.
    pub fn reason(&self) -> &str {
        self.payload.get(2..).and_then(|reason| std::str::from_utf8(reason).ok()).unwrap_or_default()
    }
}

/// Whether a code may stand in a close frame: those of IANA's registry that may, and those for libraries and
/// applications (RFC 6455, 7.4.2).
fn is_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_frames_say_a_code_that_may_be_sent_and_a_reason() {
        for (payload, expected) in [
            (&b""[..], Ok((NO_STATUS, ""))),
            (b"\x03\xe8", Ok((1000, ""))),
            (b"\x03\xe8bye \xc3\xa9", Ok((1000, "bye é"))),
            (b"\x03\xf6", Ok((1014, ""))),
            (b"\x0b\xb8", Ok((3000, ""))),
            (b"\x13\x87", Ok((4999, ""))),
            (b"\x03", Err(1002)),
            (b"\0\0", Err(1002)),
            (b"\x03\xe7", Err(1002)),
            (b"\x03\xec", Err(1002)),
            (b"\x03\xed", Err(1002)),
            (b"\x03\xee", Err(1002)),
            (b"\x03\xf7", Err(1002)),
            (b"\x0b\xb7", Err(1002)),
            (b"\x13\x88", Err(1002)),
            (b"\xff\xff", Err(1002)),
            (b"\x03\xe8\xff", Err(1007)),
            (b"\x03\xe8\xc3", Err(1007)),
        ] {
            let close = Close::read(Bytes::from_static(payload));
            let close = close.as_ref().map(|close| (close.code, close.reason())).map_err(|failure| failure.code);
            assert_eq!(close, expected, "{payload:?}");
        }
    }
}
