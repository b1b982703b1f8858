//! The forms of an invoke URL.
//!
//! `http://{api}.execute-api.{domain}/{stage}/{path}`, as AWS's own; and for clients that can't choose a host name
//! `/_aws/execute-api/{api}/{stage}/{path}` and `/restapis/{api}/{stage}/_user_request_/{path}`. Custom domain names
//! have forms of their own: see [`Served`](crate::traffic::stage::Served).

use std::borrow::Cow;

use crate::traffic::stage::{Names, Place, first_segment};

/// What an invoke URL names.
#[derive(Debug, PartialEq)]
pub struct Address<'a> {
    /// The API's id, in small letters.
    pub api: Cow<'a, str>,
    /// The stage's name.
    pub stage: &'a str,
    /// The path within the stage, raw; empty or with slashes at its start.
    pub path: &'a str,
    /// Whether the host named the API.
    pub by_host: bool,
}

/// What any URL of a stage names: an invoke URL, or one of a custom domain name.
#[derive(Debug, PartialEq)]
pub struct Resolved {
    /// The API's id, in small letters.
    pub api: String,
    /// The stage's name.
    pub stage: String,
    /// The path within the stage, raw; empty or with slashes at its start.
    pub path: String,
    /// Whether the `execute-api` host named the API.
    pub by_host: bool,
}

/// Reads host and raw path in all forms; `None` if they name no API, or their domain name asks for a certificate.
pub fn resolve(names: &Names, host: &str, path: &str) -> Option<Resolved> {
    let of = |Address { api, stage, path, by_host }: Address<'_>| Resolved {
        api: api.into_owned(),
        stage: stage.to_owned(),
        path: path.to_owned(),
        by_host,
    };
    if let Some(address) = of_host(host, path) {
        return Some(of(address));
    }
    let Some(served) = names.find(host) else { return of_path(path).map(of) };
    let Place { api, stage, path } = served.find(path).filter(|_| !served.needs_certificate())?;
    Some(of(Address { api: Cow::Borrowed(api), stage, path, by_host: false }))
}

/// Reads host and raw path; `None` if they name no API.
pub fn find<'a>(host: &'a str, path: &'a str) -> Option<Address<'a>> {
    of_host(host, path).or_else(|| of_path(path))
}

/// Reads a host that names an API, and the raw path.
pub(super) fn of_host<'a>(host: &'a str, path: &'a str) -> Option<Address<'a>> {
    let api = api_of_host(host)?;
    let (stage, path) = first_segment(path);
    Some(Address { api, stage, path, by_host: true })
}

/// Reads a raw path that names an API.
pub(super) fn of_path(path: &str) -> Option<Address<'_>> {
    if let Some(rest) = path.strip_prefix("/_aws/execute-api/") {
        let (api, rest) = first_segment(rest);
        let (stage, path) = first_segment(rest);
        return Some(Address { api: Cow::Borrowed(api), stage, path, by_host: false });
    }
    let (api, rest) = first_segment(path.strip_prefix("/restapis/")?);
    let (stage, rest) = first_segment(rest);
    let path = rest.strip_prefix("/_user_request_")?;
    if !path.is_empty() && !path.starts_with('/') {
        return None;
    }
    Some(Address { api: Cow::Borrowed(api), stage, path, by_host: false })
}

/// The API that a host like `abc.execute-api.example.com` names.
fn api_of_host(host: &str) -> Option<Cow<'_, str>> {
    let (api, rest) = host.split_once('.')?;
    let (label, _) = rest.split_once('.').unwrap_or((rest, ""));
    if !label.eq_ignore_ascii_case("execute-api") {
        return None;
    }
    let lower = api.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if lower { Cow::Owned(api.to_ascii_lowercase()) } else { Cow::Borrowed(api) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_an_invoke_url_are_read() {
        for (host, path, expected) in [
            ("abc.execute-api.us-east-1.amazonaws.com", "/prod/pets/1", Some(("abc", "prod", "/pets/1"))),
            ("ABC.execute-api.localhost", "/prod", Some(("abc", "prod", ""))),
            ("abc.execute-api", "/prod/", Some(("abc", "prod", "/"))),
            ("abc.execute-api.localhost", "//prod/p", Some(("abc", "prod", "/p"))),
            ("abc.execute-api.localhost", "/prod//p", Some(("abc", "prod", "//p"))),
            ("abc.execute-api.localhost", "/", Some(("abc", "", ""))),
            ("localhost", "/_aws/execute-api/abc/prod/pets", Some(("abc", "prod", "/pets"))),
            ("localhost", "/_aws/execute-api/abc/prod", Some(("abc", "prod", ""))),
            ("localhost", "/restapis/abc/prod/_user_request_/pets", Some(("abc", "prod", "/pets"))),
            ("localhost", "/restapis/abc/prod/_user_request_", Some(("abc", "prod", ""))),
            ("localhost", "/restapis/abc/prod/_user_request_x", None),
            ("localhost", "/restapis/abc/resources", None),
            ("execute-api.localhost", "/prod", None),
            ("localhost", "/", None),
        ] {
            let found = find(host, path);
            let found = found.as_ref().map(|address| (&*address.api, address.stage, address.path));
            assert_eq!(found, expected, "{host} {path}");
        }
    }
}
