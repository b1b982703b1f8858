//! Which schema is which type.

use serde_json::json;

use super::*;

fn models(schemas: &[(&str, Value)]) -> Vec<Model> {
    let model = |(name, schema): &(&str, Value)| Model {
        id: (*name).to_owned(),
        name: (*name).to_owned(),
        content_type: "application/json".to_owned(),
        description: None,
        schema: Some(schema.to_string()),
    };
    schemas.iter().map(model).collect()
}

/// A declaration as a line: `Pet { id: integer, kind?: PetKind }`.
fn spelled(types: &Types) -> Vec<String> {
    let name = |index: usize| names::pascal(&types.declarations[index].words);
    let line = |index: usize| match &types.declarations[index].shape {
        Shape::Object { fields, open } => {
            let mut fields: Vec<String> = fields
                .iter()
                .map(|field| {
                    let optional = if field.required { "" } else { "?" };
                    format!("{}{optional}: {}", field.name, spell(&field.value, &name))
                })
                .collect();
            fields.extend(open.then(|| "..".to_owned()));
            format!("{} {{ {} }}", name(index), fields.join(", "))
        }
        Shape::Choice(texts) => format!("{} = {texts:?}", name(index)),
        Shape::Alias(alias) => format!("{} = {}", name(index), spell(alias, &name)),
    };
    (0..types.declarations.len()).map(line).collect()
}

fn spell(value: &Type, name: &dyn Fn(usize) -> String) -> String {
    match value {
        Type::Named(index) => name(*index),
        Type::List(item) => format!("[{}]", spell(item, name)),
        Type::Map(value) => format!("{{{}}}", spell(value, name)),
        Type::Union(options) => options.iter().map(|option| spell(option, name)).collect::<Vec<_>>().join(" | "),
        Type::Literals(values) => Value::from(values.clone()).to_string(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn check(schema: Value, expected: &[&str]) {
    let types = Types::read(&models(&[("Pet", schema.clone())]));
    assert_eq!(spelled(&types), expected, "{schema}");
}

#[test]
fn schemas_are_types() {
    let rows = [
        (json!({}), "Pet = any"),
        (json!(null), "Pet = any"),
        (json!({"type": "string"}), "Pet = text"),
        (json!({"type": ["string", "null"]}), "Pet = text | null"),
        (json!({"type": ["integer", "integer"]}), "Pet = integer"),
        (json!({"type": "object"}), "Pet = {any}"),
        (json!({"type": "object", "additionalProperties": {"type": "number"}}), "Pet = {number}"),
        (json!({"type": "object", "additionalProperties": false}), "Pet = {any}"),
        (json!({"type": "array"}), "Pet = [any]"),
        (json!({"items": {"type": "boolean"}}), "Pet = [boolean]"),
        (json!({"type": "array", "items": [{"type": "string"}]}), "Pet = [any]"),
        (json!({"enum": ["a", "b", "a"]}), "Pet = [\"a\", \"b\"]"),
        (json!({"enum": [1, 2, 1]}), "Pet = [1,2]"),
        (json!({"enum": [1, null, "a"]}), "Pet = [1,null,\"a\"]"),
        (json!({"enum": [{}]}), "Pet = any"),
        (json!({"enum": []}), "Pet = any"),
        (json!({"oneOf": [{"type": "string"}, {"type": "integer"}]}), "Pet = text | integer"),
        (json!({"anyOf": [{"type": "string"}, {}]}), "Pet = any"),
        (json!({"allOf": [{"type": "string"}, {"maxLength": 3}]}), "Pet = text"),
        (json!({"properties": {"a": {}}, "required": ["a", "b"]}), "Pet { a: any }"),
        (json!({"properties": {"a": {}}, "additionalProperties": true}), "Pet { a?: any, .. }"),
        (json!({"properties": {"a": 1}}), "Pet { a?: any }"),
        (json!({"type": "wrong"}), "Pet = any"),
        (json!({"$ref": "https://elsewhere.example/schema"}), "Pet = any"),
        (json!({"$ref": "#/nowhere"}), "Pet = any"),
        (json!({"$ref": 1}), "Pet = any"),
    ];
    for (schema, expected) in rows {
        check(schema, &[expected]);
    }
}

#[test]
fn what_needs_a_name_is_given_one() {
    check(
        json!({"properties": {
            "owner": {"properties": {"kind": {"enum": ["a"]}}},
            "tags": {"type": "array", "items": {"properties": {"x": {}}}},
        }}),
        &[
            "Pet { owner?: PetOwner, tags?: [PetTagsItem] }",
            "PetOwner { kind?: PetOwnerKind }",
            "PetTagsItem { x?: any }",
            "PetOwnerKind = [\"a\"]",
        ],
    );
}

#[test]
fn references_may_go_in_circles() {
    check(json!({"properties": {"parent": {"$ref": "#"}}}), &["Pet { parent?: Pet }"]);
    check(json!({"$ref": "#"}), &["Pet = any"]);
    check(json!({"type": "array", "items": {"$ref": "#"}}), &["Pet = any"]);
    check(json!({"allOf": [{"$ref": "#"}]}), &["Pet {  }"]);
    check(
        json!({"properties": {"leaf": {"$ref": "#/definitions/a~1leaf"}}, "definitions": {
            "a/leaf": {"properties": {"tree": {"$ref": "#"}}},
        }}),
        &["Pet { leaf?: PetALeaf }", "PetALeaf { tree?: Pet }"],
    );
}

#[test]
fn models_refer_to_each_other() {
    let reference =
        |name: &str| json!({"$ref": format!("https://apigateway.amazonaws.com/restapis/abc/models/{name}")});
    let nested = json!({"properties": {"name": {"type": "string"}}});
    let types = Types::read(&models(&[
        ("Dog", json!({"allOf": [reference("Pet"), {"required": ["bark", "id"], "properties": {"bark": {}}}]})),
        ("Pet", json!({"properties": {"id": {"type": "integer"}, "owner": nested, "dog": reference("Dog")}})),
        ("Pets", json!({"type": "array", "items": reference("Pet")})),
        ("Unknown", reference("None")),
    ]));
    assert_eq!(
        spelled(&types),
        [
            "Dog { id: integer, owner?: DogOwner, dog?: Dog, bark: any }",
            "Pet { id?: integer, owner?: DogOwner, dog?: Dog }",
            "Pets = [Pet]",
            "Unknown = any",
            "DogOwner { name?: text }",
        ]
    );
    assert_eq!(types.model("Pets"), Type::Named(2));
    assert_eq!(types.model("None"), Type::Any);
}

#[test]
fn a_schema_that_is_no_json_is_any_value() {
    let mut models = models(&[("Pet", json!({}))]);
    models[0].schema = Some("{".to_owned());
    assert_eq!(spelled(&Types::read(&models)), ["Pet = any"]);
    models[0].schema = None;
    assert_eq!(spelled(&Types::read(&models)), ["Pet = any"]);
}

#[test]
fn parts_that_meet_again_and_again_are_declared_once() {
    // Each of the members composes the whole anew: read naively this would never end.
    let member = || json!({"allOf": [{"$ref": "#"}, {"properties": {"own": {}}}]});
    let properties: Map<String, Value> = (0..20).map(|number| (format!("m{number}"), member())).collect();
    let types = Types::read(&models(&[("Pet", json!({"properties": properties}))]));
    assert_eq!(types.declarations.len(), 21);
}
