//! From a text, JSON or YAML, to a value: within limits, and with every key once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::Options;

/// A YAML document, its aliases spelled out, has at most so many nodes.
const MAX_NODES: usize = 1_000_000;
/// It is nested at most so deep; JSON is held to the same by its reader.
const MAX_DEPTH: usize = 128;

/// Reads a document after the substitution of AWS's variables.
pub(super) fn parse(bytes: &[u8], options: &Options) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("the document is not UTF-8: {error}"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let substituted = if text.contains("${AWS::") { Some(substitute(text, options)) } else { None };
    let text = substituted.as_deref().unwrap_or(text);
    if text.trim_start().starts_with('{') {
        return serde_json::from_str::<Unique>(text).map(|value| value.0).map_err(|error| error.to_string());
    }
    let budget = serde_saphyr::budget! {
        max_nodes: MAX_NODES,
        max_events: 4 * MAX_NODES,
        max_depth: MAX_DEPTH,
    };
    let limits = serde_saphyr::options! { budget: budget, with_snippet: false };
    let parsed = serde_saphyr::from_str_with_options::<Unique>(text, limits);
    parsed.map(|value| value.0).map_err(|error| error.to_string())
}

/// The variables that AWS knows in imported documents (control-plane reference, 12).
fn substitute(text: &str, options: &Options) -> String {
    let partition = match options.region.split('-').next() {
        Some("cn") => "aws-cn",
        _ if options.region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    text.replace("${AWS::Region}", &options.region)
        .replace("${AWS::AccountId}", &options.account)
        .replace("${AWS::Partition}", partition)
}

/// A value in which no object has a key twice.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let Unique(value) = entries.next_value()?;
            if members.contains_key(&key) {
                return Err(A::Error::custom(format!("the key '{key}' is there twice")));
            }
            members.insert(key, value);
        }
        Ok(members.into())
    }
}
