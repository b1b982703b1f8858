//! A call as AWS wants it: signed by Signature Version 4, each service's path as it reads paths.

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue};

use super::Error;
use super::endpoints::Endpoint;
use super::session::Session;
use crate::identity::sigv4::{self, Paths, Signer};
use crate::traffic::integration::http1;
use crate::traffic::message::Body;

/// The headers that sign; what a caller sends under these names is none of the node's.
const OURS: [HeaderName; 4] = [
    AUTHORIZATION,
    HeaderName::from_static("x-amz-date"),
    HeaderName::from_static("x-amz-security-token"),
    HeaderName::from_static("x-amz-content-sha256"),
];

/// Adds the headers that sign a call. Its body is taken whole: its hash is signed.
pub(super) async fn sign(
    call: &mut http1::Call,
    endpoint: &Endpoint,
    session: &Session,
    now: i64,
) -> Result<(), Error> {
    let is_s3 = endpoint.signing.starts_with("s3");
    if let Body::Stream { .. } = call.body {
        let body = std::mem::replace(&mut call.body, Body::Empty);
        call.body = Body::Whole(body.whole(u64::MAX).await.map_err(|error| Error::Body(error.to_string()))?);
    }
    let hash = match &call.body {
        Body::Whole(bytes) => sigv4::hex_sha256(bytes),
        Body::Empty | Body::Stream { .. } => sigv4::hex_sha256(b""),
    };
    OURS.iter().for_each(|name| call.headers.remove(name));
    let mut headers = Vec::with_capacity(8);
    if call.headers.last(&HOST).is_none() {
        headers.push(("host", call.origin.authority.as_str()));
    }
    for (name, value) in call.headers.iter().filter(|(name, _)| is_signed(name)) {
        let value = value.to_str().map_err(|_| Error::Unsignable(name.to_string()))?;
        headers.push((name.as_str(), value));
    }
    let (path, query) = call.target.split_once('?').unwrap_or((&call.target, ""));
    let request = sigv4::Request { method: call.method.as_str(), path, query, headers: &headers, body: b"" };
    let key = session.key(now, &endpoint.region, &endpoint.signing);
    let signer = Signer {
        access_key_id: &session.access_key_id,
        session_token: session.token.as_deref(),
        key: &key,
        paths: if is_s3 { Paths::Encoded } else { Paths::Normalized },
        states_hash: is_s3,
    };
    for (name, value) in signer.sign(&request, &hash, now) {
        let mut value = HeaderValue::from_str(&value).map_err(|_| Error::Unsignable(name.to_owned()))?;
        value.set_sensitive(true);
        call.headers.set(HeaderName::from_static(name), value);
    }
    Ok(())
}

/// Which headers are signed: those that say what is asked. Others may change on their way.
fn is_signed(name: &HeaderName) -> bool {
    *name == HOST || *name == CONTENT_TYPE || name.as_str() == "content-md5" || name.as_str().starts_with("x-amz-")
}
