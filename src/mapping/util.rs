//! `$util`: functions for mapping templates (data-plane reference, 12.4).

use std::borrow::Cow;
use std::fmt::Write;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::vtl::{Object, Value};

/// What Java's `URLEncoder` leaves as it is; blanks become `+`.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b' ');

/// `$util`.
pub struct Util;

impl Util {
    /// The object.
    pub fn value() -> Value {
        Value::Object(Rc::new(Self))
    }
}

impl Object for Util {
    fn property(&self, _: &str) -> Value {
        Value::Null
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let [argument] = arguments else { return Ok(Value::Null) };
        let text = argument.to_text();
        match name {
            "escapeJavaScript" => {
                let mut out = String::with_capacity(text.len() + text.len() / 8);
                escape_java_script(&text, &mut out);
                Ok(out.into())
            }
            "parseJson" => {
                let json: serde_json::Value =
                    serde_json::from_str(&text).map_err(|error| format!("no JSON: {error}"))?;
                Ok(Value::from(&json))
            }
            "urlEncode" => Ok(utf8_percent_encode(&text, FORM).to_string().replace(' ', "+").into()),
            "urlDecode" => {
                let text = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(&*text) };
                Ok(percent_decode_str(&text).decode_utf8_lossy().into_owned().into())
            }
            "base64Encode" => Ok(BASE64.encode(text.as_bytes()).into()),
            "base64Decode" => {
                let bytes = BASE64.decode(text.trim()).map_err(|error| format!("no base64: {error}"))?;
                Ok(String::from_utf8_lossy(&bytes).into_owned().into())
            }
            _ => Ok(Value::Null),
        }
    }

    fn write_call(&self, name: &str, arguments: &[Value], out: &mut String) -> Option<Result<(), String>> {
        match (name, arguments) {
            ("escapeJavaScript", [argument]) => {
                escape_java_script(&argument.to_text(), out);
                Some(Ok(()))
            }
            _ => None,
        }
    }

    fn text(&self) -> String {
        String::new()
    }
}

/// The bytes that stay as they are in a JavaScript string.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = !matches!(byte, b'"' | b'\'' | b'\\' | b'/');
        byte += 1;
    }
    plain
};

/// Escapes a text for a JavaScript string as commons-lang does: quotes, slashes, control characters, and everything
/// outside of ASCII by its UTF-16 code units.
fn escape_java_script(text: &str, out: &mut String) {
    let mut rest = text;
    // Most of a text stays as it is, and is copied a stretch at a time.
    while let Some(plain) = rest.bytes().position(|byte| !PLAIN[usize::from(byte)]) {
        out.push_str(&rest[..plain]);
        let mut characters = rest[plain..].chars();
        let Some(character) = characters.next() else { break };
        rest = characters.as_str();
        match character {
            '"' => out.push_str("\\\""),
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '/' => out.push_str("\\/"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04X}").expect("a string takes all that is written to it");
                }
            }
        }
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_give_what_javas_do() {
        for (function, argument, expected) in [
            ("escapeJavaScript", "a\"b'c\\d/e\n\t", r#"a\"b\'c\\d\/e\n\t"#),
            ("escapeJavaScript", "é\u{1F600}\u{1}", r"\u00E9\uD83D\uDE00\u0001"),
            ("urlEncode", "{} a+b*~é", "%7B%7D+a%2Bb*%7E%C3%A9"),
            ("urlDecode", "%7B%7D+a%2Bb", "{} a+b"),
            ("base64Encode", "é", "w6k="),
            ("base64Decode", "w6k=", "é"),
            ("parseJson", r#"{"a":{"b":[1,{"c":2}]}}"#, r#"{a={b=[1,{"c":2}]}}"#),
            ("toJson", "x", ""),
        ] {
            let value = Util.call(function, &[argument.into()]).expect("a result");
            assert_eq!(&*value.text(), expected, "{function}({argument})");
        }
        assert!(Util.call("parseJson", &["{".into()]).is_err());
        assert!(Util.call("base64Decode", &["*".into()]).is_err());
    }
}
