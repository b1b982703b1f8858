//! A schema in a page: a line that says what it is, and a list of what is in it.

use std::fmt::Write;

use serde_json::Value;

use super::html::{Text, anchor, paragraphs};
use super::members;

/// A schema is followed so far inward.
const DEPTH: usize = 12;
/// So many values of an enumeration are shown.
const VALUES: usize = 40;
/// What limits a value, in the order in which it is told.
const LIMITS: [&str; 11] = [
    "default",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "multipleOf",
    "uniqueItems",
    "example",
];

/// Writes a schema; `depth` is how far inward it is.
pub(super) fn write(out: &mut String, schema: &Value, depth: usize) {
    if !schema.is_object() {
        return;
    }
    let _ = writeln!(out, "<p class=\"soft\">{}{}</p>", kind(schema), limits(schema));
    if schema["$ref"].is_string() {
        return;
    }
    paragraphs(out, &schema["description"]);
    if depth >= DEPTH {
        out.push_str("<p class=\"soft\">and so on</p>\n");
        return;
    }
    properties(out, schema, depth);
    for (word, name) in [("Each of them", "items"), ("Every other", "additionalProperties"), ("Not", "not")] {
        if schema[name].is_object() {
            let _ = writeln!(out, "<ul><li>{word}:");
            write(out, &schema[name], depth + 1);
            out.push_str("</li></ul>\n");
        }
    }
    for (word, name) in [("All of", "allOf"), ("Any of", "anyOf"), ("One of", "oneOf")] {
        if let Some(parts) = schema[name].as_array() {
            let _ = writeln!(out, "<p class=\"soft\">{word}</p>\n<ul>");
            for part in parts {
                out.push_str("<li>");
                write(out, part, depth + 1);
                out.push_str("</li>\n");
            }
            out.push_str("</ul>\n");
        }
    }
}

fn properties(out: &mut String, schema: &Value, depth: usize) {
    if members(&schema["properties"]).next().is_none() {
        return;
    }
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name));
    out.push_str("<ul>\n");
    for (name, property) in members(&schema["properties"]) {
        let need = if required(name) { " <span class=\"soft\">required</span>" } else { "" };
        let _ = write!(out, "<li><code>{}</code>{need}", Text(name));
        write(out, property, depth + 1);
        out.push_str("</li>\n");
    }
    out.push_str("</ul>\n");
}

/// The type, or the model that it refers to.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.strip_prefix("#/components/schemas/").unwrap_or(reference);
        // What is inside of a model is found where the model is.
        let model = name.split('/').next().unwrap_or(name);
        return format!("<a href=\"#{}\">{}</a>", anchor("model", model), Text(name));
    }
    let kind = match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ if schema["properties"].is_object() => "object".to_owned(),
        _ => "anything".to_owned(),
    };
    let format = schema["format"].as_str().map(|format| format!(", {format}")).unwrap_or_default();
    Text(&format!("{kind}{format}")).to_string()
}

fn limits(schema: &Value) -> String {
    let mut told = String::new();
    if let Some(values) = schema["enum"].as_array() {
        let shown: Vec<String> = values.iter().take(VALUES).map(Value::to_string).collect();
        let more = values.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = write!(told, "; one of <code>{}</code>{more}", Text(&shown.join(", ")));
    }
    for name in LIMITS {
        if let Some(value) = schema.get(name) {
            let _ = write!(told, "; {name} <code>{}</code>", Text(&value.to_string()));
        }
    }
    told
}
