//! The methods of Java's strings. Positions are UTF-16 code units there; here they are characters, which differ only
//! outside of the basic plane.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::containers::List;
use super::methods::MAX_ITEMS;
use super::value::{Style, Value};
use crate::mapping::PATTERN_SIZE;

/// Patterns that a thread keeps compiled.
const KEPT_PATTERNS: usize = 64;

thread_local! {
    static PATTERNS: RefCell<HashMap<Arc<str>, Regex>> = RefCell::new(HashMap::new());
}

/// Calls a method of a text.
pub(super) fn call(text: &Arc<str>, name: &str, arguments: &[Value], limit: usize) -> Result<Value, String> {
    let flag = |flag: bool| Ok(Value::Bool(flag));
    match (name, arguments) {
        ("length", []) => Ok(Value::Int(length(text))),
        ("isEmpty", []) => flag(text.is_empty()),
        ("isBlank", []) => flag(text.trim().is_empty()),
        ("toLowerCase", []) => Ok(text.to_lowercase().into()),
        ("toUpperCase", []) => Ok(text.to_uppercase().into()),
        ("trim" | "strip", []) => Ok(text.trim().into()),
        ("hashCode", []) => Ok(Value::Int(i64::from(hash(text)))),
        ("concat", [other]) => Ok(format!("{text}{}", other.to_text()).into()),
        ("contains", [part]) => flag(text.contains(&*part.to_text())),
        ("startsWith", [start]) => flag(text.starts_with(&*start.to_text())),
        ("endsWith", [end]) => flag(text.ends_with(&*end.to_text())),
        ("equalsIgnoreCase", [other]) => flag(text.to_lowercase() == other.text().to_lowercase()),
        ("compareTo", [other]) => Ok(Value::Int(text.as_ref().cmp(&*other.to_text()) as i64)),
        ("indexOf", [part]) => Ok(position(text, text.find(&*part.to_text()))),
        ("indexOf", [part, Value::Int(from)]) => {
            let start = offset(text, (*from).max(0)).unwrap_or(text.len());
            Ok(position(text, text[start..].find(&*part.to_text()).map(|at| at + start)))
        }
        ("lastIndexOf", [part]) => Ok(position(text, text.rfind(&*part.to_text()))),
        ("charAt", [Value::Int(at)]) => substring(text, *at, at.saturating_add(1)),
        ("substring", [Value::Int(from)]) => substring(text, *from, length(text)),
        ("substring", [Value::Int(from), Value::Int(to)]) => substring(text, *from, *to),
        ("replace", [from, to]) => replace_plain(text, &from.text(), &to.text(), usize::MAX, limit),
        ("replaceAll", [pattern, to]) => replace(text, &pattern.text(), &to.text(), false, limit),
        ("replaceFirst", [pattern, to]) => replace(text, &pattern.text(), &to.text(), true, limit),
        ("repeat", [Value::Int(count)]) => {
            let count = usize::try_from(*count).map_err(|_| "a text can't be repeated less than 0 times".to_owned())?;
            if text.len().saturating_mul(count) > limit {
                return Err(too_long(limit));
            }
            Ok(text.repeat(count).into())
        }
        ("matches", [pattern]) => flag(compiled(&format!("^(?:{})$", pattern.to_text()))?.is_match(text)),
        ("split", [pattern]) => split(text, &pattern.text(), 0),
        ("split", [pattern, Value::Int(limit)]) => split(text, &pattern.text(), *limit),
        ("toCharArray", []) => list(text.chars().map(|character| character.to_string().into())),
        _ => Ok(Value::Null),
    }
}

/// A pattern that writes more than so much out is too large to be compiled.
const MAX_WRITTEN_OUT: u64 = 100_000;
/// A byte that is looked at so often costs about what looking at it once does otherwise.
const WRITTEN_OUT_AT_ONCE: u64 = 4;

/// A list of a text's parts.
fn list(parts: impl Iterator<Item = Value>) -> Result<Value, String> {
    let parts: Vec<Value> = parts.take(MAX_ITEMS + 1).collect();
    if parts.len() > MAX_ITEMS {
        return Err(format!("a list has more than {MAX_ITEMS} items"));
    }
    Ok(Value::List(List::new(parts, Style::Java)))
}

fn length(text: &str) -> i64 {
    text.chars().count() as i64
}

/// Java's `hashCode` of a string.
fn hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

fn position(text: &str, found: Option<usize>) -> Value {
    Value::Int(found.map_or(-1, |at| length(&text[..at])))
}

/// The byte at which a character starts; the end has a place as well.
fn offset(text: &str, at: i64) -> Option<usize> {
    let at = usize::try_from(at).ok()?;
    text.char_indices().map(|(offset, _)| offset).chain([text.len()]).nth(at)
}

fn substring(text: &str, from: i64, to: i64) -> Result<Value, String> {
    match (offset(text, from), offset(text, to)) {
        (Some(start), Some(end)) if start <= end => Ok(text[start..end].into()),
        _ => Err(format!("there is no part from {from} to {to} in a text of {} characters", length(text))),
    }
}

fn too_long(limit: usize) -> String {
    format!("a text has more than {limit} bytes")
}

/// How much of a text with so many bytes a pattern makes the machine look at, in bytes: counted repetitions are written
/// out when a pattern is compiled, so that `(a{100}){100}` looks at each byte ten thousand times.
pub(super) fn looked_at(bytes: usize, pattern: &str) -> u64 {
    let mut times: u64 = 1;
    for part in pattern.split('{').skip(1) {
        let counts = part.split('}').next().unwrap_or_default();
        let most = counts.split(',').filter_map(|count| count.trim().parse::<u64>().ok()).max();
        times = times.saturating_mul(most.unwrap_or(1).max(1));
    }
    (bytes as u64).saturating_mul(times.min(MAX_WRITTEN_OUT)) / WRITTEN_OUT_AT_ONCE
}

/// What a pattern matches if it is plain text, possibly with escaped signs: the commonest of all is `\\'`.
fn plain(pattern: &str) -> Option<String> {
    let mut text = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next().filter(|escaped| !escaped.is_ascii_alphanumeric())?),
            '.' | '*' | '+' | '?' | '[' | ']' | '(' | ')' | '{' | '}' | '|' | '^' | '$' => return None,
            character => text.push(character),
        }
    }
    Some(text)
}

/// A compiled pattern, from this thread's memory if it is there.
fn compiled(pattern: &str) -> Result<Regex, String> {
    PATTERNS.with_borrow_mut(|kept| {
        if let Some(known) = kept.get(pattern) {
            return Ok(known.clone());
        }
        let regex = RegexBuilder::new(pattern).size_limit(PATTERN_SIZE).build();
        let regex = regex.map_err(|_| format!("the regular expression {pattern} can't be used"))?;
        if kept.len() == KEPT_PATTERNS {
            kept.clear();
        }
        kept.insert(pattern.into(), regex.clone());
        Ok(regex)
    })
}

/// Replaces up to `count` occurrences; the length is known before anything is made.
fn replace_plain(text: &str, from: &str, to: &str, count: usize, limit: usize) -> Result<Value, String> {
    let found = text.matches(from).take(count).count();
    let length = found.saturating_mul(to.len()).saturating_add(text.len() - found * from.len());
    if length > limit { Err(too_long(limit)) } else { Ok(text.replacen(from, to, found).into()) }
}

fn replace(text: &str, pattern: &str, to: &str, first: bool, limit: usize) -> Result<Value, String> {
    let count = if first { 1 } else { usize::MAX };
    if let Some(plain) = plain(pattern).filter(|plain| !plain.is_empty() && !to.contains(['$', '\\'])) {
        return replace_plain(text, &plain, to, count, limit);
    }
    let regex = compiled(pattern)?;
    let to = replacement(to);
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for captures in regex.captures_iter(text).take(count) {
        let found = captures.get_match();
        out.push_str(&text[end..found.start()]);
        for piece in &to {
            out.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Group(number) => captures.get(*number).map_or("", |group| group.as_str()),
            });
            if out.len() > limit {
                return Err(too_long(limit));
            }
        }
        end = found.end();
    }
    out.push_str(&text[end..]);
    if out.len() > limit { Err(too_long(limit)) } else { Ok(out.into()) }
}

/// A piece of what a match is replaced with.
enum Piece {
    Text(String),
    Group(usize),
}

/// Reads Java's `$1` and `\$`.
fn replacement(to: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut characters = to.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.extend(characters.next()),
            '$' => match characters.peek().and_then(|digit| digit.to_digit(10)) {
                Some(digit) => {
                    characters.next();
                    pieces.extend([Piece::Text(std::mem::take(&mut text)), Piece::Group(digit as usize)]);
                }
                None => text.push('$'),
            },
            character => text.push(character),
        }
    }
    pieces.push(Piece::Text(text));
    pieces
}

/// Java's `split`: without a limit the empty texts at the end are left out.
fn split(text: &str, pattern: &str, limit: i64) -> Result<Value, String> {
    let limited = usize::try_from(limit).ok().filter(|limit| *limit > 0);
    let mut parts: Vec<&str> = match plain(pattern).filter(|plain| !plain.is_empty()) {
        Some(plain) => match limited {
            Some(limit) => text.splitn(limit, plain.as_str()).collect(),
            None => text.split(plain.as_str()).collect(),
        },
        None => {
            let regex = compiled(pattern)?;
            let mut parts: Vec<&str> = match limited {
                Some(limit) => regex.splitn(text, limit).collect(),
                None => regex.split(text).collect(),
            };
            // A match of nothing at the start makes no part.
            if parts.len() > 1 && parts[0].is_empty() && regex.find(text).is_some_and(|found| found.is_empty()) {
                parts.remove(0);
            }
            parts
        }
    };
    if limit == 0 && parts.len() > 1 {
        while parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
    }
    list(parts.into_iter().map(Value::from))
}
