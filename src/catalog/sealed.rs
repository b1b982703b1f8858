//! A secret at rest: locked with a key that only the cluster's nodes can derive, so that a copy of the store
//! gives nothing away.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// A locked secret: nonce and AES-256-GCM ciphertext, in base64.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sealed {
    nonce: String,
    ciphertext: String,
}

impl Sealed {
    pub(super) fn lock(key: &[u8; 32], secret: &[u8]) -> Self {
        let sealed = lock(key, secret);
        let (nonce, text) = sealed.split_at(NONCE_LEN);
        Self { nonce: BASE64.encode(nonce), ciphertext: BASE64.encode(text) }
    }

    pub(super) fn open(&self, key: &[u8; 32]) -> Option<Vec<u8>> {
        let sealed = [BASE64.decode(&self.nonce).ok()?, BASE64.decode(&self.ciphertext).ok()?].concat();
        open(key, &sealed)
    }
}

/// Locks a secret: nonce and AES-256-GCM ciphertext, as bytes.
pub(super) fn lock(key: &[u8; 32], secret: &[u8]) -> Vec<u8> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).expect("an AES-256 key has 32 bytes");
    let mut text = secret.to_vec();
    let nonce =
        key.seal_in_place_append_tag(Aad::empty(), &mut text).expect("a secret is far smaller than the cipher's limit");
    [&nonce.as_ref()[..], &text].concat()
}

/// Opens what [`lock`] has locked with this key.
pub(super) fn open(key: &[u8; 32], sealed: &[u8]) -> Option<Vec<u8>> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).ok()?;
    let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut text = text.to_vec();
    let secret = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut text).ok()?;
    Some(secret.to_vec())
}

/// A fingerprint has so many bytes of the hash: two secrets that share one will not come up.
const FINGERPRINT: usize = 16;

/// What a secret can be found by, but not guessed from: the beginning of its HMAC-SHA-256, in letters that keys may have.
pub(super) fn fingerprint(key: &[u8; 32], secret: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), secret);
    URL_SAFE_NO_PAD.encode(&tag.as_ref()[..FINGERPRINT])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_of_one_secret_under_one_key() {
        let of = |key, secret: &str| fingerprint(&[key; 32], secret.as_bytes());
        assert_eq!(of(1, "secret"), of(1, "secret"));
        assert_eq!(of(1, "secret").len(), 22);
        assert_ne!(of(1, "secret"), of(2, "secret"));
        assert_ne!(of(1, "secret"), of(1, "Secret"));
    }

    #[test]
    fn only_the_key_that_locked_a_secret_opens_it() {
        let sealed = Sealed::lock(&[1; 32], b"secret");
        assert_eq!(sealed.open(&[1; 32]).as_deref(), Some(&b"secret"[..]));
        assert_eq!(sealed.open(&[2; 32]), None);
        assert!(!format!("{sealed:?}").contains("secret\""));
        let bytes = lock(&[1; 32], b"secret");
        assert_eq!(open(&[1; 32], &bytes).as_deref(), Some(&b"secret"[..]));
        for damaged in [&bytes[1..], &bytes[..bytes.len() - 1], &bytes[..5], b""] {
            assert_eq!(open(&[1; 32], damaged), None);
        }
    }
}
