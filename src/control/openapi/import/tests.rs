//! What single parts of documents become; whole documents are in `tests/openapi/import`.

use serde_json::{Value, json};

use super::*;

fn options() -> Options {
    Options {
        api: ApiId::new("abcdefghij"),
        region: "cn-north-1".to_owned(),
        account: "123456789012".to_owned(),
        base_path: BasePath::Ignore,
        documentation: false,
    }
}

fn description(document: &Value) -> Description {
    let (description, report) = read(document.to_string().as_bytes(), &options()).expect("OpenAPI");
    assert_eq!(report.problems(), Vec::<String>::new());
    description
}

#[test]
fn variables_are_substituted() {
    let title = "${AWS::Partition}/${AWS::Region}/${AWS::AccountId}/${AWS::Other}";
    let document = json!({"openapi": "3.0.0", "info": {"title": title, "description": "d"}, "paths": {}});
    let description = description(&document);
    assert_eq!(description.name, "aws-cn/cn-north-1/123456789012/${AWS::Other}");
    assert!(description.documentation.is_empty(), "documentation is ignored");
}

#[test]
fn versions_are_told_apart() {
    for (members, fine) in [
        (json!({"swagger": "2.0"}), true),
        (json!({"swagger": 2.0}), true),
        (json!({"openapi": "3.0.3"}), true),
        (json!({"openapi": "3.1.0"}), false),
        (json!({"swagger": "1.2"}), false),
        (json!({"swagger": "2.0", "openapi": "3.0.0"}), false),
        (json!({}), false),
    ] {
        let mut document = json!({"info": {"title": "t", "version": "1"}, "paths": {}});
        document.as_object_mut().expect("an object").extend(members.as_object().cloned().expect("an object"));
        let found = read(document.to_string().as_bytes(), &options());
        assert_eq!(found.is_ok(), fine, "{members}");
        assert!(fine || found.is_err_and(|why| why == INVALID), "{members}");
    }
}

#[test]
fn a_path_s_parameters_are_each_operation_s_own_to_say_anew() {
    let document = json!({"openapi": "3.0.0", "info": {"title": "t"}, "paths": {"/{a}": {
        "parameters": [{"name": "a", "in": "path", "required": true}, {"name": "q", "in": "query"}],
        "get": {"parameters": [{"name": "q", "in": "query", "required": true}]},
        "put": {},
    }}});
    let methods = &description(&document).paths["/{a}"];
    assert!(methods[&Verb::Get].request_parameters["method.request.querystring.q"]);
    assert!(!methods[&Verb::Put].request_parameters["method.request.querystring.q"]);
    assert!(methods[&Verb::Put].request_parameters["method.request.path.a"]);
}

#[test]
fn the_same_schema_has_the_same_generated_name() {
    let schema = json!({"type": "object", "properties": {"x": {"type": "string"}}});
    let response = json!({"200": {"content": {"application/json": {"schema": schema}}}});
    let document = json!({"openapi": "3.0.0", "info": {"title": "t"}, "paths": {
        "/a": {"get": {"responses": response}}, "/b": {"get": {"responses": response}},
    }});
    let (one, other) = (description(&document), description(&document));
    assert_eq!(one.models.keys().collect::<Vec<_>>(), other.models.keys().collect::<Vec<_>>());
    assert_eq!(one.models.len(), 1);
}
