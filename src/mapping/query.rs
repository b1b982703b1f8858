//! Query strings: split and decoded as API Gateway does it, and written again for a backend.
//!
//! `&` and `;` separate; `+` is a space; a name may come more than once, and its last value counts where one is asked for.

use std::borrow::Cow;
use std::fmt::Write;

use percent_encoding::percent_decode_str;

/// A query string, split and decoded.
#[derive(Debug, Default, PartialEq)]
pub struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    /// Reads the text behind the `?`. Any text is one; a name without `=` has an empty value.
    pub fn parse(text: &'a str) -> Self {
        let pairs = text
            .split(['&', ';'])
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name), decode(value))
            })
            .collect();
        Self { pairs }
    }

    /// The last value of a name.
    pub fn last(&self, name: &str) -> Option<&str> {
        self.all(name).next_back()
    }

    /// All values of a name, in order of arrival.
    pub fn all<'q>(&'q self, name: &str) -> impl DoubleEndedIterator<Item = &'q str> {
        self.pairs.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// Names and values, in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

/// Whether decoding and encoding again would give this very text, so that it can be passed on as it is.
pub fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| is_unreserved(byte) || matches!(byte, b'=' | b'&'))
        && text.split('&').all(|pair| pair.split('=').count() == 2)
}

/// Appends `name=value` to a query under construction, percent-encoded.
pub fn append(out: &mut String, name: &str, value: &str) {
    if !out.is_empty() {
        out.push('&');
    }
    encode_into(out, name);
    out.push('=');
    encode_into(out, value);
}

fn encode_into(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if is_unreserved(byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_split_and_decoded_as_api_gateway_does_it() {
        for (text, expected) in [
            ("a=1&b=2", vec![("a", "1"), ("b", "2")]),
            ("a=x+y&b=%2B", vec![("a", "x y"), ("b", "+")]),
            ("a=1,2", vec![("a", "1,2")]),
            ("a=1;b=2", vec![("a", "1"), ("b", "2")]),
            ("flag&a=", vec![("flag", ""), ("a", "")]),
            ("a=b=c", vec![("a", "b=c")]),
            ("a=%FF", vec![("a", "\u{fffd}")]),
            ("", vec![]),
        ] {
            assert_eq!(Query::parse(text).iter().collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn the_last_of_several_values_counts() {
        let query = Query::parse("a=1&a=2&b=3");
        assert_eq!(query.last("a"), Some("2"));
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(query.last("c"), None);
    }

    #[test]
    fn plain_queries_are_those_that_encoding_leaves_alone() {
        for text in ["a=1", "a=1&b=x-y_z.~", "a=", "flag", "a=%20", "a=1;b=2", "a=b=c", "a=1&&b=2"] {
            let mut again = String::new();
            for (name, value) in Query::parse(text).iter() {
                append(&mut again, name, value);
            }
            if is_plain(text) {
                assert_eq!(again, text);
            }
        }
        assert!(is_plain("a=1&b=2"));
        assert!(!is_plain("a=%20"));
    }
}
