//! Policies at random: whatever is read decides, patterns match what plain regular expressions match, and a denial of
//! everything leaves nothing allowed.

use regex::Regex;
use serde_json::{Value, json};

use super::pattern::Pattern;
use super::{Decision, Policy, Question};
use crate::fuzz::{Dice, Target};

const WORDS: &[&str] = &[
    "\"Statement\":",
    "\"Effect\":",
    "\"Allow\"",
    "\"Deny\"",
    "\"Action\":",
    "\"NotAction\":",
    "\"Resource\":",
    "\"NotResource\":",
    "\"Condition\":",
    "*",
    "?",
    ":",
    "/",
    "${",
    "}",
    "${aws:username}",
    "${*}",
    "arn:aws:execute-api:",
    "ForAllValues:",
    "IfExists",
    "StringLike",
    "IpAddress",
    "aws:SourceIp",
    "10.0.0.0/8",
    "{",
    "[",
    "]",
    ",",
    "\n",
];
const TEXTS: &[&str] =
    &["*", "?", "a", "b", ":", "/", "ab", "**", "${aws:username}", "${x, 'y'}", "${*}", "é", "a*b", "arn"];
const OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotLike",
    "StringLikeIfExists",
    "ForAllValues:StringLike",
    "ForAnyValue:StringEquals",
    "NumericLessThan",
    "DateGreaterThan",
    "Bool",
    "IpAddress",
    "NotIpAddress",
    "ArnLike",
    "Null",
    "BinaryEquals",
    "Strange",
];

fn text(dice: &mut Dice) -> String {
    dice.several(5, "", |dice| dice.word(TEXTS).to_owned())
}

fn texts(dice: &mut Dice) -> Value {
    if dice.chance(3) { json!([text(dice), text(dice)]) } else { json!(text(dice)) }
}

/// A resource, and behind the line the policy.
fn grammar(dice: &mut Dice) -> Vec<u8> {
    let resource = text(dice);
    let mut statements = Vec::new();
    for _ in 0..dice.below(4) {
        let mut statement = json!({"Effect": dice.word(&["Allow", "Deny", "Allow", "deny"])});
        statement[dice.word(&["Action", "Action", "NotAction", "action"])] = texts(dice);
        statement[dice.word(&["Resource", "Resource", "NotResource"])] = texts(dice);
        if dice.chance(2) {
            let key = dice.word(&["aws:username", "aws:SourceIp", "AWS:EpochTime", "absent"]);
            let value = dice.word(&["ann", "10.0.0.0/8", "5", "2026-01-01", "true", "*", "${aws:username}"]);
            statement["Condition"] = json!({dice.word(OPERATORS): {key: value}});
        }
        statements.push(statement);
    }
    let version = dice.word(&["2012-10-17", "2012-10-17", "2008-10-17", "1"]);
    format!("{resource}\n{}", json!({"Version": version, "Statement": statements})).into_bytes()
}

fn context(key: &str) -> Vec<String> {
    let values: &[&str] = match key {
        "aws:username" => &["ann"],
        "aws:sourceip" => &["10.1.2.3"],
        "aws:epochtime" => &["5"],
        _ => &[],
    };
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn check(bytes: &[u8]) {
    let input = String::from_utf8_lossy(bytes);
    let (resource, document) = input.split_once('\n').unwrap_or((&input, ""));
    let plain: String = document.chars().take(200).collect();
    let expression = regex::escape(&plain).replace(r"\*", "(?s:.*)").replace(r"\?", "(?s:.)");
    if let Ok(whole) = Regex::new(&format!("^(?:{expression})$")) {
        let found = Pattern::read(&plain, false).matches(resource, &context);
        assert_eq!(found, whole.is_match(resource), "{plain:?} {resource:?}");
    }
    let Ok(mut document) = serde_json::from_str::<Value>(document) else { return };
    let Ok(policy) = Policy::read(&document) else { return };
    let question = Question { action: "execute-api:Invoke", resource, context: &context };
    let decision = policy.decide(&question);
    let everything = json!({"Effect": "Deny", "Action": "*", "Resource": "*"});
    match &mut document["Statement"] {
        Value::Array(statements) => statements.insert(0, everything),
        other => *other = json!([other.clone(), everything]),
    }
    let denied = Policy::read(&document).expect("one statement more is a policy");
    assert_eq!(denied.decide(&question), Decision::Denied, "it was {decision:?}");
}

#[test]
fn policies() {
    Target { name: "policies", cases: 3000, words: WORDS, grammar, check }.run();
}
