//! Whether bodies fit is said as the crate `jsonschema` says it, for schemas and bodies made at random.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Schema;

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["a", "b", "ab"]
}

fn body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-3..4_i64).prop_map(Value::from),
        (-6..7_i32).prop_map(|halves| Value::from(f64::from(halves) / 2.0)),
        "[ab]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// One keyword, or a few that go together.
fn keywords(inner: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let kind = prop_oneof!["array", "boolean", "integer", "null", "number", "object", "string"];
    let some = || prop::collection::vec(inner.clone(), 1..4);
    let named = || prop::collection::btree_map(name(), inner.clone(), 1..3);
    let names = || prop::collection::btree_set(name(), 1..3);
    prop_oneof![
        kind.clone().prop_map(|kind| json!({"type": kind})),
        prop::collection::btree_set(kind, 1..4).prop_map(|kinds| json!({"type": kinds})),
        prop::collection::vec(body(), 1..4).prop_map(|values| json!({"enum": values})),
        (0..4, any::<bool>()).prop_map(|(limit, exclusive)| json!({"minimum": limit, "exclusiveMinimum": exclusive})),
        (0..4, any::<bool>()).prop_map(|(limit, exclusive)| json!({"maximum": limit, "exclusiveMaximum": exclusive})),
        (1..4).prop_map(|halves| json!({"multipleOf": f64::from(halves) / 2.0})),
        (0..4, 0..4).prop_map(|(least, most)| json!({"minLength": least, "maxLength": most})),
        (0..4, 0..4).prop_map(|(least, most)| json!({"minItems": least, "maxItems": most})),
        (0..4, 0..4).prop_map(|(least, most)| json!({"minProperties": least, "maxProperties": most})),
        prop::sample::select(vec!["a", "^b", "b$", "(ab)+"]).prop_map(|pattern| json!({"pattern": pattern})),
        any::<bool>().prop_map(|unique| json!({"uniqueItems": unique})),
        names().prop_map(|names| json!({"required": names})),
        (name(), names()).prop_map(|(name, needed)| json!({"dependencies": {name: needed}})),
        (name(), inner.clone()).prop_map(|(name, schema)| json!({"dependencies": {name: schema}})),
        inner.clone().prop_map(|schema| json!({"not": schema})),
        some().prop_map(|schemas| json!({"allOf": schemas})),
        some().prop_map(|schemas| json!({"anyOf": schemas})),
        some().prop_map(|schemas| json!({"oneOf": schemas})),
        inner.clone().prop_map(|schema| json!({"items": schema})),
        (some(), inner.clone()).prop_map(|(items, other)| json!({"items": items, "additionalItems": other})),
        some().prop_map(|items| json!({"items": items, "additionalItems": false})),
        named().prop_map(|properties| json!({"properties": properties})),
        (named(), inner.clone())
            .prop_map(|(some, other)| json!({"patternProperties": some, "additionalProperties": other})),
        named().prop_map(|properties| json!({"properties": properties, "additionalProperties": false})),
        Just(json!({"$ref": "#/definitions/shared"})),
    ]
    .boxed()
}

fn schema() -> impl Strategy<Value = Value> {
    let inner = Just(json!({})).boxed().prop_recursive(3, 12, 3, |inner| {
        prop::collection::vec(keywords(inner.boxed()), 1..4).prop_map(|parts| {
            parts.into_iter().filter_map(|part| part.as_object().cloned()).flatten().collect::<Value>()
        })
    });
    // What is shared refers to nothing: references in a circle are a matter of their own.
    let shared =
        prop_oneof![Just(json!({"type": "string"})), Just(json!({"minimum": 1})), Just(json!({"required": ["a"]}))];
    (inner, shared).prop_map(|(schema, shared)| json!({"allOf": [schema], "definitions": {"shared": shared}}))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_body_fits_as_the_reference_says(schema in schema(), body in body()) {
        let expected = jsonschema::draft4::is_valid(&schema, &body);
        let compiled = Schema::compile("A", &|_| Some(schema.to_string())).expect("a schema of draft 4");
        let problems = compiled.problems(body.to_string().as_bytes());
        prop_assert_eq!(problems.is_empty(), expected, "{} {} {:?}", schema, body, problems);
    }
}
