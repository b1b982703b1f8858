//! Documents beside what serde_json reads.

use proptest::prelude::*;

use super::reader::end_of_plain;
use super::*;

/// Bodies, with numbers, escapes, depth and repeated names among them.
fn bodies() -> Vec<String> {
    let many = |count: usize, name: fn(usize) -> usize| {
        let members: Vec<String> = (0..count).map(|at| format!("\"n{}\": {at}", name(at))).collect();
        format!("{{{}}}", members.join(", "))
    };
    let mut bodies: Vec<String> = [
        "null",
        "[19.95, 19.950, 1.0, 0.5, 10.01, 123456789012345.6, 12345678901234.5, 1.2345678901234567, 1.5e3, 01.5, 1.]",
        "[19.95, 19.950, 1.0, 0.5, 10.01, 123456789012345.6, 12345678901234.5, 1.2345678901234567, 1.5e3, -1.5]",
        " [1, -2, -0, 1.5, 1e3, 0.1, 18446744073709551615, 18446744073709551616, 9223372036854775807] ",
        r#"{"a": {"b": [true, false, null, {}, []]}, "é\n\u0041\"": "x\ud83d\ude00\\/\/\t\u0001é", "": ""}"#,
        r#"{"a": 1, "b": 2, "a": {"c": 3, "c": 4}}"#,
        r#"{"A": 1, "\u0041": 2}"#,
        "",
        "{",
        "1 2",
        "1e999",
        "[\"\u{1}\"]",
        "{\"a\": }",
    ]
    .map(str::to_owned)
    .into();
    bodies.extend([many(FEW, |at| at), many(FEW + 1, |at| at), many(FEW + 3, |at| at % FEW)]);
    bodies.extend([20, 127, 128, 200].map(|depth| "[".repeat(depth) + &"]".repeat(depth)));
    bodies
}

/// A document is what serde_json reads, and looks the same.
fn check(body: &str) {
    let expected: Option<Json> = serde_json::from_str(body).ok();
    let document = Document::read(body.as_bytes()).map(Rc::new);
    assert_eq!(document.as_ref().map(|document| document.root().to_json()), expected, "{body}");
    let (Some(document), Some(expected)) = (document, expected) else { return };
    let mut text = String::new();
    document.root().write_json(&mut text);
    assert_eq!(text, expected.to_string(), "{body}");
    assert_eq!(document.value(0).text(), Value::from(&expected).text(), "{body}");
}

#[test]
fn documents_are_what_serde_json_reads() {
    bodies().iter().for_each(|body| check(body));
    assert!(Document::read(b"\"\xff\"").is_none());
}

#[test]
fn plain_text_ends_where_it_does() {
    for length in 0..20 {
        for end in ["\"", "\\", "\u{1f}", "\u{0}"] {
            for behind in ["", "\"", "é !~", "\u{0}\"\\ and more"] {
                let text = format!(
                    "{}{end}{behind}",
                    "é !#[]~\u{7f}\u{80}x1234567890".repeat(2).chars().take(length).collect::<String>()
                );
                let expected = text.bytes().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '));
                assert_eq!(Some(end_of_plain(text.as_bytes(), 0)), expected, "{text:?}");
            }
        }
    }
    assert_eq!(end_of_plain(b"0123456789", 3), 10);
}

/// Pieces of JSON in any order, and such that make a list or an object.
fn noise() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"b\":",
        "\"a\":",
        " ",
        "\n",
        "\t",
        "\\",
        "\\n",
        "\\u00",
        "41",
        "\\ud83d",
        "\\ude00",
        "-",
        "+",
        ".",
        "e",
        "E",
        "0",
        "7",
        "12",
        "1.5",
        "-3",
        "1e9",
        "true",
        "false",
        "null",
        "é",
        "\u{1}",
        "[1,2]",
        "{\"c\":3}",
        "\"\\\"\"",
    ];
    let pieces = || prop::collection::vec(prop::sample::select(PIECES), 0..20);
    let joined = |open: &'static str, close: &'static str| {
        prop::collection::vec(prop::sample::select(PIECES), 0..8)
            .prop_map(move |pieces| format!("{open}{}{close}", pieces.join(",")))
    };
    prop_oneof![
        pieces().prop_map(|pieces| pieces.concat()),
        pieces().prop_map(|pieces| format!("[\"{}\"]", pieces.concat())),
        joined("[", "]"),
        joined("[{\"a\":", "}]"),
    ]
}

proptest! {
    #[test]
    fn decimals_are_those_of_serde_json(whole in 0_u64..10_000_000_000, part in "[0-9]{0,9}") {
        check(&format!("[{whole}.{part}]"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_body_is_serde_json_agrees(body in noise()) {
        check(&body);
    }
}

#[test]
fn members_and_items_are_found() {
    let body = br#"{"a": [10, {"b": "c"}, [20, 30], 40], "d": {"a": 50}, "e\n": 60}"#;
    let document = Document::read(body).expect("JSON");
    let found = |part: Option<Part<'_>>| part.map(|part| part.to_json().to_string());
    let root = document.root();
    let list = root.member("a").expect("a list");
    assert_eq!(found(root.member("d").and_then(|part| part.member("a"))).as_deref(), Some("50"));
    assert_eq!(found(root.member("e\n")).as_deref(), Some("60"));
    for (at, expected) in [(0, Some("10")), (-1, Some("40")), (2, Some("[20,30]")), (4, None), (-5, None)] {
        assert_eq!(found(list.item(at)).as_deref(), expected, "{at}");
    }
    assert!(root.member("b").is_none() && root.item(0).is_none() && list.member("b").is_none());
}
