//! An operation in a page: what it is for, what it takes, what it answers, and who may call.

use std::fmt::Write;

use serde_json::Value;

use super::html::{Text, anchor, paragraphs, text};
use super::{members, note, schema};
use crate::control::openapi::extensions::ANY_METHOD;

/// The verb of an operation's key, as a badge.
pub(super) fn verb(key: &str) -> String {
    let (class, name) = match key {
        "get" | "post" | "put" | "patch" | "delete" => (key, key),
        ANY_METHOD => ("", "any"),
        other => ("", other),
    };
    format!("<span class=\"verb {class}\">{}</span>", Text(&name.to_ascii_uppercase()))
}

/// The name of an operation's place.
pub(super) fn id(key: &str, path: &str) -> String {
    let key = if key == ANY_METHOD { "any" } else { key };
    anchor("operation", &format!("{key} {path}"))
}

pub(super) fn write(out: &mut String, path: &str, key: &str, operation: &Value) {
    let old = if operation["deprecated"] == true { " class=\"old\"" } else { "" };
    let place = id(key, path);
    let _ = writeln!(out, "<article id=\"{place}\">\n<h3{old}>{}{}</h3>", verb(key), Text(path));
    note(out, &operation["summary"]);
    paragraphs(out, &operation["description"]);
    security(out, &operation["security"]);
    parameters(out, &operation["parameters"]);
    let body = &operation["requestBody"];
    if body.is_object() {
        out.push_str("<h4>Body</h4>\n");
        paragraphs(out, &body["description"]);
        content(out, &body["content"]);
    }
    if members(&operation["responses"]).next().is_some() {
        out.push_str("<h4>Answers</h4>\n<table>\n");
        for (status, response) in members(&operation["responses"]) {
            let _ = write!(out, "<tr><td><code>{}</code></td><td>", Text(status));
            paragraphs(out, &response["description"]);
            headers(out, &response["headers"]);
            content(out, &response["content"]);
            out.push_str("</td></tr>\n");
        }
        out.push_str("</table>\n");
    }
    out.push_str("</article>\n");
}

fn security(out: &mut String, asked: &Value) {
    let schemes = asked.as_array().into_iter().flatten().flat_map(members);
    let named = schemes.map(|(name, scopes)| {
        let scopes: Vec<&str> = scopes.as_array().into_iter().flatten().map(text).collect();
        let scopes = if scopes.is_empty() { String::new() } else { format!(" ({})", scopes.join(", ")) };
        format!("<a href=\"#{}\">{}</a>{}", anchor("security", name), Text(name), Text(&scopes))
    });
    let named: Vec<String> = named.collect();
    if !named.is_empty() {
        let _ = writeln!(out, "<p class=\"soft\">Callers need {}.</p>", named.join(" and "));
    }
}

fn parameters(out: &mut String, parameters: &Value) {
    let Some(parameters) = parameters.as_array().filter(|parameters| !parameters.is_empty()) else { return };
    out.push_str("<h4>Parameters</h4>\n<table>\n");
    for parameter in parameters {
        let required = if parameter["required"] == true { "required" } else { "optional" };
        let (name, within) = (Text(text(&parameter["name"])), Text(text(&parameter["in"])));
        let _ = write!(out, "<tr><td><code>{name}</code></td><td><span class=\"soft\">{within}, {required}</span>");
        paragraphs(out, &parameter["description"]);
        out.push_str("</td></tr>\n");
    }
    out.push_str("</table>\n");
}

fn headers(out: &mut String, headers: &Value) {
    for (name, header) in members(headers) {
        let _ = write!(out, "<p class=\"soft\">Header <code>{}</code></p>", Text(name));
        paragraphs(out, &header["description"]);
    }
}

fn content(out: &mut String, content: &Value) {
    for (media, body) in members(content) {
        let _ = writeln!(out, "<p><code>{}</code></p>", Text(media));
        schema::write(out, &body["schema"], 0);
    }
}
