//! Text in a page: escaped, in paragraphs, and as the names of places.

use std::fmt::{self, Write};

use serde_json::Value;

/// A text that is shown as it is, in an element or in an attribute's double quotes.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

/// The text of a value; nothing of one that is no text.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A text in paragraphs, with empty lines between them.
pub(super) fn paragraphs(out: &mut String, value: &Value) {
    let normal = text(value).replace("\r\n", "\n");
    for paragraph in normal.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        let _ = writeln!(out, "<p>{}</p>", Text(paragraph));
    }
}

/// The name of a place in a page: what is no letter or digit is spelled out, so that no two are the same.
pub(super) fn anchor(kind: &str, name: &str) -> String {
    let mut out = format!("{kind}-");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "_{byte:02x}");
        }
    }
    out
}
