//! JSON Web Tokens as far as they can be read without anybody's key. Nothing of this proves who sent one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Map, Value};

/// A token has at most so many bytes: more does not fit into a request's header fields.
const MAX_BYTES: usize = 16 * 1024;

/// What a token says of itself, true or not.
#[derive(Debug)]
pub struct Unverified {
    algorithm: String,
    claims: Map<String, Value>,
}

/// A text is not a signed token at all.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the token is not a signed JSON Web Token")]
pub struct Malformed;

impl Unverified {
    /// Reads a token: header, claims and signature in base64url, with dots between them (RFC 7515, 3.1).
    pub fn read(token: &str) -> Result<Self, Malformed> {
        let parts: Vec<&str> = token.splitn(4, '.').collect();
        let [header, claims, signature] = parts.as_slice() else { return Err(Malformed) };
        if token.len() > MAX_BYTES || signature.is_empty() || BASE64.decode(signature).is_err() {
            return Err(Malformed);
        }
        let algorithm = object(header)?.get("alg").and_then(Value::as_str).ok_or(Malformed)?.to_owned();
        Ok(Self { algorithm, claims: object(claims)? })
    }

    /// How it is signed.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// A claim that is a text.
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// Whom it is for: one or several names.
    pub fn audience(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether it has ended at `now`, in seconds since 1970; one without an end has.
    pub fn has_expired(&self, now: i64) -> bool {
        let end = self.claims.get("exp").and_then(Value::as_f64);
        end.is_none_or(|end| end <= now as f64)
    }
}

fn object(part: &str) -> Result<Map<String, Value>, Malformed> {
    let bytes = BASE64.decode(part).map_err(|_| Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str, signature: &str) -> String {
        format!("{}.{}.{signature}", BASE64.encode(header), BASE64.encode(claims))
    }

    #[test]
    fn tokens_are_told_from_other_texts() {
        let header = r#"{"alg":"RS256","kid":"k"}"#;
        for (text, expected) in [
            (token(header, "{}", "c2ln"), true),
            (token(header, "{}", ""), false),
            (token(header, "{}", "not base64url!"), false),
            (token(header, "[]", "c2ln"), false),
            (token("{}", "{}", "c2ln"), false),
            (token(header, "{", "c2ln"), false),
            (token(header, "{}", "c2ln.c2ln"), false),
            (token(header, &" ".repeat(MAX_BYTES), "c2ln"), false),
            ("allow".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(Unverified::read(&text).is_ok(), expected, "{text:.80}");
        }
    }

    #[test]
    fn claims_are_read() {
        for (claims, expired, audience) in [
            (r#"{"exp": 100, "aud": "a"}"#, true, vec!["a"]),
            (r#"{"exp": 101, "aud": ["a", "b"]}"#, false, vec!["a", "b"]),
            (r#"{"exp": 100.5}"#, false, vec![]),
            (r#"{"exp": "101"}"#, true, vec![]),
            ("{}", true, vec![]),
        ] {
            let read = Unverified::read(&token(r#"{"alg":"RS256"}"#, claims, "c2ln")).expect("a token");
            assert_eq!((read.has_expired(100), read.audience()), (expired, audience), "{claims}");
        }
    }
}
