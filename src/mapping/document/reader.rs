//! Reads a text as JSON: takes what serde_json takes, and refuses what it refuses, but makes no values.

use std::collections::HashSet;

use serde_json::Number;

use super::{Kind, Node, Span};
use crate::mapping::vtl::FEW;

/// Arrays and objects are nested less deep than this, as serde_json has it.
const MAX_DEPTH: usize = 128;

/// What is in a text.
pub(super) struct Content {
    /// The values, each before what is in it.
    pub(super) nodes: Vec<Node>,
    /// Texts that are written with escapes, without them; they count as if they stood behind the text.
    pub(super) unescaped: String,
    /// Whether an object has members of one name.
    pub(super) has_duplicates: bool,
}

/// Reads a text; nothing, if it is no JSON.
pub(super) fn read(text: &str) -> Option<Content> {
    let nodes = Vec::with_capacity(8 + text.len() / 16);
    let content = Content { nodes, unescaped: String::new(), has_duplicates: false };
    let mut reader = Reader { text, at: 0, depth: 0, content };
    reader.whole()?;
    Some(reader.content)
}

/// A position in a text, and what was found on the way there.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// How many arrays and objects are open.
    depth: usize,
    content: Content,
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
        let next = self.content.nodes.len() as u32 + 1;
        self.content.nodes.push(Node { name, kind, next });
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
        let start = self.content.nodes.len();
        self.push(name, Kind::Null);
        self.at += 1;
        let kind = read(self)?;
        self.content.nodes[start] = Node { name, kind, next: self.content.nodes.len() as u32 };
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
        let first = self.content.nodes.len();
        // Names that differ mostly do so in their lengths or ends, which is quickly told if they are few.
        let (mut marks, mut repeats) = ([(0_u32, Span::default()); FEW], false);
        let mut count = 0;
        loop {
            match self.sign()? {
                b'"' => {}
                b'}' if count == 0 => return Some(Kind::Object(0)),
                _ => return None,
            }
            let name = self.quoted()?;
            let mark = mark(self.span(name));
            if let Some(place) = marks.get_mut(count) {
                *place = (mark, name);
                let mut before = marks[..count].iter().filter(|(known, _)| *known == mark);
                repeats |= before.any(|(_, known)| self.span(*known) == self.span(name));
            }
            if self.sign()? != b':' {
                return None;
            }
            self.value(name)?;
            count += 1;
            match self.sign()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        self.content.has_duplicates |= repeats || count > FEW && self.repeats_names(first, count);
        Some(Kind::Object(count as u32))
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
        let start = self.text.len() + self.content.unescaped.len();
        self.content.unescaped.push_str(&text);
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
            Some(start) => &self.content.unescaped[start..end - self.text.len()],
            None => &self.text[start..end],
        }
    }

    /// Whether two members of an object have the same name; the first of them is at this place.
    fn repeats_names(&self, first: usize, count: usize) -> bool {
        let (mut at, mut known) = (first, HashSet::with_capacity(count));
        (0..count).any(|_| {
            let node = &self.content.nodes[at];
            at = node.next as usize;
            !known.insert(self.span(node.name))
        })
    }
}

/// A name's length, and the bytes at its ends.
fn mark(name: &str) -> u32 {
    match name.as_bytes() {
        [] => 0,
        [only] => u32::from(*only),
        [first, .., last] => ((name.len() as u32) << 16) | (u32::from(*first) << 8) | u32::from(*last),
    }
}

/// Where a quote, a backslash or a control character is next, or the end. Looks at eight bytes at once: most texts are
/// short, so that a loop over their bytes would mostly be about its end.
pub(super) fn end_of_plain(text: &[u8], from: usize) -> usize {
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
