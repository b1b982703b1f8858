//! Who calls about connections, and whether they may.
//!
//! Calls are signed with Signature Version 4 for the service `execute-api`, by the root credentials for now. Where the
//! control plane asks for no signatures (`TURNPIKE_ADMIN_AUTH=off`, which it does on a loopback address alone), callers
//! on this machine need none here either; those who come from elsewhere, or by a proxy on this machine that says for
//! whom it asks, must sign all the same: APIs are served to everybody, and pushing to their clients is not.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::answers::Refusal;
use super::target::Target;
use crate::identity::sigv4::{self, Claim, Credentials, Service, SigningKey};
use crate::model::arn;
use crate::traffic::execute::Owner;
use crate::traffic::message::{Peer, Request};

/// What callers need a permission for.
const ACTION: &str = "execute-api:ManageConnections";
/// Header fields by which proxies say for whom they ask.
const FORWARDED: [&str; 2] = ["x-forwarded-for", "forwarded"];

/// Who may call. Cheap to clone.
#[derive(Clone)]
pub struct Callers {
    /// Whose signature is good.
    root: Credentials,
    /// Whether callers on this machine need none.
    trust_loopback: bool,
    /// The key that made the last good signature: most calls are of one day to one region, and to make it costs more than
    /// to check a signature by it.
    last: Arc<ArcSwapOption<SigningKey>>,
}

impl Callers {
    /// Those who sign with these credentials; and if `trust_loopback` says so, those on this machine.
    pub fn new(root: Credentials, trust_loopback: bool) -> Self {
        Self { root, trust_loopback, last: Arc::default() }
    }

    /// What a caller's signature claims, as far as it can be checked without the body; nothing, where none is needed.
    pub(super) fn claim(&self, request: &Request, now: i64) -> Result<Option<Claim>, Refusal> {
        if self.trust_loopback && is_local(request) {
            return Ok(None);
        }
        let headers = pairs(request);
        let signed = signed(request, &headers, b"");
        self.read(&signed, now).map(Some).map_err(|refusal| Refusal::unsigned(&refusal))
    }

    fn read(&self, request: &sigv4::Request<'_>, now: i64) -> Result<Claim, sigv4::Refusal> {
        let claim = Claim::read(request)?;
        claim.check_scope(Service::EXECUTE_API, now)?;
        // The root's key is a long-term one: a session that goes with it is somebody else's.
        let has_session = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-amz-security-token"))
            || request.query.contains("X-Amz-Security-Token=");
        if claim.access_key_id != self.root.access_key_id || has_session {
            return Err(sigv4::Refusal::UnknownKey);
        }
        Ok(claim)
    }

    /// Checks a signature, now that the body is here.
    pub(super) fn check(&self, claim: Option<&Claim>, request: &Request, body: &[u8]) -> Result<(), Refusal> {
        let Some(claim) = claim else { return Ok(()) };
        let headers = pairs(request);
        let signed = signed(request, &headers, body);
        let (key, is_new) = match self.last.load_full().filter(|key| claim.is_of(key)) {
            Some(key) => (key, false),
            None => (Arc::new(claim.signing_key(&self.root.secret_access_key)), true),
        };
        claim.check_by(&signed, &key).map_err(|refusal| Refusal::unsigned(&refusal))?;
        if is_new {
            self.last.store(Some(key));
        }
        Ok(())
    }
}

/// Asks whether the caller may do what the request wants.
pub(super) fn authorize(owner: &Owner, request: &Request, target: &Target) -> Result<(), Refusal> {
    let place = format!("{}/{}/{}/{}", target.place.api, target.place.stage, request.method, target.path);
    let resource = arn::invoked(&owner.region, &owner.account, &place);
    let caller = format!("arn:{}:iam::{}:root", arn::partition(&owner.region), owner.account);
    if may_manage(&caller, &resource) { Ok(()) } else { Err(Refusal::denied(&caller, ACTION, &resource)) }
}

/// Whether a caller has the permission [`ACTION`] on a resource. The account's root has every permission, and there is
/// nobody else yet who could have signed.
fn may_manage(caller: &str, _resource: &str) -> bool {
    caller.ends_with(":root")
}

fn is_local(request: &Request) -> bool {
    let is_loopback = matches!(request.peer, Peer::Address(address) if address.to_canonical().is_loopback());
    is_loopback && !FORWARDED.iter().any(|name| request.headers.last_text(name).is_some())
}

fn pairs(request: &Request) -> Vec<(&str, &str)> {
    let fields = request.headers.iter();
    fields.map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default())).collect()
}

fn signed<'a>(request: &'a Request, headers: &'a [(&'a str, &'a str)], body: &'a [u8]) -> sigv4::Request<'a> {
    sigv4::Request {
        method: request.method.as_str(),
        path: request.uri.path(),
        query: request.uri.query().unwrap_or_default(),
        headers,
        body,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use http::header::HOST;
    use http::{HeaderName, HeaderValue, Method, Uri};
    use uuid::Uuid;

    use super::*;
    use crate::traffic::message::{Body, Head, Headers};

    const NOW: i64 = 1_767_225_600;

    fn root() -> Credentials {
        Credentials { access_key_id: "AKIDEXAMPLE".to_owned(), secret_access_key: "secret".to_owned() }
    }

    fn request(path: &'static str, from: &str, fields: &[(&'static str, &str)]) -> Request {
        let mut headers = Headers::default();
        headers.append(HOST, HeaderValue::from_static("abc.execute-api.localhost"));
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"));
        }
        let head = Head {
            id: Uuid::nil(),
            extended: [0; 11],
            arrived: Duration::ZERO,
            method: Method::POST,
            uri: Uri::from_static(path),
            host: "abc.execute-api.localhost".into(),
            headers,
            peer: Peer::Address(from.parse::<IpAddr>().expect("an address")),
            port: 80,
            secure: false,
        };
        Request::new(head, Body::Empty)
    }

    /// The path is canonicalized as it was received: clients and proxies may spell it in all these ways.
    #[test]
    fn signatures_cover_the_path_as_it_was_received() {
        let callers = Callers::new(root(), false);
        for path in ["/prod/@connections/R0oX%3D", "/prod/%40connections/R0oX%3D", "/prod/@connections/R0oX="] {
            let headers = [("host", "abc.execute-api.localhost")];
            let plain = sigv4::Request { method: "POST", path, query: "", headers: &headers, body: b"hello" };
            let hash = sigv4::hex_sha256(b"hello");
            for (service, secret, expected) in [
                ("execute-api", "secret", None),
                ("execute-api", "wrong", Some("InvalidSignatureException")),
                ("apigateway", "secret", Some("InvalidSignatureException")),
            ] {
                let credentials = Credentials { secret_access_key: secret.to_owned(), ..root() };
                let fields = sigv4::sign(&plain, &hash, &credentials, "eu-west-1", service, NOW);
                let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let request = request(path, "192.0.2.1", &fields);
                let checked =
                    callers.claim(&request, NOW).and_then(|claim| callers.check(claim.as_ref(), &request, b"hello"));
                let found = checked.err().map(|refusal| format!("{refusal:?}"));
                assert_eq!(found.is_none(), expected.is_none(), "{path} {service}: {found:?}");
                assert!(
                    expected.is_none_or(|code| found.is_some_and(|found| found.contains(code))),
                    "{path} {service}"
                );
            }
        }
    }

    #[test]
    fn who_does_not_sign_is_let_in_from_this_machine_alone_and_only_where_nobody_has_to() {
        for (trust_loopback, from, fields, expected) in [
            (true, "127.0.0.1", &[][..], true),
            (true, "::1", &[], true),
            (true, "::ffff:127.0.0.1", &[], true),
            (true, "192.0.2.1", &[], false),
            (true, "127.0.0.1", &[("x-forwarded-for", "192.0.2.1")], false),
            (true, "127.0.0.1", &[("forwarded", "for=192.0.2.1")], false),
            (false, "127.0.0.1", &[], false),
        ] {
            let callers = Callers::new(root(), trust_loopback);
            let request = request("/prod/@connections/x", from, fields);
            let claimed = callers.claim(&request, NOW);
            assert_eq!(claimed.is_ok(), expected, "{from} {fields:?}");
        }
    }
}
