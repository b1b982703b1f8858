//! Policies of IAM: what a document lets somebody do.
//!
//! A document is read once and asked often. It is read strictly: what has no meaning here is no policy. Source: "IAM JSON
//! policy reference" (auth reference, part B). Who the principals of a statement are is for those to ask who have several
//! of them; nobody has yet.

mod condition;
#[cfg(test)]
mod fuzz;
mod pattern;

use serde_json::{Map, Value};

use condition::Condition;
use pattern::{ArnPattern, Pattern};

/// A policy has at most so many statements, and a list in it so many members.
const MAX_MEMBERS: usize = 1000;

/// A policy, read.
#[derive(Debug, Default, PartialEq)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, PartialEq)]
struct Statement {
    allows: bool,
    actions: Listed<Pattern>,
    resources: Listed<ArnPattern>,
    conditions: Vec<Condition>,
}

/// What a statement is about: what is on a list, or whatever isn't.
#[derive(Debug, PartialEq)]
enum Listed<T> {
    These(Vec<T>),
    AllBut(Vec<T>),
}

/// May somebody do this to that?
pub struct Question<'a> {
    /// The action, for example `execute-api:Invoke`.
    pub action: &'a str,
    /// The resource's ARN.
    pub resource: &'a str,
    /// The values of a condition key, whose name is in small letters; none, if the question has no such key.
    pub context: &'a dyn Fn(&str) -> Vec<String>,
}

/// What policies say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it and none denies it.
    Allowed,
    /// A statement denies it.
    Denied,
    /// No statement is about it.
    Silent,
}

/// A document is not a policy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the policy can't be read: {0}")]
pub struct Error(String);

impl Error {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl Policy {
    /// Reads a document.
    pub fn read(document: &Value) -> Result<Self, Error> {
        let document = document.as_object().ok_or_else(|| Error::new("it is no object"))?;
        // Variables are text in policies of the first version.
        let has_variables = match document.get("Version") {
            None => false,
            Some(Value::String(version)) if version == "2012-10-17" => true,
            Some(Value::String(version)) if version == "2008-10-17" => false,
            Some(other) => return Err(Error::new(format!("there is no version {other:.40}"))),
        };
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) if statements.len() <= MAX_MEMBERS => statements.as_slice(),
            Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
            Some(_) => return Err(Error::new("its statements are no list, or too many")),
            None => return Err(Error::new("it has no statement")),
        };
        let statements = statements.iter().map(|statement| Statement::read(statement, has_variables));
        Ok(Self { statements: statements.collect::<Result<_, _>>()? })
    }

    /// What the policy says to a question: a denial counts more than anything else.
    pub fn decide(&self, question: &Question<'_>) -> Decision {
        let mut decision = Decision::Silent;
        for statement in self.statements.iter().filter(|statement| statement.is_about(question)) {
            if !statement.allows {
                return Decision::Denied;
            }
            decision = Decision::Allowed;
        }
        decision
    }

    /// The longest text by which a statement names resources.
    pub fn longest_resource(&self) -> usize {
        let lists = self.statements.iter().map(|statement| match &statement.resources {
            Listed::These(list) | Listed::AllBut(list) => list,
        });
        lists.flatten().map(ArnPattern::length).max().unwrap_or_default()
    }
}

impl Statement {
    fn read(statement: &Value, has_variables: bool) -> Result<Self, Error> {
        let members = statement.as_object().ok_or_else(|| Error::new("a statement is no object"))?;
        let allows = match members.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            Some(_) | None => return Err(Error::new("the effect of a statement is neither Allow nor Deny")),
        };
        let actions = listed(members, "Action", "NotAction", |text| Pattern::read(text, false))?;
        let resources = listed(members, "Resource", "NotResource", |text| ArnPattern::read(text, has_variables))?;
        let conditions = match members.get("Condition") {
            None => Vec::new(),
            Some(conditions) => condition::read(conditions, has_variables)?,
        };
        Ok(Self { allows, actions, resources, conditions })
    }

    /// A statement with a variable that has no value is about nothing.
    fn is_about(&self, question: &Question<'_>) -> bool {
        let is_action = |pattern: &Pattern| pattern.matches_any_case(question.action);
        let is_resource = |pattern: &ArnPattern| pattern.matches(question.resource, question.context);
        self.actions.has(is_action)
            && self.resources.has(is_resource)
            && self.conditions.iter().all(|condition| condition.holds(question.context))
    }
}

impl<T> Listed<T> {
    fn has(&self, is: impl Fn(&T) -> bool) -> bool {
        match self {
            Self::These(list) => list.iter().any(is),
            Self::AllBut(list) => !list.iter().any(is),
        }
    }
}

/// Reads the one of two members that is there.
fn listed<T>(
    members: &Map<String, Value>,
    these: &str,
    all_but: &str,
    read: impl Fn(&str) -> T,
) -> Result<Listed<T>, Error> {
    let list = |value: &Value| Ok::<_, Error>(texts(value)?.iter().map(|text| read(text)).collect());
    match (members.get(these), members.get(all_but)) {
        (Some(value), None) => Ok(Listed::These(list(value)?)),
        (None, Some(value)) => Ok(Listed::AllBut(list(value)?)),
        (None, None) => Err(Error::new(format!("a statement has neither {these} nor {all_but}"))),
        (Some(_), Some(_)) => Err(Error::new(format!("a statement has both {these} and {all_but}"))),
    }
}

/// One text or a list of them; numbers and truth values are texts too.
fn texts(value: &Value) -> Result<Vec<String>, Error> {
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(Error::new("a list has a member that is no text")),
    };
    match value {
        Value::Array(list) if list.len() > MAX_MEMBERS => Err(Error::new("a list is too long")),
        Value::Array(list) => list.iter().map(text).collect(),
        value => Ok(vec![text(value)?]),
    }
}

#[cfg(test)]
mod tests;
