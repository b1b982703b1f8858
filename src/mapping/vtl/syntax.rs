//! What a template is made of, once it is parsed.

use std::sync::Arc;

use crate::mapping::jsonpath::Path;

/// A place in the template's text, in bytes from its start.
pub(super) type At = usize;
/// A variable's place among a rendering's variables.
pub(super) type Slot = usize;
/// Text and directives, in their order.
pub(super) type Block = Vec<Node>;

/// A piece of a template.
#[derive(Debug)]
pub(super) enum Node {
    /// Text that renders as itself.
    Text(String),
    /// A reference that is rendered.
    Reference(Shown),
    /// `#set`
    Set { target: Reference, value: Expression },
    /// `#if`, `#elseif`, `#else`
    If { branches: Vec<(Expression, Block)>, otherwise: Block },
    /// `#foreach`
    Foreach { at: At, variable: Slot, list: Expression, body: Block },
    /// `#break`
    Break,
    /// `#stop`
    Stop,
    /// `#define`
    Define { slot: Slot, body: Arc<Block> },
    /// A macro's call.
    Call { at: At, name: String, arguments: Vec<Expression> },
}

/// A reference in text, with the backslashes before it.
#[derive(Debug)]
pub(super) struct Shown {
    /// What is referred to.
    pub(super) reference: Reference,
    /// How many backslashes stand before it.
    pub(super) escapes: usize,
    /// The reference as it is written, shown where it is escaped.
    pub(super) literal: String,
}

/// A variable, and the way from it to what is meant.
#[derive(Debug)]
pub(super) struct Reference {
    /// Where it stands.
    pub(super) at: At,
    /// The variable.
    pub(super) slot: Slot,
    /// From it on.
    pub(super) steps: Vec<Step>,
}

/// One step from a value to another.
#[derive(Debug)]
pub(super) enum Step {
    /// `.name`
    Property(Arc<str>),
    /// `.name(…)`
    Call(Call),
    /// `[…]`
    Index(Expression),
}

/// A call of a method.
#[derive(Debug)]
pub(super) struct Call {
    /// The method.
    pub(super) name: Arc<str>,
    /// What it is given.
    pub(super) arguments: Vec<Expression>,
    /// Its one argument as a JSONPath, where that stands there as a text and is one.
    pub(super) path: Option<Path>,
}

/// Something with a value.
#[derive(Debug)]
pub(super) enum Expression {
    /// A text, number or truth value.
    Literal(super::Constant),
    /// A text with references in it.
    Interpolated(Block),
    /// A reference.
    Reference(Reference),
    /// `[a, b]`
    List(Vec<Expression>),
    /// `[a..b]`
    Range(At, Box<(Expression, Expression)>),
    /// `{"k": v}`
    Map(Vec<(Expression, Expression)>),
    /// `!a`
    Not(Box<Expression>),
    /// A value, and what is made of it with each of the others in turn; the operators bind alike. However long, it is
    /// not nested.
    Chain(Box<Expression>, Vec<(Binary, Expression)>),
}

/// What is made of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A macro of the template.
#[derive(Debug)]
pub(super) struct Macro {
    /// Its parameters.
    pub(super) parameters: Vec<Slot>,
    /// What it stands for.
    pub(super) body: Block,
}
