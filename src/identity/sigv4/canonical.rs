//! The canonical form of a request: what a signature covers.

use std::borrow::Cow;
use std::fmt::Write;

use percent_encoding::percent_decode;

use super::Request;

/// The canonical form of a request. API Gateway normalizes paths, as all services but S3 do.
pub(super) fn canonical(request: &Request<'_>, signed: &[String], payload: &str, normalized: bool) -> String {
    let mut out = String::with_capacity(512);
    let _ = writeln!(out, "{}", request.method);
    let path = if normalized { normalize(request.path) } else { Cow::Borrowed(request.path) };
    let path = if path.is_empty() { "/" } else { &path };
    encode_into(&mut out, path.as_bytes(), true);
    out.push('\n');
    let mut pairs: Vec<(String, String)> = decoded_query(request.query)
        .into_iter()
        .filter(|(name, _)| name != "X-Amz-Signature")
        .map(|(name, value)| (encoded(&name), encoded(&value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let _ = writeln!(out, "{}", pairs.join("&"));
    for name in signed {
        let values = request.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let values: Vec<String> = values.map(|(_, value)| collapse(value)).collect();
        let _ = writeln!(out, "{name}:{}", values.join(","));
    }
    let _ = write!(out, "\n{}\n{payload}", signed.join(";"));
    out
}

/// Runs of white space become one space; none at the ends.
fn collapse(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// Takes `.` and `..` segments and doubled slashes out of a path.
fn normalize(path: &str) -> Cow<'_, str> {
    if !path.contains("//") && !path.contains("/.") {
        return Cow::Borrowed(path);
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let mut out = String::with_capacity(path.len());
    for segment in &kept {
        out.push('/');
        out.push_str(segment);
    }
    let ends_in_directory = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    if ends_in_directory || out.is_empty() {
        out.push('/');
    }
    Cow::Owned(out)
}

pub(super) fn decoded_query(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode(text.as_bytes()).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    encode_into(&mut out, text.as_bytes(), false);
    out
}

fn encode_into(out: &mut String, bytes: &[u8], keep_slashes: bool) {
    for byte in bytes {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if plain || (keep_slashes && *byte == b'/') {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}
