//! JSONPath as Jayway's library has it, which API Gateway runs: paths are parsed once and evaluated without copying.
//!
//! Supported: `$`, `.name`, `['name']`, `['a','b']`, `[0]`, `[-1]`, `[0,2]`, `[1:3]`, `*`, `..`, filters
//! `[?(@.price < 10 && @.type == 'x')]`, and the functions `length() min() max() avg() sum() keys()` at the end.

mod filter;
#[cfg(test)]
mod fuzz;
mod parser;

use std::borrow::Cow;
use std::cell::Cell;

use serde_json::{Number, Value};

use filter::Filter;

/// A path has at most so many bytes.
pub const MAX_PATH: usize = 4096;
/// A path finds at most so many values; one that would find more finds none.
const MAX_FOUND: usize = 100_000;
/// A path looks at, compares and copies at most so many values, or 16 bytes of texts; one that would do more finds none.
/// A filter in a filter would otherwise look at all values for each value, and values that hold each other would be
/// copied once for each that is found.
const MAX_WORK: usize = 4_000_000;
/// `..` goes at most so deep.
const MAX_DEPTH: usize = 128;

/// A path, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    steps: Vec<Step>,
    function: Option<Function>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// Members of an object.
    Members(Vec<String>),
    /// Items of an array; negative numbers count from its end.
    Items(Vec<i64>),
    /// Items from one to before another.
    Slice(Option<i64>, Option<i64>),
    /// All members or items.
    All,
    /// The value and everything in it.
    Deep,
    /// Items that fit, or a value that does.
    Filter(Filter),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Function {
    Length,
    Min,
    Max,
    Avg,
    Sum,
    Keys,
}

/// A JSON value in whatever form it is kept, as far as definite paths need it.
pub(super) trait Tree: Copy {
    /// The member of this name.
    fn member(self, name: &str) -> Option<Self>;

    /// The item at this place; negative numbers count from the end.
    fn item(self, at: i64) -> Option<Self>;
}

impl Tree for &Value {
    fn member(self, name: &str) -> Option<Self> {
        self.as_object()?.get(name)
    }

    fn item(self, at: i64) -> Option<Self> {
        let items = self.as_array()?;
        items.get(from_end(at, items.len())?)
    }
}

/// Why a path can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid JSONPath {path}: {message} at character {at}")]
pub struct Error {
    path: String,
    message: &'static str,
    at: usize,
}

impl Path {
    /// Reads a path; one that doesn't start with `$` starts at the root as well.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parser::parse(text)
    }

    /// Whether the path leads to at most one value: otherwise a list is found, however short.
    pub fn is_definite(&self) -> bool {
        self.steps.iter().all(|step| match step {
            Step::Members(names) => names.len() == 1,
            Step::Items(places) => places.len() == 1,
            Step::Slice(..) | Step::All | Step::Deep | Step::Filter(_) => false,
        })
    }

    /// What the path finds. An indefinite path finds a list, in any case; a definite one what is there, or nothing.
    pub fn find<'v>(&self, root: &'v Value) -> Option<Cow<'v, Value>> {
        self.find_within(root, root, &Work(Cell::new(MAX_WORK)))
    }

    fn find_within<'v>(&self, start: &'v Value, root: &'v Value, work: &Work) -> Option<Cow<'v, Value>> {
        if self.is_plain() {
            work.spend(1 + self.steps.len());
            return self.follow(start).map(Cow::Borrowed);
        }
        let mut found = self.walk(start, root, work);
        if self.function.is_none() && !self.is_definite() {
            found.iter().for_each(|value| work.weigh(value));
        }
        if work.is_over() {
            found.clear();
        }
        if let Some(function) = self.function {
            return function.apply(self.is_definite(), &found).map(Cow::Owned);
        }
        if self.is_definite() {
            return found.first().map(|value| Cow::Borrowed(*value));
        }
        Some(Cow::Owned(Value::Array(found.into_iter().cloned().collect())))
    }

    /// Whether the path is definite and finds a value as it is: one that [`follow`](Self::follow) finds.
    pub(super) fn is_plain(&self) -> bool {
        self.function.is_none() && self.is_definite()
    }

    /// What a plain path finds.
    pub(super) fn follow<T: Tree>(&self, root: T) -> Option<T> {
        self.steps.iter().try_fold(root, |value, step| match step {
            Step::Members(names) => value.member(names.first()?),
            Step::Items(places) => value.item(*places.first()?),
            Step::Slice(..) | Step::All | Step::Deep | Step::Filter(_) => None,
        })
    }

    fn walk<'v>(&self, start: &'v Value, root: &'v Value, work: &Work) -> Vec<&'v Value> {
        let mut found = vec![start];
        for step in &self.steps {
            let mut next = Vec::new();
            for value in found {
                let before = next.len();
                step.take(value, root, &mut next, work);
                work.spend(1 + next.len() - before);
                if next.len() > MAX_FOUND || work.is_over() {
                    return Vec::new();
                }
            }
            found = next;
        }
        found
    }
}

/// What a path may still do.
struct Work(Cell<usize>);

impl Work {
    fn spend(&self, work: usize) {
        self.0.set(self.0.get().saturating_sub(work));
    }

    fn is_over(&self) -> bool {
        self.0.get() == 0
    }

    /// Spends what it takes to look at a value with all that is in it.
    fn weigh(&self, value: &Value) {
        if self.is_over() {
            return;
        }
        self.spend(1);
        match value {
            Value::String(text) => self.spend(text.len() / 16),
            Value::Array(items) => items.iter().for_each(|item| self.weigh(item)),
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                self.spend(name.len() / 16);
                self.weigh(member);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl Step {
    fn take<'v>(&self, value: &'v Value, root: &'v Value, found: &mut Vec<&'v Value>, work: &Work) {
        match (self, value) {
            (Self::Members(names), Value::Object(members)) => {
                found.extend(names.iter().filter_map(|name| members.get(name)));
            }
            (Self::Items(places), Value::Array(items)) => {
                found.extend(places.iter().filter_map(|at| items.get(from_end(*at, items.len())?)));
            }
            (Self::Slice(from, to), Value::Array(items)) => {
                let clamp = |at: i64| {
                    let length = items.len() as i64;
                    usize::try_from(if at < 0 { at + length } else { at }).unwrap_or(0).min(items.len())
                };
                let (from, to) = (from.map_or(0, clamp), to.map_or(items.len(), clamp));
                found.extend(items.get(from..to).into_iter().flatten());
            }
            (Self::All, Value::Array(items)) => found.extend(items),
            (Self::All, Value::Object(members)) => found.extend(members.values()),
            (Self::Deep, _) => deep(value, found, 0),
            (Self::Filter(filter), Value::Array(items)) => {
                found.extend(items.iter().filter(|item| filter.accepts(item, root, work)));
            }
            (Self::Filter(filter), Value::Object(_)) if filter.accepts(value, root, work) => found.push(value),
            _ => {}
        }
    }
}

fn from_end(at: i64, length: usize) -> Option<usize> {
    usize::try_from(if at < 0 { at + length as i64 } else { at }).ok()
}

/// A value, and all that is in it, in the order of the text.
fn deep<'v>(value: &'v Value, found: &mut Vec<&'v Value>, depth: usize) {
    found.push(value);
    if depth == MAX_DEPTH || found.len() > MAX_FOUND {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| deep(item, found, depth + 1)),
        Value::Object(members) => members.values().for_each(|member| deep(member, found, depth + 1)),
        _ => {}
    }
}

impl Function {
    /// Applies the function to what was found: to the one value of a definite path, or to all that an indefinite found.
    fn apply(self, definite: bool, found: &[&Value]) -> Option<Value> {
        let one = found.first().copied().filter(|_| definite);
        let items: Vec<&Value> = match one {
            Some(Value::Array(items)) => items.iter().collect(),
            Some(other) => vec![other],
            None => found.to_vec(),
        };
        let numbers = || items.iter().filter_map(|item| item.as_f64());
        match self {
            Self::Length => match one {
                Some(Value::Array(items)) => Some(items.len().into()),
                Some(Value::Object(members)) => Some(members.len().into()),
                Some(Value::String(text)) => Some(text.chars().count().into()),
                Some(_) => None,
                None => Some(found.len().into()),
            },
            Self::Keys => match one {
                Some(Value::Object(members)) => {
                    Some(Value::Array(members.keys().map(|key| Value::from(key.as_str())).collect()))
                }
                _ => None,
            },
            Self::Min => number(numbers().reduce(f64::min)?),
            Self::Max => number(numbers().reduce(f64::max)?),
            Self::Sum => number(numbers().reduce(|sum, other| sum + other)?),
            Self::Avg => match numbers().count() {
                0 => None,
                count => number(numbers().sum::<f64>() / count as f64),
            },
        }
    }
}

/// These functions give floating-point numbers, whole ones too.
fn number(value: f64) -> Option<Value> {
    Number::from_f64(value).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, json: &str) -> Option<String> {
        let root: Value = serde_json::from_str(json).expect("JSON");
        Path::parse(path).expect("a path").find(&root).map(|value| value.to_string())
    }

    #[test]
    fn paths_find_what_jayways_do() {
        let store = r#"{"store":{"book":[{"category":"reference","author":"Rees","title":"Sayings","price":8.95},{"category":"fiction","author":"Waugh","title":"Sword","price":12.99},{"category":"fiction","author":"Melville","title":"Moby Dick","isbn":"0-553","price":8.99}],"bicycle":{"color":"red","price":19.95}},"expensive":10,"odd name":[1,2,3],"n":null}"#;
        for (path, expected) in [
            ("$.expensive", Some("10")),
            ("expensive", Some("10")),
            ("$['expensive']", Some("10")),
            ("$[\"odd name\"][1]", Some("2")),
            ("$['odd name'][-1]", Some("3")),
            ("$['odd name'][-1:]", Some("[3]")),
            ("$['odd name'][0,2]", Some("[1,3]")),
            ("$['odd name'][1:3]", Some("[2,3]")),
            ("$['odd name'][:2]", Some("[1,2]")),
            ("$['odd name'][7]", None),
            ("$.nothing", None),
            ("$.n", Some("null")),
            ("$.expensive.deeper", None),
            ("$.store.book[*].author", Some(r#"["Rees","Waugh","Melville"]"#)),
            ("$..author", Some(r#"["Rees","Waugh","Melville"]"#)),
            ("$.store.*.color", Some(r#"["red"]"#)),
            ("$.store..price", Some("[8.95,12.99,8.99,19.95]")),
            ("$..book[2].title", Some(r#"["Moby Dick"]"#)),
            ("$..book[?(@.isbn)].title", Some(r#"["Moby Dick"]"#)),
            ("$.store.book[?(@.price < 10)].title", Some(r#"["Sayings","Moby Dick"]"#)),
            ("$..book[?(@.price <= $['expensive'])].title", Some(r#"["Sayings","Moby Dick"]"#)),
            ("$.store.book[?(@.category == 'fiction' && @.price > 10)].title", Some(r#"["Sword"]"#)),
            ("$.store.book[?(@.author == 'Rees' || @.author == \"Waugh\")].price", Some("[8.95,12.99]")),
            ("$.store.book[?(!(@.isbn))].author", Some(r#"["Rees","Waugh"]"#)),
            ("$.store.book[?(@.author =~ /.*L+E.*/i)].title", Some(r#"["Moby Dick"]"#)),
            ("$.store.book[?(@.category in ['reference', 'x'])].title", Some(r#"["Sayings"]"#)),
            ("$.store.book[?(@.category nin ['reference'])].price", Some("[12.99,8.99]")),
            ("$.store.book[?(@.price == 99)]", Some("[]")),
            ("$.store.book.length()", Some("3")),
            ("$['odd name'].sum()", Some("6.0")),
            ("$.nothing.sum()", None),
            ("$..isbn.sum()", None),
            ("$['odd name'].max()", Some("3.0")),
            ("$['odd name'].min()", Some("1.0")),
            ("$['odd name'].avg()", Some("2.0")),
            ("$.store.bicycle.keys()", Some(r#"["color","price"]"#)),
            ("$.store.bicycle['color','price']", Some(r#"["red",19.95]"#)),
            ("$", Some(store)),
        ] {
            assert_eq!(found(path, store).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn no_path_takes_forever() {
        let filters = |depth: usize| format!("$..{}x{}", "[?(@..".repeat(depth), ")]".repeat(depth));
        let nested = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        let long: Vec<usize> = (0..100_000).collect();
        let long = serde_json::json!({ "a": long, "b": "x".repeat(1_000_000) }).to_string();
        let large = format!("{}\"{}\"{}", "{\"a\":".repeat(100), "x".repeat(1_000_000), "}".repeat(100));
        for (path, body) in [
            (filters(20).as_str(), &nested),
            ("$.a[?(@ in $.a)]", &long),
            ("$.a[?($.a == $.a)]", &long),
            ("$.a[?($.a[*] == $.a[*])]", &long),
            ("$.a[?($.b =~ /.*y/)]", &long),
            // What is found would be a hundred times the body.
            ("$..a", &large),
        ] {
            let body: Value = serde_json::from_str(body).expect("JSON");
            let path = Path::parse(path).expect("a path");
            assert!(path.find(&body).as_deref() == Some(&Value::Array(Vec::new())), "{path:?}");
        }
        // What is large only once is found.
        assert_eq!(found("$.a.length()", &long).as_deref(), Some("100000"));
        assert!(found("$['b','a']", &long).is_some_and(|found| found.len() > 1_400_000));
    }

    #[test]
    fn bad_paths_are_errors() {
        for path in ["", "$.", "$[", "$['a", "$[?(@.a", "$[?(@.a ==)]", "$.a[b]", "$.a..", "$.a b[", "$[1:x]"] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
        assert!(Path::parse(&format!("${}", ".a".repeat(MAX_PATH))).is_err());
    }
}
