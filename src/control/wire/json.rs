//! JSON bodies: each member is asked for with its type. `null` is absent, and members that nobody asks for are
//! ignored, as AWS's services do.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

use super::Error;
use crate::model::rest::{Flags, Strings};

/// A text in a body is at most so long, in bytes.
const MAX_TEXT: usize = 400 * 1024;
/// A map or list in a body has at most so many members.
const MAX_MEMBERS: usize = 1000;

/// A body's members.
#[derive(Debug, Default)]
pub struct Input(Map<String, Value>);

impl From<Map<String, Value>> for Input {
    fn from(members: Map<String, Value>) -> Self {
        Self(members)
    }
}

impl Input {
    /// Reads a body; none at all is an object without members. Nesting is bounded by the JSON reader.
    pub fn read(body: &[u8]) -> Result<Self, Error> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) => Err(Error::serialization("Start of structure or map expected.")),
            Err(error) => Err(Error::serialization(format!("Unable to parse the request body as JSON: {error}"))),
        }
    }

    fn member(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Whether there is such a member.
    pub fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<String>, Error> {
        self.member(name).map(text).transpose()
    }

    /// Bytes in base64; they may be far longer than a text.
    pub fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let read = |value: &Value| match value {
            Value::String(text) => BASE64
                .decode(text)
                .map_err(|_| Error::serialization(format!("The value of '{name}' is not base64-encoded."))),
            other => Err(mismatch(other, "Blob")),
        };
        self.member(name).map(read).transpose()
    }

    /// A map of numbers.
    pub fn doubles(&self, name: &str) -> Result<Option<BTreeMap<String, f64>>, Error> {
        let read = |(key, value): (&String, &Value)| {
            Ok((key.clone(), value.as_f64().ok_or_else(|| mismatch(value, "Double"))?))
        };
        self.map(name)?.map(|members| members.iter().map(read).collect()).transpose()
    }

    /// A text that must be there and have something in it.
    pub fn required(&self, name: &str, missing: &str) -> Result<String, Error> {
        match self.text(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(Error::bad_request(missing)),
        }
    }

    /// A truth value; texts are read as AWS does it.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Error> {
        self.member(name).map(boolean).transpose()
    }

    /// A whole number.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Error> {
        let read = |value: &Value| value.as_i64().ok_or_else(|| mismatch(value, "Integer"));
        self.member(name).map(read).transpose()
    }

    /// A number.
    pub fn double(&self, name: &str) -> Result<Option<f64>, Error> {
        let read = |value: &Value| value.as_f64().ok_or_else(|| mismatch(value, "Double"));
        self.member(name).map(read).transpose()
    }

    /// An object.
    pub fn object(&self, name: &str) -> Result<Option<Self>, Error> {
        let read = |value: &Value| match value {
            Value::Object(members) => Ok(Self(members.clone())),
            other => Err(mismatch(other, "structure")),
        };
        self.member(name).map(read).transpose()
    }

    /// All members, each an object: what AWS calls a map of structures.
    pub fn entries(&self) -> Result<Vec<(String, Self)>, Error> {
        bounded(self.0.len())?;
        let read = |(name, value): (&String, &Value)| match value {
            Value::Object(members) => Ok((name.clone(), Self(members.clone()))),
            other => Err(mismatch(other, "structure")),
        };
        self.0.iter().map(read).collect()
    }

    /// A list of objects.
    pub fn objects(&self, name: &str) -> Result<Vec<Self>, Error> {
        let read = |value: &Value| match value {
            Value::Object(members) => Ok(Self(members.clone())),
            other => Err(mismatch(other, "structure")),
        };
        self.list(name)?.into_iter().flatten().map(read).collect()
    }

    /// A list of texts.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Error> {
        self.list(name)?.map(|items| items.iter().map(text).collect()).transpose()
    }

    /// A map of texts.
    pub fn strings(&self, name: &str) -> Result<Option<Strings>, Error> {
        let read = |(key, value): (&String, &Value)| Ok((key.clone(), text(value)?));
        self.map(name)?.map(|members| members.iter().map(read).collect()).transpose()
    }

    /// A map of lists of texts.
    pub fn lists(&self, name: &str) -> Result<Option<BTreeMap<String, Vec<String>>>, Error> {
        let read = |(key, value): (&String, &Value)| match value {
            Value::Array(items) => {
                bounded(items.len())?;
                Ok((key.clone(), items.iter().map(text).collect::<Result<_, _>>()?))
            }
            other => Err(mismatch(other, "List")),
        };
        self.map(name)?.map(|members| members.iter().map(read).collect()).transpose()
    }

    /// A map of texts, some of which may be absent.
    pub fn optional_strings(&self, name: &str) -> Result<Option<crate::model::rest::Templates>, Error> {
        let read = |(key, value): (&String, &Value)| {
            let text = if value.is_null() { None } else { Some(text(value)?).filter(|text| !text.is_empty()) };
            Ok((key.clone(), text))
        };
        self.map(name)?.map(|members| members.iter().map(read).collect()).transpose()
    }

    /// A map of truth values.
    pub fn flags(&self, name: &str) -> Result<Option<Flags>, Error> {
        let read = |(key, value): (&String, &Value)| Ok((key.clone(), boolean(value)?));
        self.map(name)?.map(|members| members.iter().map(read).collect()).transpose()
    }

    fn map(&self, name: &str) -> Result<Option<&Map<String, Value>>, Error> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::Object(members)) => bounded(members.len()).map(|()| Some(members)),
            Some(other) => Err(mismatch(other, "Map")),
        }
    }

    fn list(&self, name: &str) -> Result<Option<&Vec<Value>>, Error> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::Array(items)) => bounded(items.len()).map(|()| Some(items)),
            Some(other) => Err(mismatch(other, "List")),
        }
    }
}

fn bounded(members: usize) -> Result<(), Error> {
    if members > MAX_MEMBERS {
        return Err(Error::bad_request(format!("A list or map may have at most {MAX_MEMBERS} members.")));
    }
    Ok(())
}

fn text(value: &Value) -> Result<String, Error> {
    match value {
        Value::String(text) if text.len() > MAX_TEXT => {
            Err(Error::bad_request(format!("A text may have at most {MAX_TEXT} bytes.")))
        }
        Value::String(text) => Ok(text.clone()),
        other => Err(mismatch(other, "String")),
    }
}

fn boolean(value: &Value) -> Result<bool, Error> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        Value::String(text) => Ok(text == "true"),
        other => Err(mismatch(other, "Boolean")),
    }
}

/// AWS's words for a value of a wrong type (control-plane reference, 3.3), its article included.
fn mismatch(value: &Value, wanted: &str) -> Error {
    let class = match value {
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(_) => "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.HashMap",
        Value::Null => "null",
    };
    Error::serialization(format!("class {class} can not be converted to an {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_their_types() {
        let input = Input::read(
            br#"{"t": "x", "b": true, "n": 5, "z": null, "m": {"a": "1"}, "l": ["a"], "ml": {"a": ["b", "c"]}}"#,
        )
        .expect("JSON");
        assert_eq!(input.text("t"), Ok(Some("x".to_owned())));
        assert_eq!(input.text("z"), Ok(None));
        assert_eq!(input.integer("n"), Ok(Some(5)));
        assert_eq!(input.texts("l"), Ok(Some(vec!["a".to_owned()])));
        let wrong = |text: &str| Error::serialization(text.to_owned());
        assert_eq!(input.text("b"), Err(wrong("class java.lang.Boolean can not be converted to an String")));
        assert_eq!(
            input.text("n"),
            Err(wrong(
                "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String"
            ))
        );
        let several = BTreeMap::from([("a".to_owned(), vec!["b".to_owned(), "c".to_owned()])]);
        assert_eq!(input.lists("ml"), Ok(Some(several)));
        assert!(input.lists("m").is_err());
        assert!(input.flags("l").is_err() && input.strings("t").is_err() && input.integer("t").is_err());
    }

    #[test]
    fn bad_bodies_are_errors() {
        let deep = "[".repeat(100_000);
        for body in ["{", "[]", "\"x\"", "{\"a\":}", deep.as_str()] {
            assert!(Input::read(body.as_bytes()).is_err(), "{body:.20}");
        }
        assert!(Input::read(b"").is_ok() && Input::read(b" \n").is_ok());
    }
}
