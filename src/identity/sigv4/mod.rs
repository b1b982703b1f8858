//! AWS Signature Version 4: made by our own clients, checked by our servers.
//!
//! Pure: the time is a parameter, secrets come from the caller. Source: "Signature Version 4 signing process", and the
//! public vectors under `tests/vectors/aws-sigv4`.

mod canonical;
mod signing;

use std::fmt::{self, Write};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::ConstantTimeEq;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use canonical::{canonical, decoded_query};
use signing::signature;

pub use canonical::Paths;
pub use signing::{Signer, SigningKey, presign, sign};

/// The one algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// A presigned request may be used for so many seconds at most: a week.
const MAX_EXPIRES: i64 = 604_800;
const STAMP: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// A service that checks signatures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    /// The name that a signature must be scoped to.
    pub name: &'static str,
    /// A signature's time may differ from the clock by so many minutes.
    pub skew_minutes: i64,
}

impl Service {
    /// The management planes of API Gateway, V1 and V2.
    pub const API_GATEWAY: Self = Self { name: "apigateway", skew_minutes: 5 };
    /// The APIs themselves.
    pub const EXECUTE_API: Self = Self { name: "execute-api", skew_minutes: 5 };
    /// Functions.
    pub const LAMBDA: Self = Self { name: "lambda", skew_minutes: 5 };
    /// The security token service.
    pub const STS: Self = Self { name: "sts", skew_minutes: 15 };
}

/// A request, as it is on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The verb.
    pub method: &'a str,
    /// The path, still percent-encoded.
    pub path: &'a str,
    /// What is behind the `?`, still percent-encoded.
    pub query: &'a str,
    /// Header fields in order of arrival.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// An access key with its secret.
#[derive(Clone, PartialEq)]
pub struct Credentials {
    /// Its name.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// What a signature claims, not yet checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Who signed.
    pub access_key_id: String,
    /// For which region.
    pub region: String,
    /// For which service.
    pub service: String,
    date: String,
    stamp: String,
    signed_headers: Vec<String>,
    signature: String,
    /// Seconds that a presigned request is good for; absent from a signature in a header.
    expires: Option<i64>,
}

/// Why a signature is not accepted. All are answered with 403.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is none.
    #[error("Missing Authentication Token")]
    Missing,
    /// What is there is not a whole signature.
    #[error("{0}")]
    Incomplete(String),
    /// The access key is not known.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The signature is not right, or not right now, or not here.
    #[error("{0}")]
    Invalid(String),
}

impl Refusal {
    /// AWS's name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::Invalid(_) => "InvalidSignatureException",
        }
    }
}

/// The header that states what the body hashes to.
const PAYLOAD_HASH: &str = "x-amz-content-sha256";

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                        Secret Access Key and signing method. Consult the service documentation for details.";

/// What AWS says of an `Authorization` header that is no signature; the value itself is only hinted at.
pub fn not_key_value(authorization: &str) -> String {
    let hash = BASE64.encode(digest(&SHA256, authorization.as_bytes()).as_ref());
    format!(
        "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with \
         Base64): '{hash}'."
    )
}

impl Claim {
    /// Reads a request's signature, from its header or, presigned, from its query.
    pub fn read(request: &Request<'_>) -> Result<Self, Refusal> {
        let query = decoded_query(request.query);
        let presigned = query.iter().any(|(name, _)| name == "X-Amz-Signature" || name == "X-Amz-Algorithm");
        match header(request, "authorization") {
            Some(authorization) => Self::from_header(request, authorization),
            None if presigned => Self::from_query(&query),
            None => Err(Refusal::Missing),
        }
    }

    fn from_header(request: &Request<'_>, authorization: &str) -> Result<Self, Refusal> {
        let Some(parameters) = authorization.strip_prefix(ALGORITHM) else {
            return Err(Refusal::Incomplete(not_key_value(authorization)));
        };
        let mut found = [None; 3];
        let names = ["Credential", "Signature", "SignedHeaders"];
        for pair in parameters.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(Refusal::Incomplete(not_key_value(authorization)));
            };
            if let Some(at) = names.iter().position(|known| *known == name) {
                found[at] = Some(value);
            }
        }
        let stamp = header(request, "x-amz-date").or_else(|| header(request, "date"));
        let (Some(credential), Some(signature), Some(signed), Some(stamp)) = (found[0], found[1], found[2], stamp)
        else {
            let mut message = String::new();
            for (name, value) in names.iter().zip(found) {
                if value.is_none() {
                    let _ = write!(message, "Authorization header requires '{name}' parameter. ");
                }
            }
            if stamp.is_none() {
                message
                    .push_str("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ");
            }
            let hash = BASE64.encode(digest(&SHA256, authorization.as_bytes()).as_ref());
            let _ = write!(message, "(Hashed with SHA-256 and encoded with Base64) Authorization={hash}");
            return Err(Refusal::Incomplete(message));
        };
        Self::assemble(credential, signature, signed, stamp, None)
    }

    fn from_query(query: &[(String, String)]) -> Result<Self, Refusal> {
        let find = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let need = |name: &str| {
            find(name).ok_or_else(|| {
                Refusal::Incomplete(format!(
                    "AWS query-string parameters must include '{name}'. Re-examine the query-string parameters."
                ))
            })
        };
        if need("X-Amz-Algorithm")? != ALGORITHM {
            return Err(Refusal::Incomplete(format!(
                "AWS query-string parameters must include 'X-Amz-Algorithm={ALGORITHM}'."
            )));
        }
        let expires = need("X-Amz-Expires")?.parse().ok().filter(|seconds| (1..=MAX_EXPIRES).contains(seconds));
        let expires = expires.ok_or_else(|| {
            Refusal::Incomplete(format!("X-Amz-Expires must be a number of seconds from 1 to {MAX_EXPIRES}."))
        })?;
        let (credential, signature) = (need("X-Amz-Credential")?, need("X-Amz-Signature")?);
        Self::assemble(credential, signature, need("X-Amz-SignedHeaders")?, need("X-Amz-Date")?, Some(expires))
    }

    fn assemble(
        credential: &str,
        signature: &str,
        signed: &str,
        stamp: &str,
        expires: Option<i64>,
    ) -> Result<Self, Refusal> {
        let parts: Vec<&str> = credential.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = parts[..] else {
            return Err(Refusal::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
            )));
        };
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            date: date.to_owned(),
            stamp: stamp.to_owned(),
            signed_headers: signed.split(';').map(str::to_ascii_lowercase).collect(),
            signature: signature.to_owned(),
            expires,
        })
    }

    /// Checks what needs no key: that the signature is for now, in seconds since 1970, and for this service.
    pub fn check_scope(&self, service: Service, now: i64) -> Result<(), Refusal> {
        let invalid = |message: String| Err(Refusal::Invalid(message));
        let signed_at = self.check_time(service.skew_minutes, now)?;
        if stamp_of(signed_at).get(..8) != Some(self.date.as_str()) {
            return invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', from '{}'.",
                self.date,
                self.stamp.get(..8).unwrap_or_default(),
                self.stamp
            ));
        }
        if self.service != service.name {
            // The space at the end is AWS's.
            return invalid(format!("Credential should be scoped to correct service: '{}'. ", service.name));
        }
        Ok(())
    }

    /// Checks the signature against the request and the key's secret.
    pub fn check(&self, request: &Request<'_>, secret: &str) -> Result<(), Refusal> {
        self.check_by(request, &self.signing_key(secret))
    }

    /// The key that made the signature, if it was made with this secret. It is the same for all of a day's requests to a
    /// service in a region.
    pub fn signing_key(&self, secret: &str) -> SigningKey {
        SigningKey::of_scope(secret, self.scope())
    }

    /// Checks the signature against the request and a signing key, which is of no use unless it is for the claim's day,
    /// region and service: see [`Claim::is_of`].
    pub fn check_by(&self, request: &Request<'_>, key: &SigningKey) -> Result<(), Refusal> {
        let hash = hex_sha256(request.body);
        match header(request, PAYLOAD_HASH) {
            Some(stated) if stated != hash => Err(Refusal::Invalid(MISMATCH.to_owned())),
            _ => self.check_payload(request, &hash, key),
        }
    }

    /// Whether a signing key is for the claim's day, region and service.
    pub fn is_of(&self, key: &SigningKey) -> bool {
        key.has_scope(&[&self.date, &self.region, &self.service])
    }

    /// Checks the signature before the body is read; answers with the hash that the body must have, in hexadecimal.
    pub fn check_ahead<'a>(&self, request: &Request<'a>, secret: &str) -> Result<&'a str, Refusal> {
        let stated = header(request, PAYLOAD_HASH);
        let hash = stated.filter(|hash| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let hash = hash.ok_or_else(|| Refusal::Invalid(format!("'{PAYLOAD_HASH}' must be the body's SHA-256.")))?;
        self.check_payload(request, hash, &self.signing_key(secret))?;
        Ok(hash)
    }

    fn check_payload(&self, request: &Request<'_>, hash: &str, key: &SigningKey) -> Result<(), Refusal> {
        let invalid = |message: String| Err(Refusal::Invalid(message));
        let is_signed = |name: &str| self.signed_headers.iter().any(|known| known == name);
        let unsigned = request.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
        let mut unsigned = unsigned.filter(|name| name.starts_with("x-amz-") && !is_signed(name));
        if !is_signed("host") {
            return invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned());
        }
        if let Some(name) = unsigned.next() {
            return invalid(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."));
        }
        let canonical = canonical(request, &self.signed_headers, hash, Paths::Normalized);
        let expected = signature(key, &self.stamp, &canonical);
        if !bool::from(expected.as_bytes().ct_eq(self.signature.as_bytes())) {
            return invalid(MISMATCH.to_owned());
        }
        Ok(())
    }

    fn check_time(&self, skew_minutes: i64, now: i64) -> Result<i64, Refusal> {
        let invalid = |message: String| Err(Refusal::Invalid(message));
        let parsed = PrimitiveDateTime::parse(&self.stamp, STAMP);
        let Ok(signed_at) = parsed.map(|time| time.assume_utc().unix_timestamp()) else {
            return Err(Refusal::Incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
                self.stamp
            )));
        };
        let skew = skew_minutes * 60;
        let end = signed_at + self.expires.unwrap_or(skew);
        if now > end {
            return match self.expires {
                Some(seconds) => {
                    invalid(format!("Signature expired: {} is now later than its {seconds} s.", self.stamp))
                }
                None => invalid(format!(
                    "Signature expired: {} is now earlier than {} ({} - {skew_minutes} min.)",
                    self.stamp,
                    stamp_of(now - skew),
                    stamp_of(now)
                )),
            };
        }
        if signed_at > now + skew {
            return invalid(format!(
                "Signature not yet current: {} is still later than {} ({} + {skew_minutes} min.)",
                self.stamp,
                stamp_of(now + skew),
                stamp_of(now)
            ));
        }
        Ok(signed_at)
    }

    fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }
}

fn stamp_of(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(STAMP).unwrap_or_default()
}

/// A body's hash as signatures cover it: SHA-256 in hexadecimal.
pub fn hex_sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes).as_ref())
}

fn header<'a>(request: &Request<'a>, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests;
