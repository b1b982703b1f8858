//! The canonical form of a request: what a signature covers.

use std::borrow::Cow;
use std::fmt::Write;

use percent_encoding::percent_decode;

use super::Request;

/// How a service reads paths when it checks signatures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Paths {
    /// Without `.`, `..` and doubled slashes, and what is encoded is encoded once more: API Gateway, and all but S3.
    Normalized,
    /// Encoded once more, and otherwise as they are.
    #[cfg(test)]
    Unnormalized,
    /// As they are, which must be encoded with as few bytes as can be: S3, whose keys are any text.
    Encoded,
}

/// The canonical form of a request; `signed` are names of header fields in small letters.
pub(super) fn canonical(request: &Request<'_>, signed: &[impl AsRef<str>], payload: &str, paths: Paths) -> String {
    let mut out = String::with_capacity(1024);
    let _ = writeln!(out, "{}", request.method);
    let path = if paths == Paths::Normalized { normalize(request.path) } else { Cow::Borrowed(request.path) };
    let path = if path.is_empty() { "/" } else { &path };
    if paths == Paths::Encoded {
        out.push_str(path);
    } else {
        encode_into(&mut out, path.as_bytes(), true);
    }
    out.push('\n');
    let mut pairs: Vec<(String, String)> = decoded_query(request.query)
        .into_iter()
        .filter(|(name, _)| name != "X-Amz-Signature")
        .map(|(name, value)| (encoded(&name), encoded(&value)))
        .collect();
    pairs.sort();
    for (at, (name, value)) in pairs.iter().enumerate() {
        let separator = if at == 0 { "" } else { "&" };
        let _ = write!(out, "{separator}{name}={value}");
    }
    out.push('\n');
    for name in signed {
        let name = name.as_ref();
        out.push_str(name);
        out.push(':');
        let values = request.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        for (at, (_, value)) in values.enumerate() {
            out.push_str(if at == 0 { "" } else { "," });
            collapse_into(&mut out, value);
        }
        out.push('\n');
    }
    out.push('\n');
    join_into(&mut out, signed);
    out.push('\n');
    out.push_str(payload);
    out
}

/// Names of signed header fields in a row.
pub(super) fn join_into(out: &mut String, signed: &[impl AsRef<str>]) {
    for (at, name) in signed.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ";" });
        out.push_str(name.as_ref());
    }
}

/// Runs of white space become one space; none at the ends.
fn collapse_into(out: &mut String, value: &str) {
    for (at, word) in value.split_ascii_whitespace().enumerate() {
        out.push_str(if at == 0 { "" } else { " " });
        out.push_str(word);
    }
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
