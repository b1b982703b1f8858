//! Values as texts: as Java prints them, and as JSON.

use std::fmt::Write;

use super::containers::{List, Map};
use super::number;
use super::value::{Object, Style, Value};

/// Values are rendered at most so deep: one that holds itself ends.
const MAX_DEPTH: usize = 100;
/// An object in a value counts for so many levels: its text is made apart, and then copied into that of the value.
const OBJECT_LEVELS: usize = 8;

/// Texts of values under construction. Values that hold themselves many times over end as well: each that is looked
/// into writes something, and nothing is written behind `until`.
pub(super) struct Writing<'o> {
    pub(super) out: &'o mut String,
    pub(super) until: usize,
}

impl Writing<'_> {
    fn is_full(&self, depth: usize) -> bool {
        depth >= MAX_DEPTH || self.out.len() > self.until
    }

    pub(super) fn java(&mut self, value: &Value, depth: usize) {
        match value {
            Value::List(list) if list.style == Style::Json => self.json(value, depth),
            Value::List(List { style: Style::Silent, .. }) | Value::Map(Map { style: Style::Silent, .. }) => {}
            Value::List(_) | Value::Map(_) if self.is_full(depth) => {}
            Value::List(list) => {
                self.out.push('[');
                for (at, item) in list.items().iter().enumerate() {
                    self.out.push_str(if at == 0 { "" } else { ", " });
                    self.element(item, depth + 1);
                }
                self.out.push(']');
            }
            Value::Map(map) => {
                self.out.push('{');
                for (at, (key, value)) in map.entries().iter().enumerate() {
                    self.out.push_str(if at == 0 { "" } else { ", " });
                    self.out.push_str(key);
                    self.out.push('=');
                    self.element(value, depth + 1);
                }
                self.out.push('}');
            }
            Value::Null | Value::Block(_) => {}
            Value::Bool(flag) => self.out.push_str(if *flag { "true" } else { "false" }),
            Value::Int(number) => write!(self.out, "{number}").expect("a string takes all that is written to it"),
            Value::Double(number) => number::write_double(self.out, *number),
            Value::Text(text) => self.out.push_str(text),
            Value::Object(_) if self.is_full(depth) => {}
            Value::Object(object) => {
                let text = self.text_of(object.as_ref(), depth);
                self.out.push_str(&text);
            }
        }
    }

    /// Inside of a list or map Java prints what isn't there as `null`.
    fn element(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Null => self.out.push_str("null"),
            _ if self.out.len() > self.until => {}
            other => self.java(other, depth),
        }
    }

    fn json(&mut self, value: &Value, depth: usize) {
        match value {
            Value::List(_) | Value::Map(_) | Value::Object(_) if self.is_full(depth) => self.out.push_str("null"),
            Value::List(list) => {
                self.out.push('[');
                for (at, item) in list.items().iter().enumerate() {
                    self.out.push_str(if at == 0 { "" } else { "," });
                    self.json(item, depth + 1);
                }
                self.out.push(']');
            }
            Value::Map(map) => {
                self.out.push('{');
                for (at, (key, value)) in map.entries().iter().enumerate() {
                    self.out.push_str(if at == 0 { "" } else { "," });
                    write_json_text(self.out, key);
                    self.out.push(':');
                    self.json(value, depth + 1);
                }
                self.out.push('}');
            }
            Value::Null | Value::Block(_) => self.out.push_str("null"),
            Value::Bool(_) | Value::Int(_) | Value::Double(_) => self.java(value, depth),
            Value::Text(_) if self.out.len() > self.until => {}
            Value::Text(text) => write_json_text(self.out, text),
            Value::Object(object) => {
                let text = self.text_of(object.as_ref(), depth);
                write_json_text(self.out, &text);
            }
        }
    }

    /// An object's text, not much more of it than there is room for.
    fn text_of(&self, object: &dyn Object, depth: usize) -> String {
        let room = self.until.saturating_sub(self.out.len());
        let mut text = object.text_within(depth + OBJECT_LEVELS, room);
        text.truncate(text.floor_char_boundary(room.saturating_add(4)));
        text
    }
}

/// Appends a text as JSON has it, in quotes.
pub(in crate::mapping) fn write_json_text(out: &mut String, text: &str) {
    out.push('"');
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[written..at]);
        written = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            8 => out.push_str("\\b"),
            12 => out.push_str("\\f"),
            other => write!(out, "\\u{other:04x}").expect("a string takes all that is written to it"),
        }
    }
    out.push_str(&text[written..]);
    out.push('"');
}
