//! Filters: which items of an array a path takes.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::Regex;
use serde_json::Value;

use super::{Path, Work};

/// A condition on an item.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    /// One of these.
    Any(Vec<Filter>),
    /// All of these.
    All(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// There is something.
    Exists(Operand),
    /// Two values compare so.
    Compare(Operand, Comparison, Operand),
}

/// A side of a comparison.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// A path from the item.
    Item(Path),
    /// A path from the root.
    Root(Path),
    /// A value.
    Value(Value),
    /// A regular expression.
    Pattern(Regex),
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
}

impl Comparison {
    /// The signs; of two that start alike the longer comes first.
    pub(super) const ALL: [(&'static str, Self); 9] = [
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("<", Self::Less),
        (">", Self::Greater),
        ("=~", Self::Matches),
        ("in ", Self::In),
        ("nin ", Self::NotIn),
    ];
}

impl PartialEq for Operand {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Item(one), Self::Item(other)) | (Self::Root(one), Self::Root(other)) => one == other,
            (Self::Value(one), Self::Value(other)) => one == other,
            (Self::Pattern(one), Self::Pattern(other)) => one.as_str() == other.as_str(),
            _ => false,
        }
    }
}

impl Operand {
    pub(super) fn pattern(regex: Regex) -> Self {
        Self::Pattern(regex)
    }

    fn find<'v>(&'v self, item: &'v Value, root: &'v Value, work: &Work) -> Option<Cow<'v, Value>> {
        match self {
            Self::Item(path) => path.find_within(item, item, work),
            Self::Root(path) => path.find_within(root, root, work),
            Self::Value(value) => Some(Cow::Borrowed(value)),
            Self::Pattern(_) => None,
        }
    }
}

impl Filter {
    /// Whether an item fits.
    pub(super) fn accepts(&self, item: &Value, root: &Value, work: &Work) -> bool {
        if work.is_over() {
            return false;
        }
        match self {
            Self::Any(filters) => filters.iter().any(|filter| filter.accepts(item, root, work)),
            Self::All(filters) => filters.iter().all(|filter| filter.accepts(item, root, work)),
            Self::Not(filter) => !filter.accepts(item, root, work),
            Self::Exists(operand) => operand.find(item, root, work).is_some(),
            Self::Compare(left, Comparison::Matches, Operand::Pattern(pattern)) => {
                let found = left.find(item, root, work);
                found.iter().for_each(|text| work.weigh(text));
                found.is_some_and(|text| text.as_str().is_some_and(|text| pattern.is_match(text)))
            }
            Self::Compare(left, comparison, right) => {
                let (left, right) = (left.find(item, root, work), right.find(item, root, work));
                [&left, &right].into_iter().flatten().for_each(|value| work.weigh(value));
                compare(left.as_deref(), *comparison, right.as_deref())
            }
        }
    }
}

fn compare(left: Option<&Value>, comparison: Comparison, right: Option<&Value>) -> bool {
    let order = || match (left?, right?) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    };
    let contains = || right.and_then(Value::as_array).map(|items| left.is_some_and(|left| items.contains(left)));
    match comparison {
        Comparison::Equal => equal(left, right),
        Comparison::NotEqual => !equal(left, right),
        Comparison::Less => order().is_some_and(Ordering::is_lt),
        Comparison::LessOrEqual => order().is_some_and(Ordering::is_le),
        Comparison::Greater => order().is_some_and(Ordering::is_gt),
        Comparison::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
        Comparison::In => contains() == Some(true),
        Comparison::NotIn => contains() == Some(false),
        Comparison::Matches => false,
    }
}

fn equal(left: Option<&Value>, right: Option<&Value>) -> bool {
    match (left, right) {
        (Some(Value::Number(left)), Some(Value::Number(right))) => left.as_f64() == right.as_f64(),
        (left, right) => left == right,
    }
}
