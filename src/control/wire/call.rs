//! A call as it arrived, free of the server's types.

use bytes::Bytes;
use percent_encoding::percent_decode_str;

use crate::identity::sigv4;
use crate::mapping::query::Query;

/// A request to a management plane.
#[derive(Clone, Debug)]
pub struct Call {
    /// The verb.
    pub method: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// What is behind the `?`, still percent-encoded.
    pub query: String,
    /// Header fields; a value that is no text is empty.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Bytes,
}

impl Call {
    /// The path's segments, decoded after it was split.
    pub fn segments(&self) -> Vec<String> {
        let segments = self.path.split('/').filter(|segment| !segment.is_empty());
        segments.map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect()
    }

    /// The last value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<String> {
        Query::parse(&self.query).last(name).map(str::to_owned)
    }

    /// All values of a query parameter.
    pub fn parameters(&self, name: &str) -> Vec<String> {
        Query::parse(&self.query).all(name).map(str::to_owned).collect()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All header fields, borrowed.
    pub(crate) fn header_pairs(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// The call as its signature covers it.
    pub(crate) fn signed<'a>(&'a self, headers: &'a [(&'a str, &'a str)]) -> sigv4::Request<'a> {
        sigv4::Request { method: &self.method, path: &self.path, query: &self.query, headers, body: &self.body }
    }
}
