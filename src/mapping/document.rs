//! A JSON body, read once and looked at in place.
//!
//! A template mostly wants a few values of a body, so that values, texts and tables for all of it would be most of the
//! work. A document is the body's text and a flat list of what is in it, in the order of the text; values are made of
//! what is asked for.

use std::collections::HashSet;
use std::fmt::Write;
use std::rc::Rc;

use serde_json::{Number, Value as Json};

use super::jsonpath::Tree;
use super::vtl::{Entries, FEW, Found, List, Map, Origin, Style, Value, write_json_text};

/// Arrays and objects are nested less deep than this, as serde_json has it.
const MAX_DEPTH: usize = 128;

/// A body's text, and what is in it.
pub(super) struct Document {
    /// The text; behind it, texts that are written with escapes there.
    text: String,
    /// Where those start.
    unescaped: u32,
    /// The values, each before what is in it.
    nodes: Vec<Node>,
}

/// A place in a document's text.
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

/// A value in a document.
struct Node {
    /// The name, if it is an object's member.
    name: Span,
    kind: Kind,
    /// The node behind it and all that is in it.
    next: u32,
}

#[derive(Clone, Copy)]
enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    /// A whole number that is too large for the others.
    Large(u64),
    Double(f64),
    /// A number with a point that stands in the text as it is written: only who computes with it has to read it.
    Decimal(Span),
    Text(Span),
    /// An array, and how many items it has.
    Array(u32),
    /// An object, and how many members it has.
    Object(u32),
}

/// A value of a document.
#[derive(Clone, Copy)]
pub(super) struct Part<'d> {
    document: &'d Document,
    at: u32,
}

impl Document {
    /// Reads a body; nothing, if it is no JSON.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?.to_owned();
        // Places are kept in 32 bits, those of texts with escapes behind the others.
        if text.len() > u32::MAX as usize / 2 {
            return None;
        }
        let nodes = Vec::with_capacity(8 + text.len() / 16);
        let mut reader =
            Reader { text: &text, at: 0, depth: 0, nodes, unescaped: String::new(), has_duplicates: false };
        reader.whole()?;
        let Reader { nodes, unescaped, has_duplicates, .. } = reader;
        if has_duplicates {
            // Of members of one name the last counts: serde_json drops the others.
            let json: Json = serde_json::from_str(&text).ok()?;
            return Self::read(json.to_string().as_bytes());
        }
        Some(Self { unescaped: text.len() as u32, text: text + &unescaped, nodes })
    }

    /// All of it.
    pub(super) fn root(&self) -> Part<'_> {
        Part { document: self, at: 0 }
    }

    /// The template's value for a part: a list or map is made when it is looked into.
    pub(super) fn value(self: &Rc<Self>, at: u32) -> Value {
        let origin = || -> Rc<dyn Origin> { self.clone() };
        match self.nodes[at as usize].kind {
            Kind::Array(_) => Value::List(List::waiting(origin(), at, Style::Json)),
            Kind::Object(_) => Value::Map(Map::waiting(origin(), at, Style::Json)),
            _ => Part { document: self, at }.scalar().unwrap_or(Value::Null),
        }
    }

    fn decimal(&self, span: Span) -> f64 {
        self.span(span).parse().expect("its digits and its point were seen")
    }

    fn span(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.end as usize]
    }
}

impl<'d> Part<'d> {
    /// Its place in the document.
    pub(super) fn at(self) -> u32 {
        self.at
    }

    fn node(self) -> &'d Node {
        &self.document.nodes[self.at as usize]
    }

    /// How many items or members are in it.
    fn size(self) -> usize {
        match self.node().kind {
            Kind::Array(count) | Kind::Object(count) => count as usize,
            _ => 0,
        }
    }

    fn name(self) -> &'d str {
        self.document.span(self.node().name)
    }

    /// The items or members.
    fn children(self) -> impl Iterator<Item = Part<'d>> {
        let mut at = self.at + 1;
        (0..self.size()).map(move |_| {
            let child = Part { document: self.document, at };
            at = child.node().next;
            child
        })
    }

    /// The value, if it isn't an array or object.
    fn scalar(self) -> Option<Value> {
        Some(match self.node().kind {
            Kind::Null => Value::Null,
            Kind::Bool(flag) => Value::Bool(flag),
            Kind::Int(number) => Value::Int(number),
            Kind::Large(number) => Value::Double(number as f64),
            Kind::Double(number) => Value::Double(number),
            Kind::Decimal(span) => Value::Double(self.document.decimal(span)),
            Kind::Text(span) => self.document.span(span).into(),
            Kind::Array(_) | Kind::Object(_) => return None,
        })
    }

    /// Writes what a template shows of it, if it isn't an array or object; says whether it did.
    pub(super) fn write_scalar(self, out: &mut String) -> bool {
        match self.node().kind {
            Kind::Text(span) => out.push_str(self.document.span(span)),
            Kind::Array(_) | Kind::Object(_) => return false,
            _ => self.scalar().unwrap_or(Value::Null).write(out),
        }
        true
    }

    /// Writes it as JSON, without blanks.
    pub(super) fn write_json(self, out: &mut String) {
        match self.node().kind {
            Kind::Null => out.push_str("null"),
            Kind::Bool(flag) => out.push_str(if flag { "true" } else { "false" }),
            Kind::Int(number) => write!(out, "{number}").expect("a string takes all that is written to it"),
            Kind::Large(number) => write!(out, "{number}").expect("a string takes all that is written to it"),
            Kind::Double(number) => match Number::from_f64(number) {
                Some(number) => write!(out, "{number}").expect("a string takes all that is written to it"),
                None => out.push_str("null"),
            },
            Kind::Decimal(span) => out.push_str(self.document.span(span)),
            Kind::Text(span) => self.write_json_span(span, out),
            Kind::Array(_) => {
                out.push('[');
                for (at, item) in self.children().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    item.write_json(out);
                }
                out.push(']');
            }
            Kind::Object(_) => {
                out.push('{');
                for (at, member) in self.children().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    self.write_json_span(member.node().name, out);
                    out.push(':');
                    member.write_json(out);
                }
                out.push('}');
            }
        }
    }

    fn write_json_span(self, span: Span, out: &mut String) {
        let text = self.document.span(span);
        if span.start >= self.document.unescaped {
            return write_json_text(out, text);
        }
        // It stands there without escapes, so that it needs none.
        out.push('"');
        out.push_str(text);
        out.push('"');
    }

    /// The value as serde_json has it, for paths that need all of it.
    pub(super) fn to_json(self) -> Json {
        match self.node().kind {
            Kind::Null => Json::Null,
            Kind::Bool(flag) => flag.into(),
            Kind::Int(number) => number.into(),
            Kind::Large(number) => number.into(),
            Kind::Double(number) => number.into(),
            Kind::Decimal(span) => self.document.decimal(span).into(),
            Kind::Text(span) => self.document.span(span).into(),
            Kind::Array(_) => Json::Array(self.children().map(Self::to_json).collect()),
            Kind::Object(_) => {
                Json::Object(self.children().map(|member| (member.name().to_owned(), member.to_json())).collect())
            }
        }
    }
}

impl Tree for Part<'_> {
    fn member(self, name: &str) -> Option<Self> {
        let is_object = matches!(self.node().kind, Kind::Object(_));
        self.children().filter(|_| is_object).find(|member| member.name() == name)
    }

    fn item(self, at: i64) -> Option<Self> {
        let Kind::Array(count) = self.node().kind else { return None };
        let at = if at < 0 { at + i64::from(count) } else { at };
        self.children().nth(usize::try_from(at).ok()?)
    }
}

impl Origin for Document {
    fn size(&self, place: u32) -> usize {
        Part { document: self, at: place }.size()
    }

    fn items(self: Rc<Self>, place: u32) -> Vec<Value> {
        Part { document: &self, at: place }.children().map(|item| self.value(item.at)).collect()
    }

    fn entries(self: Rc<Self>, place: u32) -> Entries {
        let members = Part { document: &self, at: place }.children();
        members.map(|member| (member.name().into(), self.value(member.at))).collect()
    }

    fn get(&self, place: u32, key: &str) -> Found {
        let part = Part { document: self, at: place };
        // An object of many members is better made, which has them found without looking at all.
        if part.size() > FEW {
            return Found::Unknown;
        }
        match part.member(key).map(|member| (member.at, member.node().kind)) {
            None => Found::Value(Value::Null),
            Some((at, Kind::Array(_))) => Found::List(at, Style::Json),
            Some((at, Kind::Object(_))) => Found::Map(at, Style::Json),
            Some((at, _)) => Found::Value(Part { document: self, at }.scalar().unwrap_or(Value::Null)),
        }
    }
}

/// A document under construction: what serde_json takes for JSON, read without making values.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// How many arrays and objects are open.
    depth: usize,
    nodes: Vec<Node>,
    /// Texts that are written with escapes, without them.
    unescaped: String,
    /// Whether an object has members of one name.
    has_duplicates: bool,
}

impl Reader<'_> {
    fn whole(&mut self) -> Option<()> {
        self.value(Span::default())?;
        self.blanks();
        (self.at == self.text.len()).then_some(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Steps over blanks and the sign behind them.
    fn sign(&mut self) -> Option<u8> {
        self.blanks();
        let sign = self.peek()?;
        self.at += 1;
        Some(sign)
    }

    fn push(&mut self, name: Span, kind: Kind) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { name, kind, next });
    }

    /// Reads a value, a member's if it has a name.
    fn value(&mut self, name: Span) -> Option<()> {
        self.blanks();
        let kind = match self.peek()? {
            b'"' => {
                self.at += 1;
                Kind::Text(self.quoted()?)
            }
            b'{' => return self.nested(name, Self::object),
            b'[' => return self.nested(name, Self::array),
            b't' => self.word("true", Kind::Bool(true))?,
            b'f' => self.word("false", Kind::Bool(false))?,
            b'n' => self.word("null", Kind::Null)?,
            _ => self.number()?,
        };
        self.push(name, kind);
        Some(())
    }

    fn word(&mut self, word: &str, kind: Kind) -> Option<Kind> {
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        found.then_some(kind)
    }

    fn nested(&mut self, name: Span, read: impl FnOnce(&mut Self) -> Option<Kind>) -> Option<()> {
        self.depth += 1;
        if self.depth == MAX_DEPTH {
            return None;
        }
        let start = self.nodes.len();
        self.push(name, Kind::Null);
        self.at += 1;
        let kind = read(self)?;
        if let Kind::Object(count) = kind {
            self.has_duplicates |= self.repeats_names(start, count);
        }
        self.nodes[start] = Node { name, kind, next: self.nodes.len() as u32 };
        self.depth -= 1;
        Some(())
    }

    fn array(&mut self) -> Option<Kind> {
        self.blanks();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(Kind::Array(0));
        }
        let mut count = 0;
        loop {
            self.value(Span::default())?;
            count += 1;
            match self.sign()? {
                b',' => {}
                b']' => return Some(Kind::Array(count)),
                _ => return None,
            }
        }
    }

    fn object(&mut self) -> Option<Kind> {
        let mut count = 0;
        loop {
            match self.sign()? {
                b'"' => {}
                b'}' if count == 0 => return Some(Kind::Object(0)),
                _ => return None,
            }
            let name = self.quoted()?;
            if self.sign()? != b':' {
                return None;
            }
            self.value(name)?;
            count += 1;
            match self.sign()? {
                b',' => {}
                b'}' => return Some(Kind::Object(count)),
                _ => return None,
            }
        }
    }

    /// Reads a text, whose first quote was read.
    fn quoted(&mut self) -> Option<Span> {
        let start = self.at;
        self.at = end_of_plain(self.text.as_bytes(), start);
        let end = self.peek()?;
        let span = Span { start: start as u32, end: self.at as u32 };
        self.at += 1;
        match end {
            b'"' => Some(span),
            b'\\' => self.escaped(start),
            _ => None,
        }
    }

    /// Reads a text with escapes, behind the first backslash.
    fn escaped(&mut self, start: usize) -> Option<Span> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let text: String = serde_json::from_str(&self.text[start - 1..self.at]).ok()?;
        let start = self.text.len() + self.unescaped.len();
        self.unescaped.push_str(&text);
        Some(Span { start: start as u32, end: (start + text.len()) as u32 })
    }

    fn number(&mut self) -> Option<Kind> {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        let length = length.unwrap_or(rest.len());
        let text = &self.text[self.at..self.at + length];
        let span = Span { start: self.at as u32, end: (self.at + length) as u32 };
        self.at += length;
        // Most numbers are a few digits.
        if matches!(text.as_bytes(), [b'1'..=b'9', others @ ..] if others.len() < 18 && others.iter().all(u8::is_ascii_digit))
        {
            return text.parse().ok().map(Kind::Int);
        }
        if is_plain_decimal(text) {
            return Some(Kind::Decimal(span));
        }
        let number: Number = serde_json::from_str(text).ok()?;
        Some(match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Kind::Int(number),
            (None, Some(number)) => Kind::Large(number),
            (None, None) => Kind::Double(number.as_f64()?),
        })
    }

    fn span(&self, span: Span) -> &str {
        let (start, end) = (span.start as usize, span.end as usize);
        match start.checked_sub(self.text.len()) {
            Some(start) => &self.unescaped[start..end - self.text.len()],
            None => &self.text[start..end],
        }
    }

    /// Whether two members of an object have the same name.
    fn repeats_names(&self, object: usize, count: u32) -> bool {
        let names = || {
            let mut at = object + 1;
            (0..count).map(move |_| {
                let node = &self.nodes[at];
                at = node.next as usize;
                self.span(node.name)
            })
        };
        // Names that differ mostly do so in their lengths or ends, which is quickly told if there are few.
        let mut marks = [0_u32; FEW];
        let mark = |name: &str| match name.as_bytes() {
            [] => 0,
            [first, .., last] => ((name.len() as u32) << 16) | (u32::from(*first) << 8) | u32::from(*last),
            [only] => u32::from(*only),
        };
        let differ = count as usize <= FEW
            && names().enumerate().all(|(at, name)| {
                marks[at] = mark(name);
                !marks[..at].contains(&marks[at])
            });
        let mut known = HashSet::new();
        !differ && names().any(|name| !known.insert(name))
    }
}

/// Where a quote, a backslash or a control character is next, or the end. Looks at eight bytes at once: most texts are
/// short, so that a loop over their bytes would mostly be about its end.
fn end_of_plain(text: &[u8], from: usize) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut at = from;
    while let Some(bytes) = text.get(at..at + 8).and_then(|bytes| bytes.first_chunk()) {
        let bytes = u64::from_le_bytes(*bytes);
        // The high bit of each byte that is less than another; of those behind the first it may be set as well.
        let less = |bytes: u64, than: u8| bytes.wrapping_sub(EACH * u64::from(than)) & !bytes & HIGH;
        let is = |byte: u8| less(bytes ^ (EACH * u64::from(byte)), 1);
        let ends = is(b'"') | is(b'\\') | less(bytes, b' ');
        if ends != 0 {
            return at + ends.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = text[at..].iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '));
    rest.map_or(text.len(), |rest| at + rest)
}

/// Whether a number is `d.d`, as serde_json writes it too: so few digits that all of them are the number's, and no zero
/// too many.
fn is_plain_decimal(number: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((whole, part)) = number.split_once('.') else { return false };
    number.len() <= 16
        && whole.starts_with(|first: char| matches!(first, '1'..='9'))
        && part.ends_with(|last: char| matches!(last, '1'..='9'))
        && digits(whole)
        && digits(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
}
