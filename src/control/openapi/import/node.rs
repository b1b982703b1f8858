//! A value of a document together with its place, such as `paths./pets.get.responses`.

use std::fmt;

use serde_json::{Map, Value};

/// A value and where it is.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    /// The value.
    pub(super) value: &'a Value,
    place: String,
}

impl fmt::Display for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.place.is_empty() { "the document" } else { &self.place })
    }
}

impl<'a> Node<'a> {
    /// The document itself.
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, place: String::new() }
    }

    /// A value elsewhere in the document.
    pub(super) fn at(value: &'a Value, place: String) -> Self {
        Self { value, place }
    }

    /// The place of a member, whether it is there or not.
    pub(super) fn place(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }

    /// A member; `null` is absent.
    pub(super) fn get(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Self { value, place: self.place(name) })
    }

    /// A member of a member.
    pub(super) fn within(&self, names: &[&str]) -> Option<Self> {
        names.iter().try_fold(self.clone(), |node, name| node.get(name))
    }

    /// The members of an object.
    pub(super) fn object(&self) -> Option<&'a Map<String, Value>> {
        self.value.as_object()
    }

    /// All members with their names; none if it is no object.
    pub(super) fn members(&self) -> Vec<(&'a str, Self)> {
        let members = self.object().into_iter().flatten();
        members.map(|(name, value)| (name.as_str(), Self { value, place: self.place(name) })).collect()
    }

    /// All items; none if it is no list.
    pub(super) fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items.map(|(at, value)| Self { value, place: format!("{}[{at}]", self.place) }).collect()
    }

    /// A text.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// A text, number or truth value as it is written: YAML makes numbers of versions and status codes.
    pub(super) fn spelled(&self) -> Option<String> {
        match self.value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A truth value, also as a text.
    pub(super) fn flag(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.text().map(|text| text == "true"))
    }

    /// The texts of a list.
    pub(super) fn texts(&self) -> Vec<String> {
        self.items().iter().filter_map(|item| item.text().map(str::to_owned)).collect()
    }

    /// A text member.
    pub(super) fn text_of(&self, name: &str) -> Option<String> {
        self.get(name)?.spelled().filter(|text| !text.is_empty())
    }
}
