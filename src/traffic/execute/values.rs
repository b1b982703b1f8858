//! What mappings and templates put into a call: values for its headers, its path and its query.

use std::borrow::Cow;

use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::facts::Facts;
use super::headers::{API_ID, TRACE_ID, forwarded, is_passed};
use super::rendering::{self, Overrides};
use super::sources::Sources;
use crate::mapping::parameters::Target;
use crate::mapping::query::{self, Query};
use crate::mapping::uri::Uri;
use crate::traffic::message::{Body, Headers, Peer, Refusal};
use crate::traffic::stage::{Mapped, PathParameters};

/// What mappings and overrides put into a call.
#[derive(Default)]
pub(super) struct Values {
    headers: Vec<(HeaderName, HeaderValue)>,
    path: PathParameters,
    pub(super) query: Vec<(String, String)>,
    /// Headers that were written over, whatever was mapped to them.
    overridden: Vec<(String, Vec<String>)>,
}

impl Values {
    pub(super) fn of(mapped: &[Mapped], facts: &Facts, body: &Body) -> Result<Self, Refusal> {
        let mut this = Self::default();
        let sources = match body {
            Body::Whole(bytes) => Sources::with_body(facts, bytes),
            Body::Empty | Body::Stream { .. } => Sources::new(facts),
        };
        for Mapped { target, source } in mapped {
            let values = sources
                .values(source)
                .map_err(|_| Refusal::bad_request(StatusCode::BAD_REQUEST, "Invalid JSON in request body"))?;
            match (target, values.last()) {
                (_, None) => {}
                (Target::Path(name), Some(value)) => this.path.push((name.clone(), value.clone().into_owned())),
                (Target::Query(name), Some(_)) => {
                    this.query.extend(values.into_iter().map(|value| (name.clone(), value.into_owned())));
                }
                (Target::Header(name), Some(_)) => {
                    let name = HeaderName::from_bytes(name.as_bytes());
                    if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&values.join(","))) {
                        this.headers.push((name, value));
                    }
                }
            }
        }
        Ok(this)
    }

    /// Takes what a template wrote, which counts more than what is mapped.
    pub(super) fn override_with(&mut self, overrides: &Overrides) {
        for (name, values) in overrides.of_request("path") {
            self.path.push((name, values.join(",")));
        }
        for (name, values) in overrides.of_request("querystring") {
            self.query.retain(|(known, _)| *known != name);
            self.query.extend(values.into_iter().map(|value| (name.clone(), value)));
        }
        self.overridden = overrides.of_request("header");
        self.overridden.retain(|(name, _)| !is_framing(name));
    }

    /// Checks the values of a URI's placeholders. They come from callers, some of them decoded: what can't stand in a path
    /// is their fault, not the API's, and what would end the path leads elsewhere than the API wants. An operator's test is
    /// told of the address.
    pub(super) fn check_path(&self, facts: &Facts) -> Result<(), Refusal> {
        let is_test = facts.head().peer == Peer::Test;
        let is_no_value = |value: &str| value.bytes().any(|byte| is_out_of_place(byte) || matches!(byte, b'?' | b'#'));
        self.check(|_, value| !climbs(value) && (is_test || !is_no_value(value)))
    }

    /// Checks the values of one URI's placeholders.
    pub(super) fn check_of(&self, uri: &Uri, is_fine: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        self.check(|name, value| !uri.placeholders().any(|known| known == name) || is_fine(value))
    }

    fn check(&self, is_fine: impl Fn(&str, &str) -> bool) -> Result<(), Refusal> {
        match self.path.iter().all(|(name, value)| is_fine(name, value)) {
            true => Ok(()),
            false => Err(Refusal::bad_request(StatusCode::BAD_REQUEST, "Bad Request")),
        }
    }

    /// A URI with the values of its placeholders.
    pub(super) fn render<'u>(&self, uri: &'u Uri) -> Cow<'u, str> {
        let value_of =
            |name: &str| self.path.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        match uri.constant() {
            Some(constant) => Cow::Borrowed(constant),
            None => Cow::Owned(uri.render(value_of)),
        }
    }

    /// Whether a header is mapped, or written by a template.
    pub(super) fn has_header(&self, wanted: &HeaderName) -> bool {
        self.headers.iter().any(|(name, _)| name == wanted)
            || self.overridden.iter().any(|(name, _)| wanted.as_str().eq_ignore_ascii_case(name))
    }

    /// The URI's own query, then the caller's, then what is mapped.
    pub(super) fn query<'q>(&self, own: &'q str, callers: &'q str) -> Cow<'q, str> {
        if self.query.is_empty() {
            if callers.is_empty() {
                return Cow::Borrowed(own);
            }
            if own.is_empty() && query::is_plain(callers) {
                return Cow::Borrowed(callers);
            }
        }
        let mut out = own.to_owned();
        for (name, value) in Query::parse(callers).iter() {
            query::append(&mut out, name, value);
        }
        for (name, value) in &self.query {
            query::append(&mut out, name, value);
        }
        Cow::Owned(out)
    }

    /// The header fields of a call that begins with those of the request, if it is passed on as it is (`proxy`).
    pub(super) fn headers(self, proxy: bool, facts: &Facts, method: &Method, trace: &str) -> Headers {
        let request = facts.head();
        let mut headers = Headers::with_capacity(16);
        if proxy {
            let passed = request.headers.iter().filter(|(name, _)| is_passed(name));
            passed.for_each(|(name, value)| headers.append(name.clone(), value.clone()));
            forwarded(request, &mut headers);
        } else {
            headers.append(ACCEPT, HeaderValue::from_static("application/json"));
            if bears_body(method) {
                let content_type = request.headers.last(&CONTENT_TYPE).cloned();
                headers
                    .append(CONTENT_TYPE, content_type.unwrap_or_else(|| HeaderValue::from_static("application/json")));
            }
        }
        let api = facts.stage().map_or("", |stage| stage.api.as_str());
        let needs_agent = !proxy || request.headers.last(&USER_AGENT).is_none();
        if needs_agent && let Ok(agent) = HeaderValue::from_str(&format!("AmazonAPIGateway_{api}")) {
            headers.append(USER_AGENT, agent);
        }
        if let Ok(api) = HeaderValue::from_str(api) {
            headers.set(API_ID, api);
        }
        if let Ok(trace) = HeaderValue::from_str(trace) {
            headers.set(TRACE_ID, trace);
        }
        for (name, value) in self.headers {
            headers.set(name, value);
        }
        rendering::override_headers(&mut headers, self.overridden);
        headers
    }
}

/// Whether a header says where a message ends, or whose connection it is: nobody may write over those.
fn is_framing(name: &str) -> bool {
    ["content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether calls of a verb have bodies.
pub(super) fn bears_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
}

/// Whether a byte can't stand in a path or a query.
pub(super) fn is_out_of_place(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f || b"{}|\\^`\"<>".contains(&byte)
}

/// Whether a path value would leave the place that the URI gives it: a `..` segment, in any spelling.
fn climbs(value: &str) -> bool {
    if !value.contains("..") && !value.contains('%') {
        return false;
    }
    let decoded = percent_decode_str(value).decode_utf8_lossy();
    decoded.contains('\0') || decoded.split(['/', '\\']).any(|segment| segment == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_climb_out_of_their_place_are_known() {
        for (value, expected) in [
            ("a/b", false),
            ("..a", false),
            ("a..b/c", false),
            ("..", true),
            ("a/../b", true),
            ("%2e%2e/x", true),
            ("a%2F..%2Fb", true),
            ("a\\..\\b", true),
            ("a%00", true),
            ("a%2Fb", false),
        ] {
            assert_eq!(climbs(value), expected, "{value}");
        }
    }
}
