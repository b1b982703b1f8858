//! What a request's path and query may be made of, so that everybody who reads them reads the same.
//!
//! Paths are matched and passed on as they were sent, not decoded, as AWS does it. A backend decodes them: what would
//! then be another place than the one whose method, authorization and mapping were looked up is refused here.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Whether a path has one reading only: RFC 3986's characters and escapes, and no segment that climbs or stands still.
///
/// Browsers send square brackets as they are, so these pass.
pub(super) fn is_path(path: &str) -> bool {
    let mut is_plain = true;
    for byte in path.bytes() {
        match PATH[usize::from(byte)] {
            Kind::Plain => {}
            Kind::Escape => is_plain = false,
            Kind::Refused => return false,
        }
    }
    (is_plain && !path.contains("/.")) || !is_devious(path)
}

/// Whether a query has only characters that may stand in one. AWS wants `|`, `{` and `}` encoded (data-plane reference,
/// 4); all others that are ASCII pass, and a backend gets them encoded.
pub(super) fn is_query(query: &str) -> bool {
    query.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'|' | b'{' | b'}'))
}

#[derive(Clone, Copy)]
enum Kind {
    Plain,
    Escape,
    Refused,
}

/// A table, because every request's path is read with it.
const PATH: [Kind; 256] = {
    let mut kinds = [Kind::Refused; 256];
    let allowed = b"-._~!$&'()*+,;=:@/[]";
    let mut at = 0;
    while at < allowed.len() {
        kinds[allowed[at] as usize] = Kind::Plain;
        at += 1;
    }
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphanumeric() {
            kinds[byte] = Kind::Plain;
        }
        byte += 1;
    }
    kinds[b'%' as usize] = Kind::Escape;
    kinds
};

/// Whether what a path says is not what it seems to say: escapes that are none, overlong UTF-8, NUL, and dot segments in any spelling. Some servers cut parameters off before they look for those: `..;x`.
fn is_devious(path: &str) -> bool {
    let escapes = path.split('%').skip(1);
    let mut broken =
        escapes.map(|rest| rest.as_bytes().get(..2).is_none_or(|two| !two.iter().all(u8::is_ascii_hexdigit)));
    if broken.any(|broken| broken) {
        return true;
    }
    let bytes: Cow<'_, [u8]> = percent_decode_str(path).into();
    let decoded = String::from_utf8_lossy(&bytes);
    let is_dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    is_overlong(&bytes) || decoded.contains('\0') || decoded.split(['/', '\\']).any(is_dots)
}

/// Whether a character is written in more bytes of UTF-8 than it needs: some servers take it for what it is not. Bytes
/// that are no UTF-8 at all are nobody's slash, and pass as they are.
fn is_overlong(bytes: &[u8]) -> bool {
    bytes.contains(&0xc0)
        || bytes.contains(&0xc1)
        || bytes.windows(2).any(|pair| matches!(pair, [0xe0, 0x80..=0x9f] | [0xf0, 0x80..=0x8f]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_reading() {
        for (path, expected) in [
            ("/", true),
            ("//a//b/", true),
            ("/a.b/..c/d..", true),
            ("/.well-known/x", true),
            ("/a%2Fb/%C3%A9", true),
            ("/a;v=1,2/[x]@y:z", true),
            ("/a%252e%252e", true),
            ("/..", false),
            ("/a/./b", false),
            ("/a/..;x/b", false),
            ("/%2e%2E/b", false),
            ("/.%2e", false),
            ("/a%2f..%2fb", false),
            ("/a%5c..%5cb", false),
            ("/a\\b", false),
            ("/a|b", false),
            ("/a{b}", false),
            ("/a%00", false),
            ("/a%c0%af", false),
            ("/a%e0%80%af", false),
            ("/a%ff", true),
            ("/a%E9", true),
            ("/%f0%8f%80%af", false),
            ("/a%", false),
            ("/a%2", false),
            ("/a%zz", false),
            ("/a%%41", false),
            ("/é", false),
        ] {
            assert_eq!(is_path(path), expected, "{path}");
        }
    }

    #[test]
    fn queries_have_what_aws_takes() {
        for (query, expected) in
            [("a=1&b=%7C", true), ("a[]=^`\\\"", true), ("a|b", false), ("{a}", false), ("é", false), ("a b", false)]
        {
            assert_eq!(is_query(query), expected, "{query}");
        }
    }
}
