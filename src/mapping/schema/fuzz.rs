//! Models at random, and bodies at random: what is found is bounded, and the same however it is asked for.

use serde_json::{Value, json};

use super::budget::Budget;
use super::words::Report;
use super::{MAX_FINDING, MAX_FINDINGS, Schema, UNKNOWN, walk};
use crate::fuzz::{Dice, Target};
use crate::mapping::document::Document;

const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"type\"",
    "\"$ref\":\"#\"",
    "\"#/definitions/a\"",
    "\"not\":{}",
    "\"enum\":[]",
    "\"pattern\":\"",
    "\"format\":\"",
    "\"required\":[\"a\"]",
    "\"items\":",
    "\"properties\":",
    "\"allOf\":[",
    "null",
    "\"integer\"",
    "1.0",
    "1e400",
    "-0",
    "\\u0000",
    "\\ud800",
    "é",
    "\n",
    "(?=a)",
    "\"id\":\"#x\"",
    "\"$schema\":",
];
const NAMES: &[&str] = &["a", "b", "ab", "", "é"];
const PATTERNS: &[&str] = &[
    "a",
    "^b$",
    "(ab)+",
    "",
    "(?=a)(?!b)",
    "(a+)+$(?!x)",
    "(?:a|a)*\\\\1",
    "[",
    "\\\\d{1,9}",
    "\\\\p{L}",
    "(.)\\\\1",
    "x{1000}{1000}",
    "^(?:(?:a?){20}){20}$",
];
const FORMATS: &[&str] = &[
    "date-time",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "regex",
    "uri",
    "json-pointer",
    "base64",
    "md5",
    "sha1",
    "mac",
    "uuid",
    "no-such",
    "int32",
];
const TEXTS: &[&str] = &[
    "",
    "a",
    "ab",
    "2020-01-01T00:00:00+0000",
    "2020-01-01T00:00:00é000",
    "a@b.c",
    "::1",
    "1.2.3.4",
    "(",
    "/a~0",
    "YQ==",
    "é===",
    "00:11:22:33:44:55",
    "1-2-3-4-5",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
    "\\u0000",
];
const REFERENCES: &[&str] = &[
    "#",
    "#/definitions/a",
    "#/definitions/b",
    "#/properties/a",
    "#/definitions/none",
    "#/not",
    "#/allOf/0",
    "x",
    "#%2f",
    "https://apigateway.amazonaws.com/restapis/abc/models/B",
    "https://apigateway.amazonaws.com/restapis/abc/models/A",
];

fn names(dice: &mut Dice) -> String {
    let first = dice.word(NAMES);
    if dice.chance(2) { format!("[\"{first}\"]") } else { format!("[\"{first}\",\"{first}b\"]") }
}

fn schema(dice: &mut Dice, depth: usize) -> String {
    let inner = depth.saturating_sub(1);
    let keywords = dice.several(4, ",", |dice| match dice.below(if depth == 0 { 14 } else { 24 }) {
        0 | 1 => {
            let kind = dice.word(&["array", "boolean", "integer", "null", "number", "object", "string"]);
            format!("\"type\":\"{kind}\"")
        }
        2 => format!("\"enum\":[{},{}]", dice.json(2, NAMES), dice.json(1, NAMES)),
        3 => format!("\"minimum\":{},\"exclusiveMinimum\":{}", dice.number(), dice.word(&["true", "false"])),
        4 => format!("\"maximum\":{}", dice.number()),
        5 => format!("\"multipleOf\":{}", dice.word(&["1", "2", "0.1", "1e-300", "1e300", "3.0"])),
        6 => format!("\"minLength\":{},\"maxItems\":{}", dice.below(4), dice.number()),
        7 => format!("\"minProperties\":{},\"maxLength\":{}", dice.below(3), dice.number()),
        8 => format!("\"pattern\":\"{}\"", dice.word(PATTERNS)),
        9 => "\"uniqueItems\":true".to_owned(),
        10 => format!("\"required\":{}", names(dice)),
        11 => format!("\"dependencies\":{{\"{}\":{}}}", dice.word(NAMES), names(dice)),
        12 => format!("\"format\":\"{}\"", dice.word(FORMATS)),
        13 => format!("\"$ref\":\"{}\"", dice.word(REFERENCES)),
        14 => format!("\"not\":{}", schema(dice, inner)),
        15 => {
            let keyword = dice.word(&["allOf", "anyOf", "oneOf"]);
            format!("\"{keyword}\":[{},{}]", schema(dice, inner), schema(dice, inner))
        }
        16 => format!("\"items\":{}", schema(dice, inner)),
        17 => format!("\"items\":[{}],\"additionalItems\":{}", schema(dice, inner), schema(dice, inner)),
        18 => "\"items\":[{}],\"additionalItems\":false".to_owned(),
        19 => format!("\"patternProperties\":{{\"{}\":{}}}", dice.word(PATTERNS), schema(dice, inner)),
        20 => format!("\"additionalProperties\":{}", if dice.chance(2) { "false".into() } else { schema(dice, inner) }),
        21 => format!("\"definitions\":{{\"a\":{},\"b\":{}}}", schema(dice, inner), schema(dice, inner)),
        _ => {
            let property = |dice: &mut Dice| format!("\"{}\":{}", dice.word(NAMES), schema(dice, inner));
            format!("\"properties\":{{{}}}", dice.several(3, ",", property))
        }
    });
    format!("{{{keywords}}}")
}

/// A schema, and a body behind the first end of a line.
fn grammar(dice: &mut Dice) -> Vec<u8> {
    let body = match dice.below(8) {
        0 => format!("{}1{}", "{\"a\":[".repeat(60), "]}".repeat(60)),
        1 => format!("[{}]", dice.several(200, ",", |dice| dice.json(1, NAMES))),
        2 | 3 => format!("\"{}\"", dice.word(TEXTS)),
        _ => dice.json(4, NAMES),
    };
    format!("{}\n{body}", schema(dice, 3)).into_bytes()
}

fn compiled(text: &str) -> Option<Schema> {
    let models = |name: &str| match name {
        "A" => Some(text.to_owned()),
        "B" => Some(r##"{"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"type": "string"}}}"##.to_owned()),
        _ => None,
    };
    Schema::compile("A", &models).ok()
}

fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (model, body) = text.split_once('\n').unwrap_or((&text, "{}"));
    let Some(schema) = compiled(model) else { return };
    let problems = schema.problems(body.as_bytes());
    assert!(problems.iter().all(|problem| problem.len() <= MAX_FINDING), "a finding is too long");
    // Each may have remarks beside it.
    assert!(problems.len() <= 2 * MAX_FINDINGS, "{} findings", problems.len());
    assert_eq!(schema.problems(body.as_bytes()), problems, "another time something else is found");
    let Some(document) = Document::read(body.as_bytes()) else {
        return assert_eq!(problems, [UNKNOWN]);
    };
    // With less to spend the same is found, or it is not enough.
    let mut report = Report::speaking();
    if walk::check(&schema.nodes, document.root(), Budget(2000), &mut report).is_ok() {
        assert_eq!(report.into_findings(), problems, "with little to spend something else is found");
    }
    if model.contains("$ref") || problems == [UNKNOWN] {
        return;
    }
    // What is not nothing but this is this.
    let model: Value = serde_json::from_str(model).expect("a model that was compiled is JSON");
    let twice = compiled(&json!({"not": {"not": model}}).to_string()).expect("it was a schema before");
    let negated = compiled(&json!({"not": model}).to_string()).expect("it was a schema before");
    assert_eq!(twice.problems(body.as_bytes()).is_empty(), problems.is_empty(), "not not");
    assert_ne!(negated.problems(body.as_bytes()).is_empty(), problems.is_empty(), "not");
}

#[test]
fn schemas() {
    Target { name: "schemas", cases: 500, words: WORDS, grammar, check }.run();
}
