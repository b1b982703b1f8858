//! Passes: texts that allow one thing for a while, made and checked by whoever has the key.

use aws_lc_rs::hmac;

/// The text of a pass: until when it is good, in seconds since 1970, and a proof.
pub fn issue(key: &[u8; 32], purpose: &str, until: i64) -> String {
    format!("{until}.{}", hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &message(purpose, until))))
}

/// Whether a text is a pass for this purpose that is still good.
pub fn is_good(key: &[u8; 32], purpose: &str, text: &str, now: i64) -> bool {
    let Some((until, proof)) = text.trim().split_once('.') else { return false };
    let (Ok(until), Ok(proof)) = (until.parse::<i64>(), hex::decode(proof)) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    now <= until && hmac::verify(&key, &message(purpose, until), &proof).is_ok()
}

fn message(purpose: &str, until: i64) -> Vec<u8> {
    format!("{until}\n{purpose}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_good_for_its_purpose_and_its_time() {
        let key = [7; 32];
        let pass = issue(&key, "explain/abc/prod", 100);
        let (until, proof) = pass.split_once('.').expect("two parts");
        for (key, purpose, text, now, expected) in [
            (key, "explain/abc/prod", &*pass, 100, true),
            (key, "explain/abc/prod", &pass, 101, false),
            (key, "explain/abc/dev", &pass, 50, false),
            ([8; 32], "explain/abc/prod", &pass, 50, false),
            (key, "explain/abc/prod", &format!("200.{proof}"), 150, false),
            (key, "explain/abc/prod", &format!("{until}."), 50, false),
            (key, "explain/abc/prod", until, 50, false),
            (key, "explain/abc/prod", "", 50, false),
        ] {
            assert_eq!(is_good(&key, purpose, text, now), expected, "{purpose} {text} {now}");
        }
    }
}
