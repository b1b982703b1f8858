//! Patches: a list of operations on paths of a document, made in order on a copy, all or none.

use super::{Error, Input, Violations};

/// A patch has at most so many operations.
const MAX_OPERATIONS: usize = 500;
/// The path of an operation has at most so many bytes.
const MAX_PATH: usize = 2048;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Adds something.
    Add,
    /// Removes something.
    Remove,
    /// Sets something.
    Replace,
    /// Sets something to what is elsewhere.
    Copy,
    /// Known to the model, and to no resource.
    Move,
    /// Known to the model, and to no resource.
    Test,
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// What it does.
    pub op: Op,
    /// Where, as it was sent.
    pub path: String,
    /// Where to, in parts, with `~1` and `~0` read.
    pub parts: Vec<String>,
    /// Every value is a text.
    pub value: Option<String>,
    /// Where from, for copies.
    pub from: Option<String>,
}

impl Operation {
    /// The parts, to be matched.
    pub fn parts(&self) -> Vec<&str> {
        self.parts.iter().map(String::as_str).collect()
    }

    /// The value, or an empty text.
    pub fn text(&self) -> &str {
        self.value.as_deref().unwrap_or_default()
    }

    /// The value, or nothing where it is empty.
    pub fn some_text(&self) -> Option<String> {
        self.value.clone().filter(|text| !text.is_empty())
    }
}

impl Op {
    /// The op's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
            Self::Copy => "copy",
            Self::Move => "move",
            Self::Test => "test",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Add, Self::Remove, Self::Replace, Self::Copy, Self::Move, Self::Test]
            .into_iter()
            .find(|op| op.as_str() == text)
    }
}

/// Reads `patchOperations`; `input` is the model's name of the request, for its constraints' messages.
pub fn operations(body: &Input, input: &str) -> Result<Vec<Operation>, Error> {
    operations_and(body, input, |_| {})
}

/// As [`operations`], with violations of other members told behind those of the operations.
pub fn operations_and(
    body: &Input,
    input: &str,
    others: impl FnOnce(&mut Violations),
) -> Result<Vec<Operation>, Error> {
    let list = body.objects("patchOperations")?;
    if list.len() > MAX_OPERATIONS {
        return Err(Error::bad_request(format!("A patch may have at most {MAX_OPERATIONS} operations.")));
    }
    let mut violations = Violations::new();
    let mut operations = Vec::with_capacity(list.len());
    for (at, item) in list.iter().enumerate() {
        let name = item.text("op")?.unwrap_or_default();
        let position = format!("{input}.patchOperations.{}.member.op", at + 1);
        violations.one_of(&name, &position, &["add", "remove", "move", "test", "replace", "copy"]);
        let path = item.text("path")?;
        if let Some(op) = Op::parse(&name) {
            let parts = path.as_deref().map(split).unwrap_or_default();
            operations.push((op, path, parts, item.text("value")?, item.text("from")?));
        }
    }
    others(&mut violations);
    violations.check()?;
    let complete = |(op, path, parts, value, from): (Op, Option<String>, Vec<String>, _, _)| match path {
        Some(path) if path.len() > MAX_PATH => {
            Err(Error::bad_request(format!("A patch path may have at most {MAX_PATH} bytes.")))
        }
        Some(path) => Ok(Operation { op, path, parts, value, from }),
        None => Err(Error::bad_request("Invalid patch path null")),
    };
    operations.into_iter().map(complete).collect()
}

/// Splits a JSON pointer.
fn split(path: &str) -> Vec<String> {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

/// Truth values in patches: only `true` is true.
pub(crate) fn as_boolean(operation: &Operation) -> bool {
    operation.value.as_deref() == Some("true")
}

/// A number in a patch.
pub(crate) fn as_number<T: std::str::FromStr>(operation: &Operation) -> Result<T, Error> {
    operation.text().trim().parse().map_err(|_| {
        Error::bad_request(format!("Invalid value '{}' specified for path '{}'", operation.text(), operation.path))
    })
}

/// Refusals of resources, models and others whose paths are few: the paths are listed.
pub(crate) fn any_of(operation: &Operation, paths: &[&str]) -> Error {
    let (path, op) = (&operation.path, operation.op.as_str());
    if operation.op == Op::Replace {
        return Error::bad_request(format!(
            "Invalid patch path  '{path}' specified for op '{op}'. Must be one of: [{}]",
            paths.join(", ")
        ));
    }
    Error::bad_request(format!(
        "Invalid patch path  '{path}' specified for op '{op}'. Please choose supported operations"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Vec<Operation>, Error> {
        operations(&Input::read(body.as_bytes()).expect("JSON"), "updateResourceInput")
    }

    #[test]
    fn operations_are_read_and_paths_split() {
        let found =
            read(r#"{"patchOperations":[{"op":"add","path":"/requestTemplates/application~1json","value":"x"}]}"#);
        let found = found.expect("operations");
        assert_eq!(found[0].parts(), ["requestTemplates", "application/json"]);
        assert_eq!(read("{}"), Ok(Vec::new()));
    }

    #[test]
    fn bad_operations_are_told_together_and_before_missing_paths() {
        let error = read(r#"{"patchOperations":[{"op":"put","path":"/a"},{"op":"replace"},{"op":"x"}]}"#);
        let Err(Error::Told { message, code, .. }) = error else { panic!("expected a refusal") };
        assert_eq!(code, "ValidationException");
        assert!(message.starts_with("2 validation errors detected: Value 'put' at 'updateResourceInput.patchOperations.1.member.op' failed to satisfy constraint: Member must satisfy enum value set: [add, remove, move, test, replace, copy]; Value 'x' at 'updateResourceInput.patchOperations.3"), "{message}");
        assert_eq!(
            read(r#"{"patchOperations":[{"op":"replace"}]}"#),
            Err(Error::bad_request("Invalid patch path null"))
        );
    }
}
