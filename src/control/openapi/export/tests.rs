//! An API made of nouns, and the documents that it is exported as: `tests/openapi/export/`.
//!
//! A document that is missing there, or all of them with `TURNPIKE_WRITE_EXPECTED=1`, are written; what was there before
//! must be what is exported.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::model::id::{ApiId, AuthorizerId, DocumentationPartId, RequestValidatorId, ResourceId};
use crate::model::rest::{
    ApiKeySource, AuthorizationType, Authorizer, AuthorizerType, ConnectionType, ContentHandling, DocumentationPart,
    DocumentationVersion, Endpoint, EndpointType, GatewayResponse, GatewayResponseType, Integration,
    IntegrationResponse, IntegrationType, IpAddressType, Location, LocationType, Method, MethodResponse, Model,
    Passthrough, RequestValidator, RestApi, SnapshotResource, Strings, Verb,
};

/// 2017-11-22T19:41:19Z
const MADE: i64 = 1_511_379_679;
const LAMBDA: &str = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:123456789012:function:pets/invocations";

fn strings(pairs: &[(&str, &str)]) -> Strings {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn api() -> RestApi {
    RestApi {
        id: ApiId::new("abcdefghij"),
        name: "Pets: a shop".to_owned(),
        description: Some("Sells \"pets\",\nbuys none.".to_owned()),
        version: None,
        created: MADE,
        api_key_source: ApiKeySource::Authorizer,
        binary_media_types: vec!["image/*".to_owned()],
        minimum_compression_size: Some(1024),
        endpoint: Endpoint {
            kind: EndpointType::Regional,
            ip_address_type: IpAddressType::Ipv4,
            vpc_endpoint_ids: Vec::new(),
        },
        policy: Some(r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned()),
        security_policy: None,
        endpoint_access_mode: None,
        disable_execute_api_endpoint: false,
        tags: Strings::new(),
        root: ResourceId::new("root000000"),
    }
}

fn integration(kind: IntegrationType) -> Integration {
    Integration {
        kind,
        http_method: None,
        uri: None,
        connection_type: None,
        connection_id: None,
        credentials: None,
        request_parameters: Strings::new(),
        request_templates: None,
        passthrough: Passthrough::WhenNoMatch,
        content_handling: None,
        timeout_millis: 29_000,
        cache_namespace: "pets00".to_owned(),
        cache_key_parameters: Vec::new(),
        insecure_skip_verification: None,
        transfer_mode: None,
        target: None,
        responses: BTreeMap::new(),
    }
}

fn method(verb: Verb, integration: Integration) -> Method {
    Method {
        verb,
        authorization_type: AuthorizationType::None,
        authorizer_id: None,
        authorization_scopes: Vec::new(),
        api_key_required: false,
        request_validator_id: None,
        operation_name: None,
        request_parameters: BTreeMap::new(),
        request_models: Strings::new(),
        responses: BTreeMap::new(),
        integration: Some(integration),
    }
}

/// The smallest API that can be deployed.
fn small() -> Snapshot {
    let mut api = api();
    (api.description, api.policy, api.minimum_compression_size) = (None, None, None);
    (api.api_key_source, api.binary_media_types) = (ApiKeySource::Header, Vec::new());
    let mut method = method(Verb::Get, integration(IntegrationType::Mock));
    method.responses.insert("200".to_owned(), MethodResponse::default());
    let resource = SnapshotResource { id: ResourceId::new("pets00"), path: "/".to_owned(), methods: vec![method] };
    Snapshot {
        api,
        resources: vec![resource],
        models: vec![model(
            "Empty",
            Some("This is a default empty schema model"),
            r#"{"$schema":"x","type":"object"}"#,
        )],
        authorizers: Vec::new(),
        request_validators: Vec::new(),
        gateway_responses: Vec::new(),
    }
}

fn model(name: &str, description: Option<&str>, schema: &str) -> Model {
    Model {
        id: name.to_lowercase(),
        name: name.to_owned(),
        content_type: "application/json".to_owned(),
        description: description.map(str::to_owned),
        schema: Some(schema.to_owned()),
    }
}

fn authorizer(id: &str, name: &str, kind: AuthorizerType) -> Authorizer {
    Authorizer {
        id: AuthorizerId::new(id),
        name: name.to_owned(),
        kind,
        provider_arns: Vec::new(),
        auth_type: "custom".to_owned(),
        uri: Some(LAMBDA.to_owned()),
        credentials: None,
        identity_source: None,
        identity_validation_expression: None,
        result_ttl_seconds: None,
    }
}

fn authorizers() -> Vec<Authorizer> {
    vec![
        Authorizer {
            identity_source: Some("method.request.header.X-Token".to_owned()),
            identity_validation_expression: Some("^x.*$".to_owned()),
            result_ttl_seconds: Some(0),
            ..authorizer("token0", "token", AuthorizerType::Token)
        },
        Authorizer {
            identity_source: Some("method.request.header.A, context.identity.sourceIp".to_owned()),
            ..authorizer("reques", "request", AuthorizerType::Request)
        },
        Authorizer {
            provider_arns: vec!["arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_a".to_owned()],
            auth_type: "cognito_user_pools".to_owned(),
            uri: None,
            identity_source: Some("method.request.header.Authorization".to_owned()),
            ..authorizer("cognit", "pool", AuthorizerType::CognitoUserPools)
        },
    ]
}

/// An API that has something of everything.
fn large() -> Snapshot {
    let pet = r##"{"$schema":"http://json-schema.org/draft-04/schema#","title":"Pet","type":"object","required":["id"],
        "properties":{"id":{"type":"integer","maximum":1e21},"parent":{"$ref":"#"},
        "toys":{"type":"array","items":{"$ref":"https://apigateway.amazonaws.com/restapis/abcdefghij/models/Toy"}}}}"##;
    let toy = r#"{"type":"object","properties":{"owner":{"$ref":"https://apigateway.amazonaws.com/restapis/abcdefghij/models/Pet"}}}"#;
    let mut list = method(Verb::Get, {
        let mut called = integration(IntegrationType::Http);
        called.http_method = Some("GET".to_owned());
        called.uri = Some("https://pets.example.com/{stage}".to_owned());
        called.connection_type = Some(ConnectionType::VpcLink);
        called.connection_id = Some("${stageVariables.link}".to_owned());
        called.request_parameters =
            strings(&[("integration.request.querystring.kind", "method.request.querystring.kind")]);
        called.cache_key_parameters = vec!["method.request.querystring.kind".to_owned()];
        called.cache_namespace = "shared".to_owned();
        called.insecure_skip_verification = Some(true);
        called.timeout_millis = 5000;
        called.responses = BTreeMap::from([
            ("200".to_owned(), IntegrationResponse::default()),
            (
                "404".to_owned(),
                IntegrationResponse {
                    selection_pattern: Some("404".to_owned()),
                    parameters: Some(strings(&[("method.response.header.X-Why", "'none'")])),
                    templates: Some(BTreeMap::from([("application/json".to_owned(), None)])),
                    content_handling: Some(ContentHandling::ConvertToText),
                },
            ),
        ]);
        called
    });
    list.api_key_required = true;
    list.authorization_type = AuthorizationType::CognitoUserPools;
    list.authorizer_id = Some("cognit".to_owned());
    list.authorization_scopes = vec!["pets/read".to_owned()];
    list.operation_name = Some("listPets".to_owned());
    list.request_parameters = BTreeMap::from([
        ("method.request.header.X-Trace".to_owned(), false),
        ("method.request.querystring.kind".to_owned(), true),
    ]);
    let answered = |models: &[(&str, &str)]| MethodResponse {
        parameters: Some(BTreeMap::from([("method.response.header.X-Why".to_owned(), false)])),
        models: Some(strings(models)),
    };
    list.responses = BTreeMap::from([
        ("200".to_owned(), answered(&[("application/json", "Pet"), ("text/csv", "Empty")])),
        ("404".to_owned(), answered(&[])),
    ]);
    let mut create = method(Verb::Post, {
        let mut called = integration(IntegrationType::Mock);
        let template = "#set($x = 1)\n{\"statusCode\": 200}\n".to_owned();
        called.request_templates = Some(BTreeMap::from([("application/json".to_owned(), Some(template))]));
        called.passthrough = Passthrough::Never;
        called
    });
    create.authorization_type = AuthorizationType::AwsIam;
    create.request_validator_id = Some("valida".to_owned());
    create.request_models = strings(&[("application/json", "Pet")]);
    create.responses = BTreeMap::from([("201".to_owned(), answered(&[]))]);
    let mut any = method(Verb::Any, {
        let mut called = integration(IntegrationType::AwsProxy);
        called.http_method = Some("POST".to_owned());
        called.uri = Some(LAMBDA.to_owned());
        called.cache_namespace = "proxy0".to_owned();
        called
    });
    any.authorization_type = AuthorizationType::Custom;
    any.authorizer_id = Some("token0".to_owned());
    any.request_parameters = BTreeMap::from([("method.request.path.proxy".to_owned(), true)]);
    let resource =
        |id: &str, path: &str, methods| SnapshotResource { id: ResourceId::new(id), path: path.to_owned(), methods };
    Snapshot {
        api: RestApi { version: Some("1.0".to_owned()), ..api() },
        resources: vec![
            resource("pets00", "/pets", vec![list, create]),
            resource("proxy0", "/pets/{proxy+}", vec![any]),
        ],
        models: vec![
            model("Empty", Some("This is a default empty schema model"), r#"{"title":"Empty Schema","type":"object"}"#),
            model("Error", Some("This is a default error schema model"), r#"{"type":"object"}"#),
            model("Pet", Some("A pet."), pet),
            model("Toy", None, toy),
            model("Unused", None, r#"{"type":"string"}"#),
        ],
        authorizers: authorizers(),
        request_validators: vec![RequestValidator {
            id: RequestValidatorId::new("valida"),
            name: "all of it".to_owned(),
            validate_body: true,
            validate_parameters: false,
        }],
        gateway_responses: vec![GatewayResponse {
            kind: GatewayResponseType::Unauthorized,
            status: Some("401".to_owned()),
            parameters: strings(&[("gatewayresponse.header.X-Why", "'who'")]),
            templates: Strings::new(),
        }],
    }
}

fn documentation() -> Documentation {
    let part =
        |kind, path: Option<&str>, method: Option<&str>, name: Option<&str>, properties: &str| DocumentationPart {
            id: DocumentationPartId::new("part00"),
            location: Location {
                kind,
                path: path.map(str::to_owned),
                method: method.map(str::to_owned),
                status_code: None,
                name: name.map(str::to_owned),
            },
            properties: properties.to_owned(),
        };
    Documentation::of(&DocumentationVersion {
        version: "d1".to_owned(),
        description: None,
        created: MADE,
        parts: vec![
            part(
                LocationType::Api,
                None,
                None,
                None,
                r#"{"info":{"description":"All about pets."},"tags":[{"name":"pets"}]}"#,
            ),
            part(LocationType::Resource, Some("/pets"), None, None, r#"{"description":"All pets."}"#),
            part(LocationType::Method, Some("/"), Some("*"), None, r#"{"summary":"Anything"}"#),
            part(
                LocationType::Method,
                Some("/pets"),
                Some("GET"),
                None,
                r#"{"summary":"Lists pets","tags":["pets"],"odd":1}"#,
            ),
            part(LocationType::QueryParameter, Some("/pets"), Some("GET"), Some("kind"), r#"{"description":"Which."}"#),
            part(LocationType::RequestBody, Some("/pets"), Some("POST"), None, r#"{"description":"The pet."}"#),
            part(LocationType::Response, Some("/pets"), Some("*"), None, r#"{"description":"As you see."}"#),
            part(LocationType::ResponseHeader, Some("/"), Some("*"), Some("X-Why"), r#"{"description":"Why."}"#),
            part(LocationType::Model, None, None, Some("Toy"), r#"{"description":"Squeaks."}"#),
            part(LocationType::Authorizer, None, None, Some("pool"), r#"{"description":"Staff."}"#),
            part(LocationType::Method, Some("/pets"), Some("POST"), None, "no JSON"),
        ],
    })
}

fn exported(snapshot: &Snapshot, documentation: &Documentation, dialect: Dialect, extensions: &str) -> Value {
    let stage = StageName::new("prod");
    let subject = Subject { snapshot, stage: &stage, documentation, region: "eu-central-1" };
    let extensions = Extensions::parse(extensions).expect("known extensions");
    document(&subject, Options { dialect, extensions }).expect("a document")
}

fn check(name: &str, document: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/export").join(name);
    if std::env::var_os("TURNPIKE_WRITE_EXPECTED").is_some() {
        std::fs::write(&file, document).expect("a file that can be written");
    }
    let expected = std::fs::read_to_string(&file).expect("an expected document");
    assert_eq!(document, expected, "{name}: TURNPIKE_WRITE_EXPECTED=1 writes what is exported now");
}

#[test]
fn documents_are_as_expected() {
    let (small, large, none, documented) = (small(), large(), Documentation::default(), documentation());
    for (name, snapshot, documentation, dialect, extensions) in [
        ("small-swagger", &small, &none, Dialect::Swagger, ""),
        ("small-oas30", &small, &none, Dialect::OpenApi, ""),
        ("large-swagger", &large, &none, Dialect::Swagger, ""),
        ("large-oas30", &large, &none, Dialect::OpenApi, ""),
        ("large-swagger-all", &large, &none, Dialect::Swagger, "apigateway"),
        ("large-oas30-all", &large, &none, Dialect::OpenApi, "apigateway"),
        ("large-oas30-some", &large, &none, Dialect::OpenApi, "integrations,authorizers,postman"),
        ("documented-swagger", &large, &documented, Dialect::Swagger, ""),
        ("documented-oas30", &large, &documented, Dialect::OpenApi, "apigateway"),
    ] {
        let document = exported(snapshot, documentation, dialect, extensions);
        check(&format!("{name}.json"), &json::print(&document));
        check(&format!("{name}.yaml"), &yaml::print(&document));
    }
}

#[test]
fn a_page_is_as_expected() {
    let document = exported(&large(), &documentation(), Dialect::OpenApi, "");
    let page = crate::control::openapi::page::render(&document, "/_aws/execute-api/abcdefghij/prod");
    check("documented.html", &page);
}

#[test]
fn a_model_of_something_else_than_json_is_refused_where_it_is_used() {
    let mut snapshot = large();
    let stage = StageName::new("prod");
    let export = |snapshot: &Snapshot, extensions: &str| {
        let subject =
            Subject { snapshot, stage: &stage, documentation: &Documentation::default(), region: "eu-central-1" };
        let extensions = Extensions::parse(extensions).expect("known extensions");
        document(&subject, Options { dialect: Dialect::OpenApi, extensions }).map(drop)
    };
    snapshot.models[4].content_type = "application/xml".to_owned();
    let problem = Problem::NotJson { model: "Unused".to_owned(), content_type: "application/xml".to_owned() };
    assert_eq!((export(&snapshot, ""), export(&snapshot, "apigateway")), (Ok(()), Err(problem)));
}

#[test]
fn schemes_have_names_of_their_own() {
    let mut snapshot = large();
    snapshot.authorizers[2].name = "api_key".to_owned();
    let document = exported(&snapshot, &Documentation::default(), Dialect::Swagger, "");
    let asked = &document["paths"]["/pets"]["get"]["security"];
    assert_eq!(*asked, json!([{"api_key": ["pets/read"]}, {"api_key_": []}]));
    assert_eq!(document["securityDefinitions"]["api_key_"]["name"], "x-api-key");
}

#[test]
fn unknown_extensions_are_told() {
    assert_eq!(Extensions::parse("integrations, nonsense"), Err("nonsense".to_owned()));
    assert_eq!(Extensions::parse(""), Ok(Extensions::default()));
}
