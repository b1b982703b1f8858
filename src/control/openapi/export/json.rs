//! JSON as AWS prints it: a space on both sides of a colon, lists on the line that they begin on.

use serde_json::Value;

/// Prints a document.
pub fn print(document: &Value) -> String {
    let mut out = String::new();
    write(&mut out, document, 0);
    out
}

fn write(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(members) if members.is_empty() => out.push_str("{ }"),
        Value::Object(members) => {
            let mut before = "{";
            for (name, value) in members {
                out.push_str(before);
                line(out, depth + 1);
                out.push_str(&quoted(name));
                out.push_str(" : ");
                write(out, value, depth + 1);
                before = ",";
            }
            line(out, depth);
            out.push('}');
        }
        Value::Array(items) => {
            let mut before = "[ ";
            for item in items {
                out.push_str(before);
                write(out, item, depth);
                before = ", ";
            }
            out.push_str(if items.is_empty() { "[ ]" } else { " ]" });
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// A text in quotation marks.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::print;

    #[test]
    fn documents_look_as_awss() {
        for (value, expected) in [
            (json!({}), "{ }"),
            (json!([]), "[ ]"),
            (json!({"a": {}, "b": [1, "x"]}), "{\n  \"a\" : { },\n  \"b\" : [ 1, \"x\" ]\n}"),
            (
                json!({"s": [{"u": 1}, {"v": true}]}),
                "{\n  \"s\" : [ {\n    \"u\" : 1\n  }, {\n    \"v\" : true\n  } ]\n}",
            ),
            (json!("é\"\n/"), "\"é\\\"\\n/\""),
        ] {
            assert_eq!(print(&value), expected);
        }
    }
}
