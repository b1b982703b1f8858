//! Templates at random: whatever they are, they render within their limits, or are refused with a place in them.

use std::rc::Rc;

use bytes::Bytes;

use super::{Error, Limits, Map, Style, Template, Value};
use crate::fuzz::{Dice, Target};
use crate::mapping::input::{Input, Parameters};
use crate::mapping::util::Util;

/// Limits that are reached soon.
const TIGHT: Limits = Limits { steps: 3000, iterations: 60, depth: 40, output: 1000 };
/// Limits that leave room to nest values as deep as a request can.
const WIDE: Limits = Limits { steps: 30_000, iterations: 1000, depth: 200, output: 200_000 };
/// Whatever renders within others renders within these, to the same text.
const WIDER: Limits = Limits { steps: 60_000, iterations: 2000, depth: 400, output: 400_000 };

/// What `$input` may be of.
const BODIES: &[&str] = &[
    r#"{"a": [1, {"b": "c"}, [2.5, null]], "s": "é'\"\n", "m": {"k": {"k": {"k": true}}}, "n": -7}"#,
    r#"{"a": 1, "a": [{"b": 2, "b": 3}, 4], "\u0061": [], "n": 1e400}"#,
    r#"[["a", "b"], {"k": 0.1, "m": 18446744073709551616}]"#,
    "",
    "no JSON",
];

const WORDS: &[&str] = &[
    "$",
    "#",
    "\\",
    "!",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\"",
    "\"\"",
    "'",
    ".",
    ",",
    ":",
    "=",
    "..",
    "-",
    "\n",
    "\r\n",
    "\t",
    "##",
    "#*",
    "*#",
    "#[[",
    "]]#",
    "${",
    "$!{",
    "$s",
    "$l",
    "$m",
    "$n",
    "#set(",
    "#if(",
    "#elseif(",
    "#else",
    "#end",
    "#foreach($i in ",
    "#break",
    "#stop",
    "#define($d)",
    "#macro(f $a)",
    "#f(",
    "#{end}",
    "#{else}",
    "$foreach",
    "$velocityCount",
    "$foreach.parent",
    ".entrySet()",
    ".split('",
    ".replaceAll(",
    "$input",
    "$util",
    "é",
    "😀",
    "\0",
    "@",
    "#@f()",
    "$bodyContent",
    " in ",
    " and ",
    "==",
    "!=",
    "<=",
    "%",
];

const NAMES: &[&str] = &["s", "n", "l", "m", "t", "i", "j", "d", "foreach", "velocityCount", "none", "input", "util"];
const PATTERNS: &[&str] = &[
    "",
    ".",
    "a*",
    "(a|b)+",
    "^",
    "$",
    "[",
    "(",
    "\\",
    "\\d+",
    "(?i)X",
    "(?:\\w{9}){9}",
    "\\b",
    "a|",
    "(.)(.)",
    "x{1000}",
    "[^a]*?",
    "é",
    "((a*)*)*",
    "(?x) # a",
];
const TEXTS: &[&str] =
    &["", " ", "a", "ab", "é😀", "$1", "\\$", "$", "a,b,,", "0", "{\"a\":[1]}", "%41+%", "YWI=", "$.a[0]"];
const PATHS: &[&str] = &["$", "$.a", "$.a[1].b", "$..k", "$.a[*]", "$..[?(@.b)]", "$.m.keys()", "$.a[-1:]", "$[", ""];

fn variables(body: &'static str) -> Vec<(&'static str, Value)> {
    let pairs = |name: &str| vec![(name.to_owned(), "1".to_owned()), ("é".to_owned(), "a b".to_owned())];
    let parameters = Parameters { path: pairs("p"), querystring: pairs("q"), header: pairs("X-H") };
    let inner = Value::Map(Map::new([("k".into(), Value::Int(1))], Style::Java));
    vec![
        ("s", "text, é and 😀".into()),
        ("n", Value::Int(7)),
        ("d", Value::Double(2.5)),
        ("l", Value::list(vec![Value::Int(3), "b".into(), Value::Null, inner.clone()], Style::Java)),
        ("m", Value::Map(Map::new([("a".into(), inner), ("".into(), Value::Bool(false))], Style::Java))),
        ("context", Value::Map(Map::new([("stage".into(), "test".into())], Style::Silent))),
        ("input", Input::value(Bytes::from_static(body.as_bytes()), None, Rc::new(parameters))),
        ("util", Util::value()),
    ]
}

fn expression(dice: &mut Dice, depth: usize) -> String {
    match dice.below(if depth == 0 { 5 } else { 14 }) {
        0 => dice.number(),
        1 => format!("'{}'", dice.word(TEXTS)),
        2 => format!("\"{}\"", dice.word(TEXTS)),
        3 => dice.word(&["true", "false", "-7", "1.5e300", "99999999999999999999", "0.0"]).to_owned(),
        4 => format!("${}", dice.word(NAMES)),
        5 | 6 => reference(dice, depth - 1),
        7 => format!("\"{}\"", block(dice, depth - 1).replace('"', "\"\"")),
        8 => format!("[{}]", dice.several(4, ", ", |dice| expression(dice, depth - 1))),
        9 => format!("[{}..{}]", expression(dice, depth - 1), dice.number()),
        10 => {
            let entry = |dice: &mut Dice| format!("{}: {}", expression(dice, depth - 1), expression(dice, depth - 1));
            format!("{{{}}}", dice.several(3, ", ", entry))
        }
        11 => format!("!{}", expression(dice, depth - 1)),
        _ => {
            let operator = dice
                .word(&["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||", " and ", " or ", " lt ", " eq "]);
            format!("({} {operator} {})", expression(dice, depth - 1), expression(dice, depth - 1))
        }
    }
}

fn step(dice: &mut Dice, depth: usize) -> String {
    let any = |dice: &mut Dice| expression(dice, depth.saturating_sub(1));
    let text = |dice: &mut Dice| if dice.chance(3) { any(dice) } else { format!("'{}'", dice.word(TEXTS)) };
    match dice.below(9) {
        0 => format!(".{}", dice.word(&["a", "k", "empty", "key", "value", "parent", "index", "hasNext", "body"])),
        1 => format!("[{}]", if dice.chance(2) { dice.number() } else { any(dice) }),
        2 => {
            let name = dice.word(&[
                "length",
                "isEmpty",
                "size",
                "toString",
                "hashCode",
                "toLowerCase",
                "toUpperCase",
                "trim",
                "keySet",
                "values",
                "entrySet",
                "toCharArray",
                "clear",
                "getKey",
                "getValue",
                "intValue",
                "doubleValue",
                "getIndex",
            ]);
            format!(".{name}()")
        }
        3 => {
            let name = dice.word(&["matches", "split", "replaceAll", "replaceFirst"]);
            let rest = match name {
                "replaceAll" | "replaceFirst" => format!(", {}", text(dice)),
                "split" if dice.chance(3) => format!(", {}", dice.number()),
                _ => String::new(),
            };
            format!(".{name}('{}'{rest})", dice.word(PATTERNS))
        }
        4 => format!(".{}({})", dice.word(&["charAt", "substring", "get", "remove", "repeat"]), dice.number()),
        5 => {
            let name = dice.word(&["substring", "set", "add", "indexOf", "put", "getOrDefault", "replace"]);
            let first = if matches!(name, "put" | "replace" | "getOrDefault") { text(dice) } else { dice.number() };
            let second = if name == "substring" { dice.number() } else { any(dice) };
            format!(".{name}({first}, {second})")
        }
        6 => {
            let name = dice.word(&[
                "add",
                "addAll",
                "putAll",
                "contains",
                "containsKey",
                "containsValue",
                "equals",
                "concat",
                "indexOf",
                "lastIndexOf",
                "compareTo",
                "startsWith",
                "endsWith",
                "equalsIgnoreCase",
                "remove",
                "get",
            ]);
            format!(".{name}({})", any(dice))
        }
        7 => format!(".{}('{}')", dice.word(&["path", "json"]), dice.word(PATHS)),
        _ => {
            let name = dice.word(&[
                "escapeJavaScript",
                "parseJson",
                "urlEncode",
                "urlDecode",
                "base64Encode",
                "base64Decode",
                "params",
            ]);
            format!(".{name}({})", text(dice))
        }
    }
}

fn reference(dice: &mut Dice, depth: usize) -> String {
    let steps = dice.several(3, "", |dice| step(dice, depth));
    match dice.below(6) {
        0 => format!("${{{}{steps}}}", dice.word(NAMES)),
        1 => format!("$!{{{}{steps}}}", dice.word(NAMES)),
        2 => format!("$!{}{steps}", dice.word(NAMES)),
        3 => format!("$input.{}('{}'){steps}", dice.word(&["path", "json", "params"]), dice.word(PATHS)),
        _ => format!("${}{steps}", dice.word(NAMES)),
    }
}

/// Something that makes of a variable a larger or deeper one, which loops do over and over.
fn growth(dice: &mut Dice) -> String {
    let name = dice.word(&["l", "m", "s", "t", "j", "foreach"]);
    let from = if dice.chance(4) { dice.word(NAMES) } else { name };
    match dice.below(9) {
        0 => format!("#set(${name} = [${from}])"),
        1 => format!("#set(${name} = {{'a': ${from}}})"),
        2 => format!("#set($x = {{'a': ${from}, 'b': ${from}}})#set(${name} = $x.entrySet())"),
        3 => format!("#set($x = {{'': ${from}}})#set(${name} = $x.entrySet().get(0))"),
        4 => format!("#set(${name} = \"${from}${from}x\")"),
        5 => format!("#set(${name} = [${from}, ${from}])"),
        6 => format!("#foreach($x in [1])#set(${name} = $foreach)#end"),
        7 => format!("#set($x = ${from})${name}.add($x)${name}.put('a', $x)${name}.addAll($x)"),
        _ => format!("#set(${name} = ${from}{})", step(dice, 1)),
    }
}

fn block(dice: &mut Dice, depth: usize) -> String {
    dice.several(4, "", |dice| match dice.below(if depth == 0 { 4 } else { 14 }) {
        0 => dice.word(&["text", " ", "\n", "  \n", "\r\n", "\\", "\\\\", "{\"a\": ", "$", "#", "é", "5$"]).to_owned(),
        1 => reference(dice, depth),
        2 => format!("{}{}", "\\".repeat(dice.below(4)), reference(dice, 0)),
        3 => dice.word(&["#break", "#stop", "#f()", "#g(1 2)", "## x\n", "#* x *#", "#[[ $x ]]#", "#{f}()"]).to_owned(),
        4 | 5 => format!("#set({} = {})", reference(dice, 0), expression(dice, depth)),
        6 => format!("#if({}){}#end", expression(dice, depth), block(dice, depth - 1)),
        7 => {
            let (condition, other) = (expression(dice, 1), expression(dice, 1));
            let (one, two, three) = (block(dice, depth - 1), block(dice, depth - 1), block(dice, depth - 1));
            format!("#if({condition}){one}#elseif({other})\n{two}#{{else}}{three}#end\n")
        }
        8 => {
            let list = expression(dice, depth);
            format!("#foreach(${} in {list}){}#end", dice.word(NAMES), block(dice, depth - 1))
        }
        9 => format!("#define(${}){}#end", dice.word(NAMES), block(dice, depth - 1)),
        10 => {
            let name = dice.word(&["f", "g", "set2"]);
            format!("#macro({name} $a $s){}#end", block(dice, depth - 1))
        }
        11 => format!("#{}({})", dice.word(&["f", "g"]), expression(dice, depth - 1)),
        12 => {
            let growths = format!("{}{}", growth(dice), dice.several(2, "", growth));
            let times = if dice.chance(8) { "1000" } else { dice.word(&["10", "60"]) };
            let inner = if dice.chance(3) { format!("#foreach($k in [1..20]){growths}#end") } else { growths };
            format!("#foreach($i in [1..{times}]){inner}#end{}", reference(dice, 0))
        }
        _ => growth(dice),
    })
}

fn place_is_inside(source: &str, error: &Error) {
    let line = source.split('\n').nth(error.line.wrapping_sub(1));
    let fits = line.is_some_and(|line| (1..=line.chars().count() + 1).contains(&error.column));
    assert!(fits, "there is no such place: {error}");
}

fn check(bytes: &[u8]) {
    let source = &*String::from_utf8_lossy(bytes);
    let template = match Template::parse(source) {
        Ok(template) => template,
        Err(error) => return place_is_inside(source, &error),
    };
    // Most templates are tried with the limits that make them cheap.
    let limits = if source.contains("1000") { &WIDE } else { &TIGHT };
    let variables = || variables(BODIES[source.len() % BODIES.len()]);
    match template.render(&variables(), limits) {
        Ok(text) => {
            assert!(text.len() <= limits.output, "{} bytes were rendered", text.len());
            assert_eq!(template.render(&variables(), &WIDER).as_ref(), Ok(&text), "wider limits change the text");
        }
        Err(error) => {
            place_is_inside(source, &error);
            assert_eq!(template.render(&variables(), limits), Err(error), "it fails in another way");
        }
    }
    if !source.contains(['$', '#']) && source.len() <= WIDER.output {
        assert_eq!(template.render(&[], &WIDER).as_deref(), Ok(source), "plain text is changed");
    }
}

#[test]
fn templates() {
    // What is compiled with a stage is shared by all workers.
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Template>();
    let grammar = |dice: &mut Dice| block(dice, 3).into_bytes();
    Target { name: "templates", cases: 1500, words: WORDS, grammar, check }.run();
}
