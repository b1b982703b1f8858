//! Compressed bodies at random: what they inflate to is never longer than it may be, and the same whatever that is.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::compression::{Coding, inflated};
use crate::fuzz::{Dice, Target};

const WORDS: &[&str] =
    &["\x1f", "\0", "\0\0\0\0", "\u{8}", "x", "\u{1}", "\u{2}", "aaaaaaaaaaaaaaaa", "\u{3}\0", "\n", "name\0"];

fn deflated(body: &[u8], coding: Coding, level: u32) -> Vec<u8> {
    let level = Compression::new(level);
    let written = match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            encoder.write_all(body).and_then(|()| encoder.finish())
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(body).and_then(|()| encoder.finish())
        }
    };
    written.expect("memory takes all that is written to it")
}

/// A body, compressed; a large one of the same signs now and then.
fn grammar(dice: &mut Dice) -> Vec<u8> {
    let body = match dice.below(4) {
        0 => "\0".repeat(dice.below(200_000)),
        1 => dice.json(5, &["a", "name", "é"]),
        _ => dice.several(60, "", |dice| dice.word(&["a", "b", "text ", "\0", "é", "abcabcabc"]).to_owned()),
    };
    let coding = *dice.one(&[Coding::Gzip, Coding::Deflate]);
    deflated(body.as_bytes(), coding, dice.below(10) as u32)
}

fn check(bytes: &[u8]) {
    for coding in [Coding::Gzip, Coding::Deflate] {
        let mut whole = None;
        for limit in [1_000_000, 65_536, 1000, 0] {
            match inflated(bytes, coding, limit) {
                Ok(body) => {
                    assert!(body.len() as u64 <= limit, "{} bytes, and not {limit}", body.len());
                    let before = whole.get_or_insert_with(|| body.clone());
                    assert!(*before == body, "a smaller limit makes another body");
                }
                Err(refusal) if refusal.status.as_u16() == 413 => {
                    let fits = whole.as_ref().is_some_and(|body| body.len() as u64 <= limit);
                    assert!(!fits, "it is not larger than {limit}");
                }
                Err(refusal) => {
                    assert_eq!(refusal.status.as_u16(), 415);
                    assert!(whole.is_none(), "a smaller limit makes another error");
                }
            }
        }
        let short = deflated(bytes, coding, 1);
        let length = bytes.len() as u64;
        assert_eq!(inflated(&short, coding, length).ok().as_deref(), Some(bytes), "it is another body");
        if length > 0 {
            let refused = inflated(&short, coding, length - 1).err().map(|refusal| refusal.status.as_u16());
            assert_eq!(refused, Some(413));
        }
        // What is cut off is refused, wherever.
        let cut = bytes.iter().fold(0, |sum, byte| sum + usize::from(*byte)) % short.len();
        let refused = inflated(&short[..cut], coding, length).err().map(|refusal| refusal.status.as_u16());
        assert_eq!(refused, Some(415), "{cut} of {} bytes", short.len());
    }
}

#[test]
fn inflating() {
    Target { name: "inflating", cases: 1000, words: WORDS, grammar, check }.run();
}
