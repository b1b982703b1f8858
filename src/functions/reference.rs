//! How callers name a function: by name, partial ARN or ARN, each with a qualifier behind it or without.

use super::error::InvokeError;
use crate::model::function::FunctionName;

/// A function's name has at most so many characters.
const MAX_NAME: usize = 64;
/// A qualifier has at most so many.
const MAX_QUALIFIER: usize = 128;

/// A function, and which version of it, as a caller named them.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// Its name.
    pub name: FunctionName,
    /// A version, an alias, or `$LATEST`.
    pub qualifier: Option<String>,
}

/// Whose functions these are: what their ARNs say.
#[derive(Clone, Debug)]
pub struct Home {
    /// The account's digits.
    pub account: String,
    /// The region.
    pub region: String,
}

impl Home {
    /// The ARN of a function, or of what a qualifier names of it.
    pub fn arn(&self, name: &FunctionName, qualifier: Option<&str>) -> String {
        let arn = format!("arn:aws:lambda:{}:{}:function:{name}", self.region, self.account);
        match qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        }
    }

    /// Reads what a caller named a function by, and the qualifier beside it.
    pub fn read(&self, text: &str, qualifier: Option<&str>) -> Result<Reference, InvokeError> {
        let malformed = || {
            InvokeError::invalid(format!(
                "{text} is not a function's name, partial ARN or ARN; names have letters, digits, - and _"
            ))
        };
        let parts: Vec<&str> = text.split(':').collect();
        let (account, rest) = match parts.as_slice() {
            ["arn", partition, "lambda", _, account, "function", rest @ ..] if partition.starts_with("aws") => {
                (Some(*account), rest)
            }
            [account, "function", rest @ ..] => (Some(*account), rest),
            ["function", rest @ ..] if !rest.is_empty() => (None, rest),
            rest => (None, rest),
        };
        let (name, own) = match rest {
            [name] => (*name, None),
            [name, qualifier] => (*name, Some(*qualifier)),
            _ => return Err(malformed()),
        };
        if !is_word(name, MAX_NAME) || own.is_some_and(|own| !is_qualifier(own)) {
            return Err(malformed());
        }
        if account.is_some_and(|account| account != self.account) {
            return Err(InvokeError::not_found(text));
        }
        let qualifier = match (own, qualifier.filter(|qualifier| !qualifier.is_empty())) {
            (Some(own), Some(said)) if own != said => {
                return Err(InvokeError::invalid(
                    "The derived qualifier from the function name does not match the specified qualifier.",
                ));
            }
            (_, Some(said)) if !is_qualifier(said) => {
                return Err(InvokeError::invalid(format!("{said} is not a version, an alias or $LATEST")));
            }
            (own, said) => own.or(said).map(str::to_owned),
        };
        Ok(Reference { name: FunctionName::new(name), qualifier })
    }
}

fn is_qualifier(text: &str) -> bool {
    is_word(text.strip_prefix('$').filter(|rest| *rest == "LATEST").unwrap_or(text), MAX_QUALIFIER)
}

fn is_word(text: &str, limit: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=limit).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_in_four_ways() {
        let home = Home { account: "123456789012".to_owned(), region: "us-east-1".to_owned() };
        let long = "f".repeat(65);
        for (text, qualifier, expected) in [
            ("echo", None, Some(("echo", None))),
            ("echo", Some("live"), Some(("echo", Some("live")))),
            ("echo:3", None, Some(("echo", Some("3")))),
            ("echo:live", Some("live"), Some(("echo", Some("live")))),
            ("echo:live", Some("other"), None),
            ("echo:$LATEST", None, Some(("echo", Some("$LATEST")))),
            ("echo", Some("$OTHER"), None),
            ("function:echo", None, Some(("echo", None))),
            ("123456789012:function:echo:live", None, Some(("echo", Some("live")))),
            ("arn:aws:lambda:eu-west-1:123456789012:function:echo", None, Some(("echo", None))),
            ("arn:aws:lambda:us-east-1:123456789012:function:echo:1", None, Some(("echo", Some("1")))),
            ("arn:aws:lambda:us-east-1:999999999999:function:echo", None, None),
            ("arn:aws:sqs:us-east-1:123456789012:echo", None, None),
            ("ec ho", None, None),
            ("a/../b", None, None),
            ("", None, None),
            (long.as_str(), None, None),
        ] {
            let read = home.read(text, qualifier).ok();
            let read = read.as_ref().map(|read| (read.name.as_str(), read.qualifier.as_deref()));
            assert_eq!(read, expected, "{text} {qualifier:?}");
        }
        let name = FunctionName::new("echo");
        assert_eq!(home.arn(&name, Some("2")), "arn:aws:lambda:us-east-1:123456789012:function:echo:2");
    }
}
