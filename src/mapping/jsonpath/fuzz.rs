//! Paths at random in bodies at random: what is found is in the body, and there is no more of it than there may be.

use std::cell::Cell;

use serde_json::Value;

use super::{MAX_PATH, Path, Work};
use crate::fuzz::{Dice, Target};
use crate::mapping::document::{Document, Part};

const WORDS: &[&str] = &[
    "$",
    "@",
    ".",
    "..",
    "*",
    "[",
    "]",
    "[*]",
    "[?(",
    ")]",
    "['",
    "']",
    "\"",
    "\\",
    ",",
    ":",
    "-",
    "&&",
    "||",
    "!",
    "(",
    ")",
    "==",
    "!=",
    "<=",
    "=~",
    "/",
    "/i",
    " in ",
    " nin ",
    "null",
    "true",
    "length()",
    "min()",
    "keys()",
    "é",
    " ",
    "\n",
    "{",
    "}",
    "$..[?(@..",
    "[?(@.a)]",
];
/// How much the cheap ones among the paths do.
const LITTLE: usize = 3000;
const NAMES: &[&str] = &["a", "b", "c", "d e", "é"];

fn quoted(dice: &mut Dice) -> String {
    let name = dice.word(&["a", "b", "c", "d e", "é", "", "\\'", "a.b"]);
    if dice.chance(4) { format!("\"{name}\"") } else { format!("'{name}'") }
}

fn operand(dice: &mut Dice, depth: usize) -> String {
    match dice.below(7) {
        0 | 1 => format!("@{}", steps(dice, depth)),
        2 => format!("${}", steps(dice, depth)),
        3 => quoted(dice),
        4 => dice.number(),
        5 => format!("[{}]", dice.several(3, ", ", |dice| if dice.chance(2) { quoted(dice) } else { dice.number() })),
        _ => dice.word(&["true", "null", "/.*/", "/a|b/i", "/[/", "/(a*)*\\//"]).to_owned(),
    }
}

fn filter(dice: &mut Dice, depth: usize) -> String {
    let one = |dice: &mut Dice| match dice.below(5) {
        0 => operand(dice, depth),
        1 => format!("!({})", operand(dice, depth)),
        2 if depth > 0 => format!("({})", filter(dice, depth - 1)),
        _ => {
            let sign = dice.word(&["==", "!=", "<", "<=", ">", ">=", "=~", " in ", " nin "]);
            format!("{}{sign}{}", operand(dice, depth), operand(dice, depth))
        }
    };
    match dice.below(3) {
        0 => format!("{} && {}", one(dice), one(dice)),
        1 => format!("{} || {}", one(dice), one(dice)),
        _ => one(dice),
    }
}

fn steps(dice: &mut Dice, depth: usize) -> String {
    dice.several(4, "", |dice| match dice.below(if depth == 0 { 8 } else { 10 }) {
        0 | 1 => format!(".{}", dice.word(&["a", "b", "c", "é", "none"])),
        2 => format!("..{}", dice.word(&["a", "*", "b", "c"])),
        3 => dice.word(&[".*", "[*]", "..[*]"]).to_owned(),
        4 => format!("[{}]", dice.number()),
        5 => format!("[{}:{}]", dice.number(), if dice.chance(2) { String::new() } else { dice.number() }),
        6 => format!("[{}, {}]", dice.number(), dice.number()),
        7 => format!("[{}{}]", quoted(dice), if dice.chance(2) { String::new() } else { format!(",{}", quoted(dice)) }),
        _ => format!("{}[?({})]", dice.word(&["", "", ".."]), filter(dice, depth - 1)),
    })
}

/// A path, and a body behind the first end of a line.
fn grammar(dice: &mut Dice) -> Vec<u8> {
    let function = if dice.chance(5) {
        dice.word(&[".length()", ".min()", ".max()", ".avg()", ".sum()", ".keys()", ".size()"])
    } else {
        ""
    };
    let body = match dice.below(50) {
        0 => format!("{}1{}", "[".repeat(120), "]".repeat(120)),
        1 => format!("{}\"{}\"{}", "{\"a\":".repeat(100), "x".repeat(5000), "}".repeat(100)),
        2 => format!("[{}0]", "{\"a\":[1,2]},".repeat(200)),
        _ => dice.json(5, NAMES),
    };
    format!("${}{function}\n{body}", steps(dice, 3)).into_bytes()
}

/// Whether one value is another, or is somewhere in it.
fn is_in(value: &Value, root: &Value) -> bool {
    value == root
        || match root {
            Value::Array(items) => items.iter().any(|item| is_in(value, item)),
            Value::Object(members) => members.values().any(|member| is_in(value, member)),
            _ => false,
        }
}

fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (text, text_of_body) = text.split_once('\n').unwrap_or((&text, "{}"));
    let path = match Path::parse(text) {
        Ok(path) => path,
        Err(error) => {
            let place = error.to_string();
            let at: usize = place.rsplit(' ').next().and_then(|at| at.parse().ok()).expect("a place");
            assert!((1..=text.chars().count() + 1).contains(&at), "there is no such place: {error}");
            return;
        }
    };
    assert!(text.len() <= MAX_PATH);
    let Ok(body) = serde_json::from_str::<Value>(text_of_body) else { return };
    // With little to spend all of it is found, or nothing.
    let work = Work(Cell::new(LITTLE));
    let found = path.find_within(&body, &body, &work);
    if work.is_over() {
        let text = found.map(|found| found.to_string());
        assert!([None, Some("[]"), Some("0")].contains(&text.as_deref()), "some of it is found: {text:?}");
        // Few of the others are tried: they take as long as a path may.
        if bytes.len().is_multiple_of(32) {
            path.find(&body);
        }
        return;
    }
    assert_eq!(path.find(&body), found, "with more to spend something else is found");
    if path.is_plain() {
        let document = Document::read(text_of_body.as_bytes()).expect("it is JSON");
        let part = path.follow(document.root()).map(Part::to_json);
        assert_eq!(part.as_ref(), found.as_deref(), "in the body as it stands something else is found");
    }
    let Some(found) = found else { return };
    if path.function.is_some() {
        assert!(!found.is_object());
    } else if path.is_definite() {
        assert!(is_in(&found, &body), "{found} is not in the body");
    } else {
        let items = found.as_array().expect("what an indefinite path finds is a list");
        assert!(items.len() <= super::MAX_FOUND);
        assert!(items.iter().take(5).all(|item| is_in(item, &body)), "it is not in the body");
    }
}

#[test]
fn paths() {
    Target { name: "jsonpath", cases: 3000, words: WORDS, grammar, check }.run();
}
