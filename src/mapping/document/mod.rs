//! A JSON body, read once and looked at in place.
//!
//! A template mostly wants a few values of a body, so that values, texts and tables for all of it would be most of the
//! work. A document is the body's text and a flat list of what is in it, in the order of the text; values are made of
//! what is asked for.

mod reader;

use std::borrow::Cow;
use std::fmt::Write;
use std::rc::Rc;

use serde_json::{Number, Value as Json};

use self::reader::Content;
use super::jsonpath::{Path, Tree};
use super::vtl::{Entries, FEW, Found, List, Map, Origin, Style, Value, write_json_text};

/// A body's text, and what is in it.
pub struct Document {
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

/// What a value is, for who judges it.
pub(super) enum Shape<'d> {
    Null,
    Bool,
    Number(Number),
    Text(&'d str),
    Array,
    Object,
}

/// A value of a document.
#[derive(Clone, Copy)]
pub(super) struct Part<'d> {
    document: &'d Document,
    at: u32,
}

impl Document {
    /// Reads a body; nothing, if it is no JSON.
    pub fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?.to_owned();
        // Places are kept in 32 bits, those of texts with escapes behind the others.
        if text.len() > u32::MAX as usize / 2 {
            return None;
        }
        let Content { nodes, unescaped, has_duplicates } = reader::read(&text)?;
        if has_duplicates {
            // Of members of one name the last counts: serde_json drops the others.
            let json: Json = serde_json::from_str(&text).ok()?;
            return Self::read(json.to_string().as_bytes());
        }
        Some(Self { unescaped: text.len() as u32, text: text + &unescaped, nodes })
    }

    /// Whether it was read from this body, as far as that makes a difference.
    pub(super) fn is_of(&self, body: &[u8]) -> bool {
        self.written().as_bytes() == body
    }

    /// The text that was read.
    pub(super) fn written(&self) -> &str {
        &self.text[..self.unescaped as usize]
    }

    /// What a path finds, as a text: texts as they are, lists as `[item, item]`, everything else as JSON; nothing where
    /// there is nothing, or `null`.
    pub fn text(&self, path: &Path) -> Option<Cow<'_, str>> {
        if !path.is_plain() {
            let json = self.root().to_json();
            return shown(&*path.find(&json)?).map(Cow::Owned);
        }
        let part = path.follow(self.root())?;
        match part.node().kind {
            Kind::Text(span) => Some(Cow::Borrowed(self.span(span))),
            // As it is written: a number with a point keeps its digits.
            Kind::Decimal(span) => Some(Cow::Borrowed(self.span(span))),
            _ => shown(&part.to_json()).map(Cow::Owned),
        }
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

/// A value as a text.
fn shown(value: &Json) -> Option<String> {
    match value {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| shown(item).unwrap_or_default()).collect();
            Some(format!("[{}]", items.join(", ")))
        }
        Json::Bool(_) | Json::Number(_) | Json::Object(_) => Some(value.to_string()),
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
    pub(super) fn size(self) -> usize {
        match self.node().kind {
            Kind::Array(count) | Kind::Object(count) => count as usize,
            _ => 0,
        }
    }

    /// Its name, if it is an object's member.
    pub(super) fn name(self) -> &'d str {
        self.document.span(self.node().name)
    }

    /// The items or members.
    pub(super) fn children(self) -> impl Iterator<Item = Part<'d>> {
        let mut at = self.at + 1;
        (0..self.size()).map(move |_| {
            let child = Part { document: self.document, at };
            at = child.node().next;
            child
        })
    }

    /// What it is.
    pub(super) fn shape(self) -> Shape<'d> {
        // What JSON can't write as a number is none that was read.
        let double = |number| Number::from_f64(number).map_or(Shape::Null, Shape::Number);
        match self.node().kind {
            Kind::Null => Shape::Null,
            Kind::Bool(_) => Shape::Bool,
            Kind::Int(number) => Shape::Number(number.into()),
            Kind::Large(number) => Shape::Number(number.into()),
            Kind::Double(number) => double(number),
            Kind::Decimal(span) => double(self.document.decimal(span)),
            Kind::Text(span) => Shape::Text(self.document.span(span)),
            Kind::Array(_) => Shape::Array,
            Kind::Object(_) => Shape::Object,
        }
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

#[cfg(test)]
mod tests;
