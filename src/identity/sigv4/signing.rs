//! Making signatures: for our own clients, and for calls of AWS's services.

use aws_lc_rs::hmac;

use super::canonical::{canonical, encoded, join_into};
use super::{ALGORITHM, Credentials, MAX_EXPIRES, PAYLOAD_HASH, Paths, Request, hex_sha256, stamp_of};

/// A key that signs requests of one day to one service in one region, made of a secret once for all of them.
pub struct SigningKey {
    scope: String,
    key: hmac::Key,
}

impl SigningKey {
    /// The key for the day that `now`, in seconds since 1970, belongs to.
    pub fn new(secret: &str, now: i64, region: &str, service: &str) -> Self {
        Self::of_scope(secret, format!("{}/{region}/{service}/aws4_request", &stamp_of(now)[..8]))
    }

    /// Whether it is for this time, region and service.
    pub fn is_for(&self, now: i64, region: &str, service: &str) -> bool {
        let mut parts = self.scope.split('/');
        let day = parts.next().unwrap_or_default();
        parts.next() == Some(region) && parts.next() == Some(service) && stamp_of(now).starts_with(day)
    }

    /// Whether its scope has these parts in front of the last, which is always the same.
    pub(super) fn has_scope(&self, parts: &[&str; 3]) -> bool {
        self.scope.split('/').take(3).eq(parts.iter().copied())
    }

    pub(super) fn of_scope(secret: &str, scope: String) -> Self {
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
        for part in scope.split('/') {
            key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
        }
        Self { scope, key }
    }
}

/// Signs requests by one access key.
pub struct Signer<'a> {
    /// The access key's name.
    pub access_key_id: &'a str,
    /// What a session of an assumed role must show with it.
    pub session_token: Option<&'a str>,
    /// Made of the access key's secret.
    pub key: &'a SigningKey,
    /// How the service reads paths.
    pub paths: Paths,
    /// Whether the request states its body's hash, which some services ask for.
    pub states_hash: bool,
}

impl Signer<'_> {
    /// The headers that sign a request whose body has this hash, at this time in seconds since 1970: to be added to those
    /// that it has, all of which are signed, `host` among them. The body itself may come later.
    pub fn sign(&self, request: &Request<'_>, hash: &str, now: i64) -> Vec<(&'static str, String)> {
        let stamp = stamp_of(now);
        let mut headers = Vec::with_capacity(request.headers.len() + 3);
        headers.extend_from_slice(request.headers);
        headers.push(("x-amz-date", stamp.as_str()));
        if let Some(token) = self.session_token {
            headers.push(("x-amz-security-token", token));
        }
        if self.states_hash {
            headers.push((PAYLOAD_HASH, hash));
        }
        let request = Request { headers: &headers, ..*request };
        let mut names: Vec<String> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names.dedup();
        let canonical = canonical(&request, &names, hash, self.paths);
        let signature = signature(self.key, &stamp, &canonical);
        let mut authorization =
            format!("{ALGORITHM} Credential={}/{}, SignedHeaders=", self.access_key_id, self.key.scope);
        join_into(&mut authorization, &names);
        authorization.push_str(", Signature=");
        authorization.push_str(&signature);
        let mut added = Vec::with_capacity(4);
        if let Some(token) = self.session_token {
            added.push(("x-amz-security-token", token.to_owned()));
        }
        if self.states_hash {
            added.push((PAYLOAD_HASH, hash.to_owned()));
        }
        added.push(("x-amz-date", stamp));
        added.push(("authorization", authorization));
        added
    }
}

/// The headers that sign a request of one of our own clients, as [`Signer::sign`] makes them.
pub fn sign(
    request: &Request<'_>,
    hash: &str,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: i64,
) -> Vec<(&'static str, String)> {
    let key = SigningKey::new(&credentials.secret_access_key, now, region, service);
    let access_key_id = credentials.access_key_id.as_str();
    let signer = Signer { access_key_id, session_token: None, key: &key, paths: Paths::Normalized, states_hash: true };
    signer.sign(request, hash, now)
}

/// The query that presigns a request without a body for so many seconds: whoever has it may make the request.
pub fn presign(
    request: &Request<'_>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: i64,
    expires: i64,
) -> String {
    let stamp = stamp_of(now);
    let key = SigningKey::new(&credentials.secret_access_key, now, region, service);
    let mut names: Vec<String> = request.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    names.dedup();
    let parameters = [
        ("X-Amz-Algorithm", ALGORITHM.to_owned()),
        ("X-Amz-Credential", format!("{}/{}", credentials.access_key_id, key.scope)),
        ("X-Amz-Date", stamp.clone()),
        ("X-Amz-Expires", expires.clamp(1, MAX_EXPIRES).to_string()),
        ("X-Amz-SignedHeaders", names.join(";")),
    ];
    let mut query: Vec<String> = request.query.split('&').filter(|pair| !pair.is_empty()).map(str::to_owned).collect();
    query.extend(parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))));
    let query = query.join("&");
    let canonical = canonical(&Request { query: &query, ..*request }, &names, &hex_sha256(b""), Paths::Normalized);
    format!("{query}&X-Amz-Signature={}", signature(&key, &stamp, &canonical))
}

pub(super) fn signature(key: &SigningKey, stamp: &str, canonical: &str) -> String {
    let to_sign = format!("{ALGORITHM}\n{stamp}\n{}\n{}", key.scope, hex_sha256(canonical.as_bytes()));
    hex::encode(hmac::sign(&key.key, to_sign.as_bytes()).as_ref())
}
