//! A page for people who call an API: made of an OpenAPI 3.0 document, whole in itself, without scripts.
//!
//! Everything that comes from the document is escaped; what it has no words for is left out.

mod html;
mod operation;
mod schema;

use std::fmt::Write;

use serde_json::{Map, Value};

use html::{Text, anchor, paragraphs, text};

const STYLE: &str = include_str!("style.css");

/// The header fields of a page: it fetches nothing, runs nothing, and tells nobody its address, which may be signed.
pub fn headers() -> Vec<(&'static str, String)> {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
    [
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "private, no-store"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

/// Renders a document. `path` is where the API is on a node's own gateway address.
pub fn render(document: &Value, path: &str) -> String {
    let title = text(&document["info"]["title"]);
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{0}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        Text(title)
    );
    contents(&mut out, document);
    out.push_str("<main>\n");
    head(&mut out, document, path);
    for (path, item) in members(&document["paths"]) {
        let _ = writeln!(out, "<section>\n<h2>{}</h2>", Text(path));
        note(&mut out, &item["summary"]);
        paragraphs(&mut out, &item["description"]);
        for (key, operation) in operations(item) {
            operation::write(&mut out, path, key, operation);
        }
        out.push_str("</section>\n");
    }
    security(&mut out, &document["components"]["securitySchemes"]);
    models(&mut out, &document["components"]["schemas"]);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// The members of an object; none of anything else.
fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

/// What of a path item is an operation.
fn operations(item: &Value) -> impl Iterator<Item = (&str, &Value)> {
    members(item).filter(|(_, value)| value.is_object())
}

/// The table of contents.
fn contents(out: &mut String, document: &Value) {
    out.push_str("<nav>\n");
    for (path, item) in members(&document["paths"]) {
        for (key, _) in operations(item) {
            let (id, verb) = (operation::id(key, path), operation::verb(key));
            let _ = writeln!(out, "<a href=\"#{}\">{verb}{}</a>", Text(&id), Text(path));
        }
    }
    for (name, _) in members(&document["components"]["schemas"]) {
        let _ = writeln!(out, "<a href=\"#{}\">{}</a>", Text(&anchor("model", name)), Text(name));
    }
    out.push_str("</nav>\n");
}

fn head(out: &mut String, document: &Value, path: &str) {
    let info = &document["info"];
    let server = &document["servers"][0];
    let stage = text(&server["variables"]["basePath"]["default"]);
    let base = text(&server["url"]).replace("{basePath}", stage);
    let _ = writeln!(out, "<h1>{}</h1>", Text(text(&info["title"])));
    let _ = writeln!(out, "<p class=\"soft\">Version {}, stage {}</p>", Text(text(&info["version"])), Text(stage));
    paragraphs(out, &info["description"]);
    let _ = writeln!(out, "<h4>Base URL</h4>\n<p><code>{}</code></p>", Text(&base));
    let _ = writeln!(out, "<p class=\"soft\">On any node's gateway address: <code>{}</code></p>", Text(path));
    for (what, value) in [
        ("Terms of service", &info["termsOfService"]),
        ("Contact", &info["contact"]["name"]),
        ("Contact", &info["contact"]["email"]),
        ("Licence", &info["license"]["name"]),
    ] {
        if let Some(value) = value.as_str() {
            let _ = writeln!(out, "<p class=\"soft\">{what}: {}</p>", Text(value));
        }
    }
}

/// A line beside the matter, if there is one.
fn note(out: &mut String, value: &Value) {
    if let Some(note) = value.as_str().filter(|note| !note.is_empty()) {
        let _ = writeln!(out, "<p class=\"soft\">{}</p>", Text(note));
    }
}

fn security(out: &mut String, schemes: &Value) {
    if members(schemes).next().is_none() {
        return;
    }
    out.push_str("<section>\n<h2>Security</h2>\n");
    for (name, scheme) in members(schemes) {
        let _ = writeln!(out, "<h3 id=\"{}\">{}</h3>", Text(&anchor("security", name)), Text(name));
        paragraphs(out, &scheme["description"]);
        let signed = text(&scheme["x-amazon-apigateway-authtype"]) == "awsSigv4";
        let _ = if signed {
            writeln!(out, "<p>The request is signed with AWS Signature Version 4.</p>")
        } else if text(&scheme["name"]) == "Unused" {
            writeln!(out, "<p>The authorizer decides by the request as a whole.</p>")
        } else {
            writeln!(out, "<p>A value in the header <code>{}</code>.</p>", Text(text(&scheme["name"])))
        };
    }
    out.push_str("</section>\n");
}

fn models(out: &mut String, schemas: &Value) {
    if members(schemas).next().is_none() {
        return;
    }
    out.push_str("<section>\n<h2>Models</h2>\n");
    for (name, schema) in members(schemas) {
        let _ = writeln!(out, "<h3 id=\"{}\">{}</h3>", Text(&anchor("model", name)), Text(name));
        note(out, &schema["title"]);
        schema::write(out, schema, 0);
    }
    out.push_str("</section>\n");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(document: &Value) -> String {
        render(document, "/_aws/execute-api/abc/prod")
    }

    #[test]
    fn everything_is_escaped() {
        let evil = "<script>alert('x')</script>\"&";
        let document = json!({
            "info": {"title": evil, "version": evil, "description": evil},
            "servers": [{"url": evil, "variables": {"basePath": {"default": evil}}}],
            "paths": {evil: {"summary": evil, "get": {
                "summary": evil, "description": evil, "tags": [evil], "operationId": evil,
                "parameters": [{"name": evil, "in": evil, "description": evil}],
                "requestBody": {"description": evil, "content": {evil: {"schema": {"$ref": evil}}}},
                "responses": {evil: {"description": evil, "headers": {evil: {"description": evil}}}},
                "security": [{evil: [evil]}],
            }}},
            "components": {
                "schemas": {evil: {"title": evil, "type": evil, "enum": [evil], "properties": {evil: {"description": evil}}}},
                "securitySchemes": {evil: {"name": evil, "description": evil}},
            },
        });
        let page = page(&document);
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("'x'") && !page.contains(">\"&"), "{page}");
    }

    #[test]
    fn a_document_without_anything_is_a_page() {
        for document in [json!({}), json!(null), json!({"paths": {"/": {"get": 1}}, "info": []})] {
            assert!(page(&document).ends_with("</html>\n"));
        }
    }

    #[test]
    fn a_schema_may_be_deep_and_wide() {
        let mut schema = json!({"enum": (0..100_000).collect::<Vec<_>>()});
        for _ in 0..100 {
            schema = json!({"type": "array", "items": schema, "allOf": [{"type": "object"}]});
        }
        let page = page(&json!({"components": {"schemas": {"Deep": schema}}}));
        assert!(page.len() < 100_000, "{}", page.len());
    }
}
