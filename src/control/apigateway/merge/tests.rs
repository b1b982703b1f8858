//! Documents of `tests/openapi/import` with what is made of them beside each; and imports over an API that there is.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::control::apigateway::methods as wire;
use crate::control::openapi::import::{self, BasePath, Options};
use crate::model::id::ApiId;
use crate::model::rest::{ApiKeySource, Endpoint, EndpointType, IpAddressType};

fn options(base_path: BasePath) -> Options {
    Options {
        api: ApiId::new("abcdefghij"),
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        base_path,
        documentation: true,
    }
}

fn api() -> RestApi {
    RestApi {
        id: ApiId::new("abcdefghij"),
        name: String::new(),
        description: None,
        version: None,
        created: 0,
        api_key_source: ApiKeySource::Header,
        binary_media_types: Vec::new(),
        minimum_compression_size: None,
        endpoint: Endpoint {
            kind: EndpointType::Regional,
            ip_address_type: IpAddressType::Ipv4,
            vpc_endpoint_ids: Vec::new(),
        },
        policy: None,
        security_policy: None,
        endpoint_access_mode: None,
        disable_execute_api_endpoint: false,
        tags: Default::default(),
        root: ResourceId::new("root"),
    }
}

/// What an import makes of a document: everything, but for ids.
fn outcome(bytes: &[u8]) -> Value {
    let (description, mut report) = match import::read(bytes, &options(BasePath::Ignore)) {
        Ok(read) => read,
        // What a parser says in detail is its own.
        Err(why) => return json!({"error": why.lines().next()}),
    };
    let methods = description.paths.iter().map(|(path, methods)| {
        let methods = methods.values().map(|method| (method.verb.to_string(), wire::members(method).into()));
        (path.clone(), Value::Object(methods.collect()))
    });
    let methods = Value::Object(methods.collect());
    let models = description.models.values().map(|model| {
        let schema = serde_json::from_str(model.schema.as_deref().unwrap_or_default()).unwrap_or(Value::Null);
        let is_long = schema.to_string().len() > 2000;
        (model.name.clone(), if is_long { "long".into() } else { schema })
    });
    let models = Value::Object(models.collect());
    let mut authorizers = json!(description.authorizers);
    for authorizer in authorizers.as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        authorizer["id"] = Value::Null;
    }
    let plan = plan(Before::nothing(api()), description, Mode::Overwrite, &mut report);
    let problems = report.problems();
    if !problems.is_empty() {
        return json!({"problems": problems, "warnings": report.warnings()});
    }
    let changes: Vec<String> = plan.changes.iter().map(|change| format!("{} {}", change.kind, change.name)).collect();
    json!({
        "api": plan.api, "methods": methods, "models": models, "authorizers": authorizers,
        "changes": changes, "warnings": report.warnings(),
    })
}

/// With `TURNPIKE_WRITE_EXPECTED=1` the outcomes are written instead: read the difference before it is committed.
#[test]
fn documents_have_the_outcome_beside_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/import");
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("its entries can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name in ASCII").to_owned();
        if name.ends_with(".expected") {
            continue;
        }
        let found = format!("{:#}\n", outcome(&fs::read(&path).expect("the document can be read")));
        let beside = folder.join(format!("{name}.expected"));
        if std::env::var_os("TURNPIKE_WRITE_EXPECTED").is_some() {
            fs::write(&beside, &found).expect("the outcome can be written");
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        assert_eq!(found, expected, "{name}");
        count += 1;
    }
    assert!(count > 10, "{count} documents");
}

/// An API as an import leaves it, without a store between.
fn after(before: &Before, document: &str, mode: Mode) -> (Before, Vec<String>) {
    let read = |api: Option<&Before>| {
        let (description, mut report) = import::read(document.as_bytes(), &options(BasePath::Ignore)).expect("OpenAPI");
        let again = copy(api.unwrap_or(before));
        let mut described = import::read(document.as_bytes(), &options(BasePath::Ignore)).expect("OpenAPI").0;
        let planned = plan(again, description, mode, &mut report);
        assert_eq!(report.problems(), Vec::<String>::new());
        named::keep_ids(before, &mut described);
        (planned, described)
    };
    let (planned, described) = read(None);
    let mut next = copy(before);
    next.found = Some(Stored { revision: 1, value: planned.api.clone() });
    next.api = planned.api;
    if mode == Mode::Overwrite {
        next.models.clear();
        next.authorizers.clear();
        next.request_validators.clear();
    }
    next.models.extend(described.models);
    next.authorizers.extend(described.authorizers);
    next.request_validators.extend(described.request_validators);
    let changes = planned.changes.iter().map(|change| format!("{} {} {}", change.how, change.kind, change.name));
    (next, changes.collect())
}

fn copy(before: &Before) -> Before {
    Before {
        api: before.api.clone(),
        found: before.found.clone(),
        edit: Edit::new(),
        resources: before.resources.clone(),
        methods: before.methods.clone(),
        models: before.models.clone(),
        authorizers: before.authorizers.clone(),
        request_validators: before.request_validators.clone(),
        gateway_responses: before.gateway_responses.clone(),
        documentation: before.documentation.clone(),
    }
}

const MODELS: &str = r#"{"openapi": "3.0.0", "info": {"title": "t", "version": "1"}, "paths": {},
    "components": {"schemas": {"A": {"type": "object"}, "B": {"type": "string"}}}}"#;
const OTHER_MODELS: &str = r#"{"openapi": "3.0.0", "info": {"title": "t", "version": "2"}, "paths": {},
    "x-amazon-apigateway-binary-media-types": ["a/b"],
    "components": {"schemas": {"B": {"type": "string"}, "C": {"type": "object"}}}}"#;

#[test]
fn only_what_differs_is_a_change() {
    let (first, changes) = after(&Before::nothing(api()), MODELS, Mode::Overwrite);
    assert_eq!(changes, ["added api t", "added model A", "added model B"]);
    assert_eq!(after(&first, MODELS, Mode::Overwrite).1, Vec::<String>::new());
    assert_eq!(after(&first, MODELS, Mode::Merge).1, Vec::<String>::new());
    let (merged, changes) = after(&first, OTHER_MODELS, Mode::Merge);
    assert_eq!(changes, ["changed api t", "added model C"]);
    assert_eq!(merged.models["B"].id, first.models["B"].id);
    let (over, changes) = after(&first, OTHER_MODELS, Mode::Overwrite);
    assert_eq!(changes, ["changed api t", "removed model A", "added model C"]);
    assert_eq!(over.api.binary_media_types, ["a/b"]);
    // What the document doesn't say goes, or stays, as the mode says.
    assert_eq!(after(&over, MODELS, Mode::Overwrite).0.api.binary_media_types, Vec::<String>::new());
    assert_eq!(after(&over, MODELS, Mode::Merge).0.api.binary_media_types, ["a/b"]);
}

#[test]
fn base_paths_are_ignored_prepended_or_split() {
    let swagger = |base: &str| {
        format!(r#"{{"swagger": "2.0", "info": {{"title": "t"}}, "basePath": "{base}", "paths": {{"/e": {{}}}}}}"#)
    };
    let server = |server: &str| {
        format!(r#"{{"openapi": "3.0.0", "info": {{"title": "t"}}, "servers": [{server}], "paths": {{"/e": {{}}}}}}"#)
    };
    let variable = r#"{"url": "http://h", "variables": {"basePath": {"default": "v1"}}}"#;
    for (document, mode, expected) in [
        (swagger("/a/b/c"), BasePath::Ignore, &["/e"][..]),
        (swagger("/a/b/c"), BasePath::Prepend, &["/a", "/a/b", "/a/b/c", "/a/b/c/e"]),
        (swagger("/a/b/c"), BasePath::Split, &["/b", "/b/c", "/b/c/e"]),
        (swagger("/a"), BasePath::Split, &["/e"]),
        (server(r#"{"url": "https://h/x/y"}"#), BasePath::Prepend, &["/x", "/x/y", "/x/y/e"]),
        (server(r#"{"url": "https://h"}"#), BasePath::Prepend, &["/e"]),
        (server(variable), BasePath::Prepend, &["/v1", "/v1/e"]),
    ] {
        let (description, mut report) = import::read(document.as_bytes(), &options(mode)).expect("OpenAPI");
        let plan = plan(Before::nothing(api()), description, Mode::Merge, &mut report);
        let paths: Vec<&str> =
            plan.changes.iter().filter(|change| change.kind == "path").map(|change| change.name.as_str()).collect();
        assert_eq!(paths, expected, "{document} {mode:?}");
    }
}

/// A document of 2 MB is one transaction: the store must take as many parts.
#[test]
fn a_large_document_is_read() {
    let mut paths = serde_json::Map::new();
    for number in 0..900 {
        let operation = json!({
            "description": "d".repeat(300),
            "parameters": [{"name": "q", "in": "query", "description": "p".repeat(100)}],
            "responses": {"200": {"description": "fine"}, "404": {"description": "not there"}},
            "x-amazon-apigateway-integration": {"type": "http_proxy", "httpMethod": "GET", "uri": "http://backend.example/x"},
        });
        let item = json!({"get": operation.clone(), "post": operation.clone(), "put": operation});
        paths.insert(format!("/r{number}/x"), item);
    }
    let document = json!({"openapi": "3.0.0", "info": {"title": "large", "version": "1"}, "paths": paths}).to_string();
    assert!(document.len() > 1_500_000, "{} bytes", document.len());
    let (description, mut report) = import::read(document.as_bytes(), &options(BasePath::Ignore)).expect("OpenAPI");
    let plan = plan(Before::nothing(api()), description, Mode::Overwrite, &mut report);
    assert_eq!(report.problems(), Vec::<String>::new());
    assert_eq!(plan.changes.iter().filter(|change| change.kind == "method").count(), 2700);
}
