//! Join tokens: a text that lets one node without the cluster's secret in, once, for a while.
//!
//! A token holds the certificate of the cluster's authority, so that its holder knows the cluster's nodes from others,
//! and a certificate with its key by which the nodes know the holder. That opens the door to one question alone: what
//! the secret is. [`admission`](crate::admission) answers it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::clock::Clock;
use crate::codec;
use crate::config::Secret;
use crate::network::{Authority, Leaf, Papers, Ticket, TlsError};

/// A token is valid for at most so long.
pub const MAX_VALIDITY: Duration = Duration::from_secs(24 * 60 * 60);
/// What every token begins with; another form of it would have another number.
const PREFIX: &str = "tpj1.";
/// No token is longer than this.
const MAX_TEXT: usize = 4096;

/// Lets one node into a cluster whose secret it does not know. Whoever has it can get in: it is a secret itself.
#[derive(Clone, PartialEq)]
pub struct JoinToken(Contents);

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Contents {
    ticket: Ticket,
    authority: ByteBuf,
    certificate: ByteBuf,
    key: ByteBuf,
}

/// There is no such token.
#[derive(Debug, thiserror::Error)]
pub enum JoinTokenError {
    /// The text is none.
    #[error("this is not a join token; a whole one begins with {PREFIX} and has no spaces in it")]
    Malformed,
    /// It would be valid for too long.
    #[error("a join token is valid for at most {} hours", MAX_VALIDITY.as_secs() / 3600)]
    TooLong,
    /// Its certificate can't be made, or used.
    #[error("can't make or use a join token's certificate")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl JoinToken {
    pub(crate) fn make(secret: &Secret, clock: &Clock, valid: Duration) -> Result<Self, JoinTokenError> {
        if valid > MAX_VALIDITY {
            return Err(JoinTokenError::TooLong);
        }
        let authority = Authority::new(secret, clock.clone())?;
        let ticket = Ticket { id: rand::random(), expires: clock.seconds() + valid.as_secs() };
        let Leaf { certificate, key } = authority.vouch_for(ticket)?;
        Ok(Self(Contents {
            ticket,
            authority: ByteBuf::from(authority.certificate().to_vec()),
            certificate: ByteBuf::from(certificate.to_vec()),
            key: ByteBuf::from(key.secret_pkcs8_der()),
        }))
    }

    /// The token as it is given to the node that is to join.
    pub fn text(&self) -> String {
        let mut bytes = codec::encode(&self.0).unwrap_or_default();
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// When it can't be used any more, in seconds since 1970.
    pub fn expires(&self) -> u64 {
        self.0.ticket.expires
    }

    /// What its holder shows to the members.
    pub(crate) fn papers(&self, clock: Clock) -> Result<Papers, JoinTokenError> {
        let Contents { ticket, authority, certificate, key } = self.0.clone();
        let leaf = Leaf {
            certificate: CertificateDer::from(certificate.into_vec()),
            key: PrivatePkcs8KeyDer::from(key.into_vec()),
        };
        Ok(Papers::of_ticket(ticket, CertificateDer::from(authority.into_vec()), &leaf, clock)?)
    }
}

impl FromStr for JoinToken {
    type Err = JoinTokenError;

    fn from_str(text: &str) -> Result<Self, JoinTokenError> {
        let read = |text: &str| {
            let text = text.trim().strip_prefix(PREFIX).filter(|text| text.len() <= MAX_TEXT)?;
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let (contents, checksum) = bytes.split_last_chunk::<4>()?;
            if crc32fast::hash(contents).to_le_bytes() != *checksum {
                return None;
            }
            codec::decode(contents).ok()
        };
        read(text).map(Self).ok_or(JoinTokenError::Malformed)
    }
}

impl From<TlsError> for JoinTokenError {
    fn from(error: TlsError) -> Self {
        Self::Certificate(Box::new(error))
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn token() -> JoinToken {
        let secret = Secret::new("0123456789abcdef").expect("long enough");
        let clock = Clock::set_by(|| UNIX_EPOCH + Duration::from_secs(1_000_000_000));
        JoinToken::make(&secret, &clock, Duration::from_secs(60)).expect("a token")
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let token = token();
        assert_eq!(token.expires(), 1_000_000_060);
        let text = token.text();
        assert!(text.len() < 1500 && text.starts_with("tpj1."), "{}", text.len());
        assert!(format!("\n {text}\n").parse::<JoinToken>().is_ok_and(|read| read == token));
        assert!(token.papers(Clock::system()).is_ok());
    }

    #[test]
    fn what_is_no_whole_token_is_none() {
        let text = token().text();
        let longer = format!("{text}A");
        let other = text.replace("tpj1.", "tpj2.");
        let huge = format!("tpj1.{}", "A".repeat(1_000_000));
        for text in ["", "tpj1.", "tpj1.AAAA", &text[..text.len() - 1], &text[1..], &longer, &other, &huge] {
            assert!(matches!(text.parse::<JoinToken>(), Err(JoinTokenError::Malformed)), "{text:.20}");
        }
        for at in (5..text.len()).step_by(text.len() / 50) {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("text");
            assert!(changed.parse::<JoinToken>().is_err(), "changed at {at}");
        }
    }

    #[test]
    fn a_token_is_not_told_by_chance_nor_made_for_ever() {
        assert_eq!(format!("{:?}", token()), "JoinToken(…)");
        let secret = Secret::new("0123456789abcdef").expect("long enough");
        let too_long = JoinToken::make(&secret, &Clock::system(), MAX_VALIDITY + Duration::from_secs(1));
        assert!(matches!(too_long, Err(JoinTokenError::TooLong)));
    }
}
