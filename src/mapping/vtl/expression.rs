//! Reads references and expressions.

use std::sync::Arc;

use super::parser::Parser;
use super::syntax::{Binary, Call, Expression, Node, Reference, Shown, Step};
use super::{Constant, Error};
use crate::mapping::jsonpath::Path;

/// Operators from those that bind least to those that bind most; the longer of two that start alike comes first.
const OPERATORS: &[&[(&str, Binary)]] = &[
    &[("||", Binary::Or), ("or", Binary::Or)],
    &[("&&", Binary::And), ("and", Binary::And)],
    &[("==", Binary::Equal), ("!=", Binary::NotEqual), ("eq", Binary::Equal), ("ne", Binary::NotEqual)],
    &[
        ("<=", Binary::LessOrEqual),
        (">=", Binary::GreaterOrEqual),
        ("<", Binary::Less),
        (">", Binary::Greater),
        ("le", Binary::LessOrEqual),
        ("ge", Binary::GreaterOrEqual),
        ("lt", Binary::Less),
        ("gt", Binary::Greater),
    ],
    &[("+", Binary::Add), ("-", Binary::Subtract)],
    &[("*", Binary::Multiply), ("/", Binary::Divide), ("%", Binary::Remainder)],
];

impl<'s> Parser<'s> {
    /// Reads a name: letters, digits, `_` and `-`, a letter or `_` first.
    pub(super) fn identifier(&mut self) -> Option<&'s str> {
        let rest = self.rest();
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return None;
        }
        let name = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let length = rest.len() - name.len();
        self.at += length;
        Some(&rest[..length])
    }

    /// Reads a reference, if one starts here: `$name`, `$!name`, `${name}`, `$!{name}`, and the steps behind the name.
    pub(super) fn reference(&mut self) -> Result<Option<Shown>, Error> {
        let start = self.at;
        if !self.eat("$") {
            return Ok(None);
        }
        self.eat("!");
        let braced = self.eat("{");
        let Some(name) = self.identifier() else {
            self.at = start;
            return Ok(None);
        };
        let slot = self.slot(name);
        let steps = self.steps()?;
        if braced {
            self.skip_blanks();
            self.expect("}")?;
        }
        let literal = self.source[start..self.at].to_owned();
        Ok(Some(Shown { reference: Reference { at: start, slot, steps }, escapes: 0, literal }))
    }

    fn steps(&mut self) -> Result<Vec<Step>, Error> {
        let mut steps = Vec::new();
        loop {
            let before = self.at;
            if self.eat("[") {
                self.skip_blanks();
                let index = self.nested(Self::expression)?;
                self.skip_blanks();
                self.expect("]")?;
                steps.push(Step::Index(index));
            } else if self.eat(".") {
                // A point without a name behind it is the text's.
                let Some(name) = self.identifier() else {
                    self.at = before;
                    return Ok(steps);
                };
                let name: Arc<str> = name.into();
                let step = if self.eat("(") { Step::Call(self.call_of(name)?) } else { Step::Property(name) };
                steps.push(step);
            } else {
                return Ok(steps);
            }
        }
    }

    /// Reads what a method is given, up to the parenthesis. Paths are read here, and not when they are followed.
    fn call_of(&mut self, name: Arc<str>) -> Result<Call, Error> {
        let arguments = self.list(")")?;
        let path = match arguments.as_slice() {
            [Expression::Literal(Constant::Text(path))] if matches!(&*name, "json" | "path") => Path::parse(path).ok(),
            _ => None,
        };
        Ok(Call { name, arguments, path })
    }

    /// Reads expressions with commas between them, up to `end`.
    fn list(&mut self, end: &str) -> Result<Vec<Expression>, Error> {
        let mut items = Vec::new();
        self.skip_blanks();
        if self.eat(end) {
            return Ok(items);
        }
        loop {
            items.push(self.nested(Self::expression)?);
            self.skip_blanks();
            if self.eat(end) {
                return Ok(items);
            }
            self.expect(",")?;
            self.skip_blanks();
        }
    }

    pub(super) fn expression(&mut self) -> Result<Expression, Error> {
        self.binary(0)
    }

    fn binary(&mut self, level: usize) -> Result<Expression, Error> {
        let Some(operators) = OPERATORS.get(level) else { return self.unary() };
        let first = self.binary(level + 1)?;
        let mut others = Vec::new();
        loop {
            let before = self.at;
            self.skip_blanks();
            let Some(operator) = self.operator(operators) else {
                self.at = before;
                return Ok(if others.is_empty() { first } else { Expression::Chain(Box::new(first), others) });
            };
            self.skip_blanks();
            others.push((operator, self.nested(|parser| parser.binary(level + 1))?));
        }
    }

    fn operator(&mut self, operators: &[(&str, Binary)]) -> Option<Binary> {
        let rest = self.rest();
        let found = operators.iter().find(|(sign, _)| {
            let is_word = sign.starts_with(|c: char| c.is_ascii_alphabetic());
            let ends = |rest: &str| !is_word || !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            rest.strip_prefix(sign).is_some_and(ends)
        });
        let (sign, operator) = found?;
        self.at += sign.len();
        Some(*operator)
    }

    fn unary(&mut self) -> Result<Expression, Error> {
        let rest = self.rest();
        let word = rest.strip_prefix("not").is_some_and(|rest| rest.starts_with([' ', '\t', '\n', '\r', '$', '(']));
        if word || (rest.starts_with('!') && !rest.starts_with("!=")) {
            self.at += if word { 3 } else { 1 };
            self.skip_blanks();
            return Ok(Expression::Not(Box::new(self.nested(Self::unary)?)));
        }
        self.primary()
    }

    /// A literal, a reference, or an expression in parentheses.
    pub(super) fn primary(&mut self) -> Result<Expression, Error> {
        match self.peek() {
            Some(b'"') => self.interpolated(),
            Some(b'\'') => Ok(Expression::Literal(Constant::Text(self.quoted('\'')?.1.replace("''", "'").into()))),
            Some(b'0'..=b'9' | b'-') => self.number(),
            Some(b'$') => match self.reference()? {
                Some(shown) => Ok(Expression::Reference(shown.reference)),
                None => Err(self.error("expected a name behind `$`")),
            },
            Some(b'(') => {
                self.at += 1;
                self.skip_blanks();
                let inner = self.nested(Self::expression)?;
                self.skip_blanks();
                self.expect(")")?;
                Ok(inner)
            }
            Some(b'[') => self.list_or_range(),
            Some(b'{') => self.map(),
            _ => {
                let before = self.at;
                match self.identifier() {
                    Some("true") => Ok(Expression::Literal(Constant::Bool(true))),
                    Some("false") => Ok(Expression::Literal(Constant::Bool(false))),
                    _ => {
                        self.at = before;
                        Err(self.error("expected a value"))
                    }
                }
            }
        }
    }

    /// Steps over a text in quotes, in which the quote is written twice; gives where it starts, and what is inside.
    fn quoted(&mut self, quote: char) -> Result<(usize, &'s str), Error> {
        let start = self.at + 1;
        let mut end = start;
        loop {
            match self.source[end..self.until].find(quote) {
                None => return Err(self.error("this text has no end")),
                Some(found) => end += found,
            }
            if !self.source[end + 1..self.until].starts_with(quote) {
                break;
            }
            end += 2;
        }
        self.at = end + 1;
        Ok((start, &self.source[start..end]))
    }

    fn interpolated(&mut self) -> Result<Expression, Error> {
        let (start, text) = self.quoted('"')?;
        if !text.contains(['$', '#']) {
            return Ok(Expression::Literal(Constant::Text(text.replace("\"\"", "\"").into())));
        }
        let end = std::mem::replace(&mut self.at, start);
        let mut block = self.within(end - 1)?;
        self.at = end;
        for node in &mut block {
            if let Node::Text(text) = node {
                *text = text.replace("\"\"", "\"");
            }
        }
        Ok(Expression::Interpolated(block))
    }

    fn number(&mut self) -> Result<Expression, Error> {
        let rest = self.rest();
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let sign = usize::from(rest.starts_with('-'));
        let whole = digits(&rest[sign..]);
        if whole == 0 {
            return Err(self.error("expected a value"));
        }
        let mut end = sign + whole;
        // `1..5` is a range, not the number `1.`.
        let is_floating = rest[end..].starts_with('.') && !rest[end..].starts_with("..");
        if is_floating {
            end += 1 + digits(&rest[end + 1..]);
        }
        let exponent = rest[end..].strip_prefix(['e', 'E']).map(|power| {
            let sign = usize::from(power.starts_with(['+', '-']));
            (sign, digits(&power[sign..]))
        });
        let has_exponent = exponent.is_some_and(|(_, digits)| digits > 0);
        if let Some((sign, digits)) = exponent.filter(|_| has_exponent) {
            end += 1 + sign + digits;
        }
        let text = &rest[..end];
        let floating = || text.parse().map(Constant::Double).map_err(|_| self.error("this number can't be read"));
        let number = match text.parse() {
            Ok(whole) if !is_floating && !has_exponent => Constant::Int(whole),
            _ => floating()?,
        };
        self.at += end;
        Ok(Expression::Literal(number))
    }

    fn list_or_range(&mut self) -> Result<Expression, Error> {
        let start = self.at;
        self.at += 1;
        self.skip_blanks();
        if self.eat("]") {
            return Ok(Expression::List(Vec::new()));
        }
        let first = self.nested(Self::expression)?;
        self.skip_blanks();
        if self.eat("..") {
            self.skip_blanks();
            let last = self.nested(Self::expression)?;
            self.skip_blanks();
            self.expect("]")?;
            return Ok(Expression::Range(start, Box::new((first, last))));
        }
        let mut items = vec![first];
        if !self.eat("]") {
            self.expect(",")?;
            items.extend(self.list("]")?);
        }
        Ok(Expression::List(items))
    }

    fn map(&mut self) -> Result<Expression, Error> {
        self.at += 1;
        self.skip_blanks();
        let mut entries = Vec::new();
        if self.eat("}") {
            return Ok(Expression::Map(entries));
        }
        loop {
            let key = self.nested(Self::expression)?;
            self.skip_blanks();
            self.expect(":")?;
            self.skip_blanks();
            entries.push((key, self.nested(Self::expression)?));
            self.skip_blanks();
            if self.eat("}") {
                return Ok(Expression::Map(entries));
            }
            self.expect(",")?;
            self.skip_blanks();
        }
    }
}
