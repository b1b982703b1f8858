//! Reads paths.

use serde_json::Value;

use super::filter::{Comparison, Filter, Operand};
use super::{Error, Function, MAX_PATH, Path, Step};
use crate::mapping::PATTERN_SIZE;

/// Conditions are nested at most so deep.
const MAX_NESTING: usize = 32;

pub(super) fn parse(text: &str) -> Result<Path, Error> {
    let mut parser = Parser { text, at: 0, nesting: 0 };
    if text.len() > MAX_PATH {
        return Err(parser.error("too long"));
    }
    if !parser.eat("$") && !text.starts_with(['.', '[']) {
        let name = parser.name();
        if name.is_empty() {
            return Err(parser.error("expected `$` or a name"));
        }
        let mut path = parser.path()?;
        path.steps.insert(0, Step::Members(vec![name.to_owned()]));
        return parser.whole(path);
    }
    let path = parser.path()?;
    parser.whole(path)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    nesting: usize,
}

impl<'t> Parser<'t> {
    fn error(&self, message: &'static str) -> Error {
        Error { path: self.text.to_owned(), message, at: self.text[..self.at].chars().count() + 1 }
    }

    fn whole(&self, path: Path) -> Result<Path, Error> {
        if self.rest().is_empty() { Ok(path) } else { Err(self.error("expected `.` or `[`")) }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    fn expect(&mut self, sign: &str, message: &'static str) -> Result<(), Error> {
        if self.eat(sign) { Ok(()) } else { Err(self.error(message)) }
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// A name without quotes.
    fn name(&mut self) -> &'t str {
        let rest = self.rest();
        let ends = |sign: char| matches!(sign, '.' | '[' | ']' | '(' | ')' | ',' | '\'' | '"') || sign.is_whitespace();
        let length = rest.find(ends).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// The steps from here on, as far as there are any.
    fn path(&mut self) -> Result<Path, Error> {
        let mut steps = Vec::new();
        loop {
            let deep = self.eat("..");
            if deep {
                steps.push(Step::Deep);
            }
            if self.rest().starts_with('[') {
                steps.push(self.brackets()?);
            } else if deep || self.eat(".") {
                if self.eat("*") {
                    steps.push(Step::All);
                    continue;
                }
                let name = self.name();
                if name.is_empty() {
                    return Err(self.error("expected a name"));
                }
                if self.eat("()") {
                    let function = function(name).ok_or_else(|| self.error("there is no such function"))?;
                    return Ok(Path { steps, function: Some(function) });
                }
                steps.push(Step::Members(vec![name.to_owned()]));
            } else {
                return Ok(Path { steps, function: None });
            }
        }
    }

    fn brackets(&mut self) -> Result<Step, Error> {
        self.expect("[", "expected `[`")?;
        self.blanks();
        let step = if self.eat("*") {
            Step::All
        } else if self.eat("?") {
            self.blanks();
            self.expect("(", "expected `(`")?;
            let filter = self.any()?;
            self.blanks();
            self.expect(")", "expected `)`")?;
            Step::Filter(filter)
        } else if self.rest().starts_with(['\'', '"']) {
            let mut names = vec![self.quoted()?];
            while self.comma() {
                names.push(self.quoted()?);
            }
            Step::Members(names)
        } else {
            self.places()?
        };
        self.blanks();
        self.expect("]", "expected `]`")?;
        Ok(step)
    }

    fn comma(&mut self) -> bool {
        self.blanks();
        let found = self.eat(",");
        self.blanks();
        found
    }

    fn places(&mut self) -> Result<Step, Error> {
        let first = self.integer()?;
        self.blanks();
        if self.eat(":") {
            self.blanks();
            return Ok(Step::Slice(first, self.integer()?));
        }
        let mut places = vec![first.ok_or_else(|| self.error("expected a number"))?];
        while self.comma() {
            places.push(self.integer()?.ok_or_else(|| self.error("expected a number"))?);
        }
        Ok(Step::Items(places))
    }

    fn integer(&mut self) -> Result<Option<i64>, Error> {
        let rest = self.rest();
        let length = rest.find(|sign: char| sign != '-' && !sign.is_ascii_digit()).unwrap_or(rest.len());
        if length == 0 {
            return Ok(None);
        }
        let number = rest[..length].parse().map_err(|_| self.error("expected a number"))?;
        self.at += length;
        Ok(Some(number))
    }

    /// A text in single or double quotes; a backslash takes the next character as it is.
    fn quoted(&mut self) -> Result<String, Error> {
        let mut signs = self.rest().char_indices();
        let quote = signs.next().map(|(_, sign)| sign).filter(|sign| matches!(sign, '\'' | '"'));
        let quote = quote.ok_or_else(|| self.error("expected a text in quotes"))?;
        let mut text = String::new();
        while let Some((at, sign)) = signs.next() {
            match sign {
                '\\' => text.extend(signs.next().map(|(_, sign)| sign)),
                sign if sign == quote => {
                    self.at += at + 1;
                    return Ok(text);
                }
                sign => text.push(sign),
            }
        }
        Err(self.error("this text has no end"))
    }

    fn any(&mut self) -> Result<Filter, Error> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.error("nested too deep"));
        }
        let mut all = vec![self.all()?];
        while self.operator("||") {
            all.push(self.all()?);
        }
        self.nesting -= 1;
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::Any(all) })
    }

    fn all(&mut self) -> Result<Filter, Error> {
        let mut parts = vec![self.condition()?];
        while self.operator("&&") {
            parts.push(self.condition()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::All(parts) })
    }

    fn operator(&mut self, sign: &str) -> bool {
        self.blanks();
        self.eat(sign)
    }

    fn condition(&mut self) -> Result<Filter, Error> {
        self.blanks();
        if self.eat("!") {
            self.nesting += 1;
            if self.nesting > MAX_NESTING {
                return Err(self.error("nested too deep"));
            }
            let inner = self.condition()?;
            self.nesting -= 1;
            return Ok(Filter::Not(Box::new(inner)));
        }
        if self.eat("(") {
            let inner = self.any()?;
            self.blanks();
            self.expect(")", "expected `)`")?;
            return Ok(inner);
        }
        let left = self.operand()?;
        self.blanks();
        let found = Comparison::ALL.iter().find(|(sign, _)| self.rest().starts_with(sign));
        let Some((sign, comparison)) = found else { return Ok(Filter::Exists(left)) };
        self.at += sign.len();
        self.blanks();
        Ok(Filter::Compare(left, *comparison, self.operand()?))
    }

    fn operand(&mut self) -> Result<Operand, Error> {
        if self.eat("@") {
            return Ok(Operand::Item(self.path()?));
        }
        if self.eat("$") {
            return Ok(Operand::Root(self.path()?));
        }
        if self.rest().starts_with('/') {
            return self.pattern();
        }
        self.literal().map(Operand::Value)
    }

    fn pattern(&mut self) -> Result<Operand, Error> {
        let rest = &self.rest()[1..];
        let mut escaped = false;
        let end = rest.find(|sign: char| {
            let ends = sign == '/' && !escaped;
            escaped = sign == '\\' && !escaped;
            ends
        });
        let end = end.ok_or_else(|| self.error("this pattern has no end"))?;
        self.at += end + 2;
        let insensitive = self.eat("i");
        let pattern = format!("^(?:{})$", rest[..end].replace("\\/", "/"));
        let built = regex::RegexBuilder::new(&pattern).case_insensitive(insensitive).size_limit(PATTERN_SIZE).build();
        built.map(Operand::pattern).map_err(|_| self.error("this pattern can't be used"))
    }

    fn literal(&mut self) -> Result<Value, Error> {
        if self.rest().starts_with(['\'', '"']) {
            return self.quoted().map(Value::from);
        }
        if self.eat("[") {
            let mut items = Vec::new();
            self.blanks();
            while !self.eat("]") {
                items.push(self.literal()?);
                if !self.comma() && !self.rest().starts_with(']') {
                    return Err(self.error("expected `]`"));
                }
            }
            return Ok(Value::Array(items));
        }
        let rest = self.rest();
        let ends = |sign: char| matches!(sign, ')' | ']' | ',' | '&' | '|') || sign.is_whitespace();
        let length = rest.find(ends).unwrap_or(rest.len());
        let value = match &rest[..length] {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            text if text.starts_with(|sign: char| sign == '-' || sign.is_ascii_digit()) => {
                serde_json::from_str(text).map_err(|_| self.error("expected a value"))?
            }
            _ => return Err(self.error("expected a value")),
        };
        self.at += length;
        Ok(value)
    }
}

fn function(name: &str) -> Option<Function> {
    match name {
        "length" | "size" => Some(Function::Length),
        "min" => Some(Function::Min),
        "max" => Some(Function::Max),
        "avg" => Some(Function::Avg),
        "sum" => Some(Function::Sum),
        "keys" => Some(Function::Keys),
        _ => None,
    }
}
