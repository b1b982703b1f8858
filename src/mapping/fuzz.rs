//! Parameter mapping at random: expressions, texts with variables, URIs and queries are what they look like.

use super::document::Document;
use super::parameters::{ResponseSource, Source, Target, in_body};
use super::query::{Query, append, is_plain};
use super::selection::{Selection, Variable};
use super::substitution::Substitution;
use super::uri::Uri;
use crate::fuzz::{Dice, Target as Fuzzed};
use crate::model::rest::Strings;

const WORDS: &[&str] = &[
    "method.request.",
    "integration.request.",
    "integration.response.",
    "header.",
    "multivalueheader.",
    "path.",
    "querystring.",
    "multivaluequerystring.",
    "body",
    "body.",
    "context.",
    "stageVariables.",
    "$context.",
    "$method.request.header.",
    "$stageVariables.v",
    "${stageVariables.",
    "{proxy}",
    "{",
    "}",
    "$",
    "'",
    ".",
    "&",
    ";",
    "=",
    "+",
    "%",
    "%2B",
    "%FF",
    "%e",
    "é",
    "-",
    "\n",
    "\"",
    "$.a[0]",
    "\0",
    "\\$",
    "$request.body.a",
    "${request.body.",
    "${integration.response.statuscode}",
];

fn name(dice: &mut Dice) -> &'static str {
    dice.word(&["id", "X-Api", "a.b", "v", "none", "", "é", "q[]", "error.messageString", "a-b-", "{x}"])
}

fn place(dice: &mut Dice) -> &'static str {
    dice.word(&["header", "multivalueheader", "path", "querystring", "multivaluequerystring", "body", "cookie", ""])
}

fn expression(dice: &mut Dice) -> String {
    let start = dice.word(&["method.request", "integration.request", "integration.response"]);
    match dice.below(6) {
        0 => format!("'{}'", name(dice)),
        1 => format!("context.{}", name(dice)),
        2 => format!("stageVariables.{}", name(dice)),
        3 => format!("{start}.body"),
        4 => {
            format!("{start}.body.{}", dice.word(&["a", "$.a", "a[0].b", "$..b", "$.a[?(@.b)]", "", "[", "a.length()"]))
        }
        _ => format!("{start}.{}.{}", place(dice), name(dice)),
    }
}

/// An expression, a text, a URI or a query; behind the first end of a line a body.
fn grammar(dice: &mut Dice) -> Vec<u8> {
    let line = match dice.below(5) {
        4 => dice.several(5, "", |dice| {
            let inner =
                dice.word(&["request.body.a", "request.body", "request.header.X", "context.x", "response.statuscode"]);
            match dice.below(4) {
                0 => format!("${inner}"),
                1 => format!("${{{inner}}}"),
                2 => dice.word(&["\\$default", "$default", "/", "\\", "${", "}", "$request.body.b[*].c"]).to_owned(),
                _ => dice.word(&["a", "é", "-", " ", ".", "[0]"]).to_owned(),
            }
        }),
        0 => expression(dice),
        1 => dice.several(6, "", |dice| match dice.below(3) {
            0 => dice.word(&["text", "$", ".", " ", "{\"message\":", "}", "é", "$$", "-"]).to_owned(),
            _ => format!("${}", expression(dice)),
        }),
        2 => dice.several(6, "", |dice| match dice.below(4) {
            0 => format!("{{{}}}", name(dice)),
            1 => format!("${{stageVariables.{}}}", name(dice)),
            2 => dice.word(&["{", "}", "${", "$", "${x}", "{}"]).to_owned(),
            _ => dice.word(&["https://", "host", "/", "é", ":8080", "?a="]).to_owned(),
        }),
        _ => dice.several(5, "&", |dice| match dice.below(3) {
            0 => dice.word(&["a", "a=", "=", "", ";", "a=b=c", "a=1;b", "+=+", "%41=%zz", "é=é"]).to_owned(),
            _ => format!("{}={}", name(dice), dice.word(&["1", "x+y", "%2B", "%FF", "", "a%20b", "~._-"])),
        }),
    };
    let body = match dice.below(4) {
        0 => dice.word(&["", "plain", "{", "[1", "'a'", "\"a\"", " \n", "null"]).to_owned(),
        _ => dice.json(3, &["a", "b", "c"]),
    };
    format!("{line}\n{body}").into_bytes()
}

/// The expression that a source was read from, if it can be told from it.
fn written(source: &Source) -> Option<String> {
    Some(match source {
        Source::Path(name) => format!("method.request.path.{name}"),
        Source::Query(name) => format!("method.request.querystring.{name}"),
        Source::QueryAll(name) => format!("method.request.multivaluequerystring.{name}"),
        Source::Header(name) => format!("method.request.header.{name}"),
        Source::HeaderAll(name) => format!("method.request.multivalueheader.{name}"),
        Source::Context(name) => format!("context.{name}"),
        Source::Body(None) => "method.request.body".to_owned(),
        Source::Constant(_) | Source::Body(Some(_)) => return None,
    })
}

/// Whether a text is another with some left out.
fn is_shortened(text: &str, whole: &str) -> bool {
    let mut characters = whole.chars();
    text.chars().all(|one| characters.any(|other| other == one))
}

fn check(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let line = &*String::from_utf8_lossy(&bytes[..end]);
    let body = bytes.get(end + 1..).unwrap_or_default();
    expressions(line, body);
    texts(line);
    queries(line);
    selections(line, body);
}

fn selections(text: &str, body: &[u8]) {
    let selection = Selection::compile(text, &Strings::new());
    let nothing = selection.evaluate(|_| None);
    assert!(is_shortened(&nothing, text), "{nothing} is made of it");
    if !text.contains('$') {
        assert_eq!(nothing, text, "there is nothing to be evaluated");
    }
    let document = Document::read(body);
    let mut names_body = false;
    let filled = selection.evaluate(|variable| match variable {
        Variable::Request(Source::Body(path)) => {
            names_body = true;
            document.as_ref()?.text(path.as_ref()?)
        }
        _ => Some("$request.body.a".into()),
    });
    assert_eq!(names_body, selection.reads_body());
    // What comes out is not read again.
    assert!(text.contains('$') || filled == text);
}

fn expressions(text: &str, body: &[u8]) {
    let variables = Strings::from([("v".to_owned(), "value".to_owned()), ("".to_owned(), "nameless".to_owned())]);
    let source = Source::parse(text, &variables);
    if let Some(written) = source.as_ref().and_then(written) {
        assert_eq!(written, text, "the expression means something else");
    }
    let answer = ResponseSource::parse(text, &variables);
    if let Some(ResponseSource::Header(name)) = &answer {
        assert_eq!(format!("integration.response.header.{name}"), text);
    }
    if let Some(Target::Header(name) | Target::Path(name) | Target::Query(name)) = Target::parse(text) {
        assert!(text.ends_with(&format!(".{name}")), "the target has another name");
    }
    let starts_like_json = String::from_utf8_lossy(body).trim().starts_with(['{', '[', '"', '\'']);
    for path in [
        if let Some(Source::Body(path)) = source { Some(path) } else { None },
        if let Some(ResponseSource::Body(path)) = answer { Some(path) } else { None },
    ]
    .into_iter()
    .flatten()
    {
        let found = in_body(body, path.as_ref());
        match (&path, body) {
            (None, b"") => assert_eq!(found, Ok(Some("{}".to_owned()))),
            (None, body) => assert_eq!(found, Ok(Some(String::from_utf8_lossy(body).into_owned()))),
            (Some(_), body) if !starts_like_json && !body.is_empty() => assert_eq!(found, Ok(None)),
            // A lossy reading makes JSON of what is none at times, but never the other way round.
            (Some(_), body) => assert!(found.is_ok() || serde_json::from_slice::<serde_json::Value>(body).is_err()),
        }
    }
}

fn texts(text: &str) {
    let none = Strings::new();
    let substitution = Substitution::compile(text, &none);
    let again = substitution.render(|source| written(source).map(|written| format!("${written}")));
    assert!(is_shortened(&again, text), "{again} is made of it");
    // Values are not read again.
    let filled = substitution.render(|_| Some("$context.x".to_owned()));
    assert!(text.contains('$') || filled == text);
    let uri = Uri::compile(text, &none);
    let kept = uri.render(|_| None);
    assert!(is_shortened(&kept, text), "{kept} is made of it");
    if !text.contains("${stageVariables.") {
        assert_eq!(kept, text, "placeholders that nothing is mapped to stay");
    }
    let filled = uri.render(|_| Some("{x}"));
    assert!(kept.starts_with(uri.constant_start()) && filled.starts_with(uri.constant_start()));
    if let Some(constant) = uri.constant() {
        assert_eq!((constant, constant), (&*kept, &*filled));
    }
}

fn queries(text: &str) {
    let query = Query::parse(text);
    let mut again = String::new();
    for (name, value) in query.iter() {
        append(&mut again, name, value);
        assert_eq!(query.last(name), query.all(name).last());
    }
    assert!(again.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%=&".contains(&byte)), "{again}");
    assert_eq!(Query::parse(&again), query, "written as {again} it is another");
    if is_plain(text) {
        assert_eq!(again, text);
    }
}

#[test]
fn parameters() {
    Fuzzed { name: "parameters", cases: 3000, words: WORDS, grammar, check }.run();
}
