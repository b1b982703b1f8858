//! The values of API keys: chosen or made, kept sealed, and what is told where one can't be read.

use rand::Rng;

use super::Target;
use crate::control::wire::Error;
use crate::model::id::ApiKeyId;
use crate::model::rest::ApiKey;

/// A value has at most so many characters.
const MAX_VALUE: usize = 128;
/// A value that is made here has so many.
const MADE_VALUE: usize = 40;

impl Target<'_> {
    /// A key's value, if this cluster has sealed it.
    pub(super) fn value(&self, key: &ApiKey) -> Option<String> {
        self.control.catalog.unseal_value(&key.value)
    }
}

/// What is told instead of a value that can't be opened.
pub(super) fn unreadable(key: &ApiKeyId) -> String {
    format!(
        "The value of API Key {key} can't be read: the secret of another cluster sealed it, whose backup was restored \
         here. Run the nodes with that secret, or replace the key."
    )
}

/// A value as its caller chose it: something that fits into a header field.
pub(super) fn checked_value(value: String, least: usize) -> Result<String, Error> {
    let length = value.chars().count();
    if length < least {
        return Err(Error::bad_request(format!("API Key value should be at least {least} characters")));
    }
    if length > MAX_VALUE {
        return Err(Error::bad_request(format!("API Key value exceeds maximum size of {MAX_VALUE} characters")));
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::bad_request("API Key value may only have visible ASCII characters, and no spaces"));
    }
    Ok(value)
}

/// A value that nobody can guess.
pub(super) fn make_value() -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = rand::rng();
    (0..MADE_VALUE).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bounded_and_made_ones_are_legal() {
        let short = "API Key value should be at least 20 characters";
        let long = "API Key value exceeds maximum size of 128 characters";
        let message = |result| match result {
            Err(Error::Told { message, .. }) => message,
            other => panic!("expected a refusal, got {other:?}"),
        };
        for (value, expected) in [("x".repeat(19), short), ("x".repeat(129), long)] {
            assert_eq!(message(checked_value(value, 20)), expected);
        }
        assert!(checked_value("with a space in the middle".to_owned(), 20).is_err());
        let made = make_value();
        assert!(made.len() == 40 && made.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(checked_value(made, 20).is_ok());
    }
}
