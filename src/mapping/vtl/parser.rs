//! Reads a template's text: what is text, what a reference, what a directive; and the whitespace that Velocity eats.

use super::syntax::{At, Block, Macro, Node, Shown, Slot};
use super::{Error, MAX_NESTING, Template};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicUsize;

/// Reads a template.
pub(super) fn parse(source: &str) -> Result<Template, Error> {
    let mut parser = Parser::new(source);
    let (body, end) = parser.block()?;
    if end != Terminator::Text {
        return Err(parser.error("there is no directive open that this could belong to"));
    }
    let Parser { slots, macros, .. } = parser;
    let (foreach, velocity_count) = (slots.get("foreach").copied(), slots.get("velocityCount").copied());
    let mut names: Vec<_> = slots.into_iter().collect();
    names.sort_unstable_by_key(|(_, slot)| *slot);
    let names = names.into_iter().map(|(name, _)| name.to_owned()).collect();
    let room = AtomicUsize::new(0);
    Ok(Template { source: source.to_owned(), body, macros, names, foreach, velocity_count, room })
}

/// A position in a text, and what was learned on the way there.
pub(super) struct Parser<'s> {
    pub(super) source: &'s str,
    pub(super) at: At,
    /// Where the text ends that is read at the moment; strings in templates are templates of their own.
    pub(super) until: At,
    nesting: usize,
    slots: HashMap<&'s str, Slot>,
    pub(super) macros: HashMap<String, Macro>,
    /// The names of all macros, of those further down too.
    pub(super) macro_names: HashSet<&'s str>,
}

/// What ended a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Terminator {
    /// The end of the text.
    Text,
    /// `#end`
    End,
    /// `#else`
    Else,
    /// `#elseif`, whose condition is next.
    ElseIf,
}

/// A block under construction.
#[derive(Default)]
struct Pieces {
    nodes: Block,
    /// Text that no node has yet.
    text: String,
}

impl Pieces {
    fn push(&mut self, node: Node) {
        self.flush();
        self.nodes.push(node);
    }

    /// What comes is no part of the text so far.
    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.nodes.push(Node::Text(std::mem::take(&mut self.text)));
        }
    }

    /// Before `#set` blanks are eaten, but only where they are not part of a longer text: Velocity's tokens.
    fn eat_blanks(&mut self) {
        if self.text.bytes().all(|byte| matches!(byte, b' ' | b'\t')) {
            self.text.clear();
        }
    }

    fn finish(mut self) -> Block {
        self.flush();
        self.nodes
    }
}

impl<'s> Parser<'s> {
    fn new(source: &'s str) -> Self {
        Self {
            source,
            at: 0,
            until: source.len(),
            nesting: 0,
            slots: HashMap::new(),
            macros: HashMap::new(),
            macro_names: macro_names(source),
        }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        Error::at(self.source, self.at, message)
    }

    /// What is still to be read.
    pub(super) fn rest(&self) -> &'s str {
        &self.source[self.at..self.until]
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().bytes().next()
    }

    /// Steps over this, if it is next.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    pub(super) fn expect(&mut self, text: &str) -> Result<(), Error> {
        if self.eat(text) { Ok(()) } else { Err(self.error(format!("expected `{text}`"))) }
    }

    pub(super) fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    /// Blanks and the end of the line, where nothing else is before it.
    pub(super) fn eat_line_end(&mut self) {
        let rest = self.rest().trim_start_matches([' ', '\t']);
        for end in ["\r\n", "\n", "\r"] {
            if let Some(rest) = rest.strip_prefix(end) {
                self.at = self.until - rest.len();
                return;
            }
        }
    }

    pub(super) fn slot(&mut self, name: &'s str) -> Slot {
        let next = self.slots.len();
        *self.slots.entry(name).or_insert(next)
    }

    /// Goes one level deeper while `read` reads.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.nesting == MAX_NESTING {
            return Err(self.error(format!("nested deeper than {MAX_NESTING} levels")));
        }
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        result
    }

    /// Reads the part of the source up to `until` as a template of its own.
    pub(super) fn within(&mut self, until: At) -> Result<Block, Error> {
        let outer = std::mem::replace(&mut self.until, until);
        let (block, end) = self.block()?;
        if end != Terminator::Text {
            return Err(self.error("there is no directive open that this could belong to"));
        }
        self.until = outer;
        Ok(block)
    }

    /// Reads up to the end of the text, or to a directive that ends a block.
    pub(super) fn block(&mut self) -> Result<(Block, Terminator), Error> {
        self.nested(|parser| {
            let mut pieces = Pieces::default();
            loop {
                let rest = parser.rest();
                let plain = rest.find(['$', '#', '\\']).unwrap_or(rest.len());
                pieces.text.push_str(&rest[..plain]);
                parser.at += plain;
                match parser.peek() {
                    None => return Ok((pieces.finish(), Terminator::Text)),
                    Some(b'\\') => parser.backslashes(&mut pieces)?,
                    Some(b'$') => match parser.reference()? {
                        Some(reference) => pieces.push(Node::Reference(Shown { escapes: 0, ..reference })),
                        None => {
                            parser.at += 1;
                            pieces.text.push('$');
                        }
                    },
                    Some(_) => {
                        if let Some(end) = parser.sharp(&mut pieces)? {
                            return Ok((pieces.finish(), end));
                        }
                    }
                }
            }
        })
    }

    /// Backslashes mean something only before a reference or a directive.
    fn backslashes(&mut self, pieces: &mut Pieces) -> Result<(), Error> {
        let rest = self.rest();
        let count = rest.len() - rest.trim_start_matches('\\').len();
        let start = self.at;
        self.at += count;
        match self.peek() {
            Some(b'$') => {
                if let Some(reference) = self.reference()? {
                    pieces.push(Node::Reference(Shown { escapes: count, ..reference }));
                    return Ok(());
                }
            }
            Some(b'#') => {
                if let Some((word, length)) = self.word().filter(|(word, _)| self.is_directive(word)) {
                    // Before `#set` two stay two.
                    let left = if count.is_multiple_of(2) && word == "set" { count } else { count / 2 };
                    pieces.text.push_str(&"\\".repeat(left));
                    if count % 2 == 1 {
                        pieces.text.push_str(&self.rest()[..length]);
                        self.at += length;
                    }
                    return Ok(());
                }
            }
            _ => {}
        }
        pieces.text.push_str(&self.source[start..start + count]);
        self.at = start + count;
        Ok(())
    }

    fn is_directive(&self, word: &str) -> bool {
        matches!(word, "set" | "if" | "elseif" | "else" | "end" | "foreach" | "break" | "stop" | "define" | "macro")
            || self.macro_names.contains(word)
    }

    /// The word of a directive that starts here, `#word` or `#{word}`, and how long it is with its signs.
    fn word(&self) -> Option<(&'s str, usize)> {
        let rest = self.rest().strip_prefix('#')?;
        let letters =
            |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
        let starts = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        match rest.strip_prefix('{') {
            Some(inner) => {
                let length = letters(inner);
                (starts(inner) && inner[length..].starts_with('}')).then(|| (&inner[..length], length + 3))
            }
            None => starts(rest).then(|| (&rest[..letters(rest)], letters(rest) + 1)),
        }
    }

    /// Reads what a `#` starts; a directive that ends the block is given back.
    fn sharp(&mut self, pieces: &mut Pieces) -> Result<Option<Terminator>, Error> {
        let rest = self.rest();
        if rest.starts_with("##") {
            let line = rest.find(['\n', '\r']).unwrap_or(rest.len());
            self.at += line;
            self.eat_line_end();
            pieces.flush();
            return Ok(None);
        }
        if rest.starts_with("#*") {
            let end = rest.find("*#").ok_or_else(|| self.error("this comment has no end"))?;
            self.at += end + 2;
            pieces.flush();
            return Ok(None);
        }
        if rest.starts_with("#[[") {
            let end = rest.find("]]#").ok_or_else(|| self.error("this text has no end: `]]#` is missing"))?;
            pieces.push(Node::Text(rest[3..end].to_owned()));
            self.at += end + 3;
            return Ok(None);
        }
        let Some((word, length)) = self.word() else {
            self.at += 1;
            pieces.text.push('#');
            return Ok(None);
        };
        let start = self.at;
        self.at += length;
        match word {
            "end" => {
                self.eat_line_end();
                return Ok(Some(Terminator::End));
            }
            "else" => {
                self.eat_line_end();
                return Ok(Some(Terminator::Else));
            }
            "elseif" => return Ok(Some(Terminator::ElseIf)),
            "break" => pieces.push(Node::Break),
            "stop" => pieces.push(Node::Stop),
            "if" => {
                let node = self.conditional()?;
                pieces.push(node);
            }
            "foreach" => {
                let node = self.foreach(start)?;
                pieces.push(node);
            }
            "set" if self.rest().trim_start_matches([' ', '\t']).starts_with('(') => {
                pieces.eat_blanks();
                let node = self.set()?;
                pieces.push(node);
            }
            "define" => {
                let node = self.define()?;
                pieces.push(node);
            }
            "macro" => {
                self.define_macro()?;
                pieces.flush();
            }
            name => match self.call(start, name)? {
                Some(node) => pieces.push(node),
                None => {
                    pieces.text.push_str(&self.source[start..start + length]);
                    self.at = start + length;
                }
            },
        }
        Ok(None)
    }
}

/// The names of the macros that a template defines, wherever it does.
fn macro_names(source: &str) -> HashSet<&str> {
    let name = |text: &'_ str| -> usize {
        text.len() - text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).len()
    };
    let openings = ["#macro", "#{macro}"].into_iter().flat_map(|word| source.split(word).skip(1));
    let opened = openings.filter_map(|rest| rest.trim_start_matches([' ', '\t']).strip_prefix('('));
    opened.map(str::trim_start).map(|rest| &rest[..name(rest)]).collect()
}
