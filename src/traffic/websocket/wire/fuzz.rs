//! Frames at random: they say the same in whatever pieces they come, and nothing that is not allowed gets through.

use super::{Event, Failure, Limits, Reader};
use crate::fuzz::{Dice, Target};

const WORDS: &[&str] = &[
    "\u{1}",
    "\u{2}",
    "\0",
    "\0\0\0\0",
    "\u{8}",
    "\u{9}",
    "~",
    "~\0~",
    "\u{7f}",
    "\u{7f}\0\0\0\0\0\u{1}\0\0",
    "é",
    "😀",
    "text",
    "\u{3}",
];

/// A frame of a client: its first byte, its payload, and whether its length is said as short as it can be.
pub(super) fn frame(first: u8, payload: &[u8], is_short: bool) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let mut bytes = vec![first];
    match payload.len() {
        length if length < 126 && is_short => bytes.push(0x80 | length as u8),
        length if length < 65_536 && is_short => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// Reads bytes that come in pieces of these lengths, over and over; whole, if there are none.
pub(super) fn read_in_pieces(bytes: &[u8], pieces: &[usize], limits: &Limits) -> (Vec<Event>, Option<Failure>) {
    let mut reader = Reader::default();
    let mut bytes = bytes.to_vec();
    let mut rest = &mut bytes[..];
    let mut events = Vec::new();
    let mut lengths = pieces.iter().cycle();
    while !rest.is_empty() {
        let length = lengths.next().map_or(rest.len(), |length| (*length).clamp(1, rest.len()));
        let (piece, later) = std::mem::take(&mut rest).split_at_mut(length);
        let mut at = 0;
        while at < piece.len() {
            match reader.read(&mut piece[at..], limits) {
                Ok((used, event)) => {
                    assert!(used > 0, "no byte is read");
                    assert!(event.is_some() || at + used == piece.len(), "it stops without an event");
                    at += used;
                    events.extend(event);
                }
                Err(failure) => return (events, Some(failure)),
            }
        }
        rest = later;
    }
    (events, None)
}

/// Frames that are nearly right.
fn grammar(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..=dice.below(8) {
        let first = if dice.chance(12) {
            dice.below(256) as u8
        } else {
            *dice.one(&[0x81, 0x81, 0x01, 0x01, 0x00, 0x00, 0x80, 0x82, 0x02, 0x89, 0x8a, 0x88])
        };
        let payload = match dice.below(6) {
            0 => "x".repeat(dice.below(400)),
            1 => "é".repeat(dice.below(70)),
            _ => dice.several(6, "", |dice| dice.word(&["a", "é", "😀", "\0", "{\"action\":1}"]).to_owned()),
        };
        let mut payload = payload.into_bytes();
        if dice.chance(4) {
            // In the middle of a character, perhaps; and there the next one begins.
            payload.truncate(dice.below(payload.len() + 1));
        }
        if first == 0x88 {
            payload.truncate(100);
            let code = dice.one(&[1000_u16, 1001, 1005, 1006, 3000, 4999, 5000, 0]).to_be_bytes();
            payload.splice(0..0, code);
        }
        let is_short = !dice.chance(8);
        bytes.extend(frame(first, &payload, is_short));
    }
    bytes
}

fn check(bytes: &[u8]) {
    for limits in [
        Limits { frame: 200, message: 300, takes_binary: false },
        Limits { frame: 1 << 20, message: 1 << 20, takes_binary: true },
    ] {
        let whole = read_in_pieces(bytes, &[], &limits);
        let sum = bytes.iter().fold(0, |sum, byte| sum + usize::from(*byte));
        for pieces in [&[1][..], &[2], &[1 + sum % 13, 1 + sum % 7], &[1 + sum % 130]] {
            assert_eq!(read_in_pieces(bytes, pieces, &limits), whole, "in pieces of {pieces:?}");
        }
        for event in &whole.0 {
            match event {
                Event::Message(message) => {
                    assert!(message.bytes.len() <= limits.message, "it is too long");
                    assert!(!message.is_binary || limits.takes_binary, "it is binary");
                    assert!(message.is_binary || std::str::from_utf8(&message.bytes).is_ok(), "it is no UTF-8");
                }
                Event::Ping(payload) => assert!(payload.len() <= 125),
                Event::Close(close) => {
                    assert!(close.payload.len() <= 125);
                    assert_eq!(close.payload.len() > 2, !close.reason().is_empty(), "a reason is lost");
                }
                Event::Pong => {}
            }
        }
        if let Some(failure) = whole.1 {
            assert!(matches!(failure.code, 1002 | 1003 | 1007 | 1009), "{failure:?}");
        }
    }
}

#[test]
fn reading_frames() {
    Target { name: "frames", cases: 2000, words: WORDS, grammar, check }.run();
}
