//! Reads what stands behind the word of a directive.

use std::sync::Arc;

use super::Error;
use super::parser::{Parser, Terminator};
use super::syntax::{At, Block, Expression, Macro, Node, Shown, Slot};

impl Parser<'_> {
    fn open(&mut self) -> Result<(), Error> {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        self.expect("(")?;
        self.skip_blanks();
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        self.skip_blanks();
        self.expect(")")?;
        self.eat_line_end();
        Ok(())
    }

    /// Reads a block that must end with `#end`; `what` it belongs to started at `start`.
    fn body(&mut self, start: At, what: &str) -> Result<Block, Error> {
        match self.block()? {
            (body, Terminator::End) => Ok(body),
            (_, Terminator::Text) => Err(Error::at(self.source, start, format!("this `#{what}` has no `#end`"))),
            (_, Terminator::Else | Terminator::ElseIf) => Err(self.error(format!("expected `#end` of a `#{what}`"))),
        }
    }

    pub(super) fn conditional(&mut self) -> Result<Node, Error> {
        let start = self.at;
        let mut branches = Vec::new();
        loop {
            self.open()?;
            let condition = self.expression()?;
            self.close()?;
            let (body, end) = self.block()?;
            branches.push((condition, body));
            match end {
                Terminator::ElseIf => {}
                Terminator::End => return Ok(Node::If { branches, otherwise: Vec::new() }),
                Terminator::Else => return Ok(Node::If { branches, otherwise: self.body(start, "if")? }),
                Terminator::Text => return Err(Error::at(self.source, start, "this `#if` has no `#end`")),
            }
        }
    }

    pub(super) fn foreach(&mut self, at: At) -> Result<Node, Error> {
        self.open()?;
        let variable = self.variable()?;
        self.skip_blanks();
        self.expect("in")?;
        self.skip_blanks();
        let list = self.expression()?;
        self.close()?;
        let body = self.body(at, "foreach")?;
        Ok(Node::Foreach { at, variable, list, body })
    }

    pub(super) fn set(&mut self) -> Result<Node, Error> {
        self.open()?;
        let Some(Shown { reference: target, .. }) = self.reference()? else {
            return Err(self.error("expected a reference to set"));
        };
        self.skip_blanks();
        self.expect("=")?;
        self.skip_blanks();
        let value = self.expression()?;
        self.close()?;
        Ok(Node::Set { target, value })
    }

    pub(super) fn define(&mut self) -> Result<Node, Error> {
        let start = self.at;
        self.open()?;
        let slot = self.variable()?;
        self.close()?;
        Ok(Node::Define { slot, body: Arc::new(self.body(start, "define")?) })
    }

    pub(super) fn define_macro(&mut self) -> Result<(), Error> {
        let start = self.at;
        self.open()?;
        let name = self.identifier().ok_or_else(|| self.error("expected the macro's name"))?.to_owned();
        let mut parameters = Vec::new();
        loop {
            self.skip_separators();
            if self.peek() == Some(b')') {
                break;
            }
            parameters.push(self.variable()?);
        }
        self.close()?;
        let body = self.body(start, "macro")?;
        // The first definition stays.
        self.macros.entry(name).or_insert(Macro { parameters, body });
        Ok(())
    }

    /// A call of a macro, which may be defined further down; nothing, where the word is mere text.
    pub(super) fn call(&mut self, at: At, name: &str) -> Result<Option<Node>, Error> {
        if !self.rest().trim_start_matches([' ', '\t']).starts_with('(') || !self.macro_names.contains(name) {
            return Ok(None);
        }
        self.open()?;
        let mut arguments: Vec<Expression> = Vec::new();
        loop {
            self.skip_separators();
            if self.peek() == Some(b')') {
                break;
            }
            arguments.push(self.primary()?);
        }
        self.close()?;
        Ok(Some(Node::Call { at, name: name.to_owned(), arguments }))
    }

    fn skip_separators(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r', ',']).len();
    }

    /// `$name` alone.
    fn variable(&mut self) -> Result<Slot, Error> {
        match self.reference()? {
            Some(Shown { reference, .. }) if reference.steps.is_empty() => Ok(reference.slot),
            _ => Err(self.error("expected a variable")),
        }
    }
}
