//! YAML as AWS prints it: every text in double quotes, so that none is taken for a number, a date or a boolean.
//!
//! Texts of several lines stay on one, with `\n` in them: nothing of them depends on indentation.

use serde_json::Value;

use super::json::quoted;

/// A longer key must be announced by `?` (YAML 1.2, 7.4: at most 1024 characters).
const LONGEST_PLAIN_KEY: usize = 1000;
/// What YAML 1.1 takes for something else than a text.
const RESERVED: [&str; 9] = ["false", "n", "no", "null", "off", "on", "true", "y", "yes"];

/// Prints a document.
pub fn print(document: &Value) -> String {
    let mut out = "---\n".to_owned();
    match document {
        Value::Object(members) if !members.is_empty() => write(&mut out, document, 0),
        Value::Array(items) if !items.is_empty() => write(&mut out, document, 0),
        scalar => {
            out.push_str(&inline(scalar));
            out.push('\n');
        }
    }
    out
}

/// Writes a map or a list that is not empty, each entry a line that begins at `depth`; the first one's indentation is
/// already there where it follows a dash.
fn write(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(members) => {
            for (at, (name, value)) in members.iter().enumerate() {
                if at > 0 {
                    indent(out, depth);
                }
                if name.len() > LONGEST_PLAIN_KEY {
                    out.push_str("? ");
                    out.push_str(&text(name));
                    out.push('\n');
                    indent(out, depth);
                } else {
                    out.push_str(&key(name));
                }
                out.push(':');
                // The dashes of a list stand below its key, as AWS's do.
                below(out, value, if value.is_array() { depth } else { depth + 1 });
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    indent(out, depth);
                }
                out.push('-');
                match item {
                    Value::Object(members) if !members.is_empty() => {
                        out.push(' ');
                        write(out, item, depth + 1);
                    }
                    Value::Array(nested) if !nested.is_empty() => {
                        out.push(' ');
                        write(out, item, depth + 1);
                    }
                    scalar => below(out, scalar, depth),
                }
            }
        }
        scalar => out.push_str(&inline(scalar)),
    }
}

/// What follows a colon or a dash: on the same line if it fits there.
fn below(out: &mut String, value: &Value, depth: usize) {
    let nested = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if nested {
        out.push('\n');
        indent(out, depth);
        write(out, value, depth);
    } else {
        out.push(' ');
        out.push_str(&inline(value));
        out.push('\n');
    }
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn inline(value: &Value) -> String {
    match value {
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        Value::String(string) => text(string),
        Value::Number(number) => exponent(&number.to_string()),
        scalar => scalar.to_string(),
    }
}

/// YAML 1.1 knows a number with an exponent by its point: `1e21` would be a text.
fn exponent(number: &str) -> String {
    match number.split_once('e') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0e{}", signed(exponent)),
        Some((mantissa, exponent)) => format!("{mantissa}e{}", signed(exponent)),
        None => number.to_owned(),
    }
}

fn signed(exponent: &str) -> String {
    if exponent.starts_with(['+', '-']) { exponent.to_owned() } else { format!("+{exponent}") }
}

/// A key needs no quotes if nothing else can be read into it.
fn key(name: &str) -> String {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '/' | '_' | '$'));
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/_$.{}+-".contains(letter);
    let reserved = RESERVED.contains(&name.to_ascii_lowercase().as_str());
    if starts_well && name.chars().all(plain) && !reserved { name.to_owned() } else { text(name) }
}

/// A text in double quotes. JSON's escapes are YAML's as well; YAML wants some more.
fn text(string: &str) -> String {
    let mut out = String::with_capacity(string.len() + 2);
    for letter in quoted(string).chars() {
        match letter {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::print;

    #[test]
    fn documents_look_as_awss() {
        for (value, expected) in [
            (json!({}), "---\n{}\n"),
            (json!({"swagger": "2.0", "n": 1, "e": {}, "l": []}), "---\nswagger: \"2.0\"\n\"n\": 1\ne: {}\nl: []\n"),
            (
                json!({"a": {"/pets/{id}": [{"in": "path", "x": true}, "200"], "200": null}}),
                "---\na:\n  /pets/{id}:\n  - in: \"path\"\n    x: true\n  - \"200\"\n  \"200\": null\n",
            ),
            (json!([[1, 2], [[]]]), "---\n- - 1\n  - 2\n- - []\n"),
            (json!({"t": "a\n b: #\u{85}"}), "---\nt: \"a\\n b: #\\u0085\"\n"),
            (json!({"big": 1e300, "small": 1.5e-10}), "---\nbig: 1.0e+300\nsmall: 1.5e-10\n"),
        ] {
            assert_eq!(print(&value), expected);
        }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let texts = [
            "",
            " ",
            "yes",
            "No",
            "null",
            "~",
            "1",
            "1.0",
            "0x1f",
            "012",
            "1_000",
            "2020-01-01",
            "12:30:45",
            "- a",
            "a: b",
            "# c",
            "|",
            ">",
            "&a",
            "*a",
            "!t",
            "%x",
            "@",
            "`",
            "'q'",
            "\"q\"",
            "\\",
            "a\nb\n",
            "\ttab",
            "é漢🚗",
            "\u{2028}",
            "#set($a = {\"b\": [1]})\n#foreach($x in $a)\n  $x\n#end\n",
        ];
        let long = "k".repeat(2000);
        let mut all: serde_json::Map<String, Value> =
            texts.iter().map(|text| ((*text).to_owned(), json!([text, {"in": text}, [text]]))).collect();
        all.insert(long, json!({"deep": {"er": [{}, [], [[{"a": -1.25, "b": 1e300}]]]}}));
        let document = Value::Object(all);
        let read: Value = serde_saphyr::from_str(&print(&document)).expect("YAML");
        assert_eq!(read, document);
    }
}
