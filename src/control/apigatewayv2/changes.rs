//! What a body says of a thing: in this plane an update is a part of the thing, and what it doesn't name stays as it is.
//!
//! Creating is the same: a thing with all defaults is made first, and then told what the body says.
//! Source: control-plane reference, 20.8.

use crate::control::wire::{Error, Input};
use crate::model::rest::{Flags, Strings};

/// A body, member by member put into the fields of a thing.
pub(super) struct Changes<'a>(pub(super) &'a Input);

impl Changes<'_> {
    /// A text that may be absent: an empty one takes it away.
    pub(super) fn text(&self, name: &str, field: &mut Option<String>, longest: usize) -> Result<(), Error> {
        if let Some(text) = self.0.text(name)? {
            *field = Some(bounded(name, text, longest)?).filter(|text| !text.is_empty());
        }
        Ok(())
    }

    /// A text that is always there.
    pub(super) fn always(&self, name: &str, field: &mut String, longest: usize) -> Result<(), Error> {
        match self.0.text(name)? {
            Some(text) if text.is_empty() => Err(missing(name)),
            Some(text) => {
                *field = bounded(name, text, longest)?;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// One of AWS's names for something.
    pub(super) fn choice<T>(
        &self,
        name: &str,
        field: &mut T,
        parse: impl Fn(&str) -> Option<T>,
        names: &[&str],
    ) -> Result<(), Error> {
        if let Some(text) = self.0.text(name)? {
            *field = parse(&text).ok_or_else(|| not_one_of(name, names))?;
        }
        Ok(())
    }

    /// One of AWS's names for something that may be absent: an empty one takes it away.
    pub(super) fn some_choice<T>(
        &self,
        name: &str,
        field: &mut Option<T>,
        parse: impl Fn(&str) -> Option<T>,
        names: &[&str],
    ) -> Result<(), Error> {
        match self.0.text(name)? {
            Some(text) if text.is_empty() => *field = None,
            Some(text) => *field = Some(parse(&text).ok_or_else(|| not_one_of(name, names))?),
            None => {}
        }
        Ok(())
    }

    /// A truth value.
    pub(super) fn flag(&self, name: &str, field: &mut bool) -> Result<(), Error> {
        if let Some(flag) = self.0.boolean(name)? {
            *field = flag;
        }
        Ok(())
    }

    /// A list of texts, as a whole.
    pub(super) fn texts(&self, name: &str, field: &mut Vec<String>) -> Result<(), Error> {
        if let Some(texts) = self.0.texts(name)? {
            *field = texts;
        }
        Ok(())
    }

    /// A map of texts, as a whole.
    pub(super) fn map(&self, name: &str, field: &mut Option<Strings>) -> Result<(), Error> {
        if let Some(map) = self.0.strings(name)? {
            *field = Some(map);
        }
        Ok(())
    }

    /// A map of texts, put into the one that is there: an empty text takes its key away.
    pub(super) fn merged(&self, name: &str, field: &mut Strings) -> Result<(), Error> {
        for (key, text) in self.0.strings(name)?.unwrap_or_default() {
            match text.is_empty() {
                true => drop(field.remove(&key)),
                false => drop(field.insert(key, text)),
            }
        }
        Ok(())
    }

    /// Parameters with whether each is required: `{name: {"required": true}}`.
    pub(super) fn constraints(&self, name: &str) -> Result<Option<Flags>, Error> {
        let Some(map) = self.0.object(name)? else { return Ok(None) };
        let read = |(key, constraint): (String, Input)| Ok((key, constraint.boolean("required")?.unwrap_or_default()));
        map.entries()?.into_iter().map(read).collect::<Result<_, Error>>().map(Some)
    }

    /// Members that APIs of this kind don't have.
    pub(super) fn refuse(&self, names: &[&str]) -> Result<(), Error> {
        match names.iter().find(|name| self.0.has(name)) {
            Some(name) => {
                Err(Error::bad_request(format!("{} cannot be set for WEBSOCKET protocol Apis.", pascal(name))))
            }
            None => Ok(()),
        }
    }
}

/// Refuses a text that is too long.
pub(super) fn bounded(name: &str, text: String, longest: usize) -> Result<String, Error> {
    match text.chars().count() > longest {
        true => Err(Error::bad_request(format!("Invalid {name}, can be at most {longest} characters."))),
        false => Ok(text),
    }
}

/// A member that must be there and isn't.
pub(super) fn missing(name: &str) -> Error {
    Error::bad_request(format!("{} must be specified", pascal(name)))
}

/// A member that has none of the values that it may have.
pub(super) fn not_one_of(name: &str, names: &[&str]) -> Error {
    Error::bad_request(format!("Invalid {name} specified. Must be one of [{}]", names.join(", ")))
}

/// A member's name as AWS's messages have it.
fn pascal(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(body: &str) -> Input {
        Input::read(body.as_bytes()).expect("JSON")
    }

    #[test]
    fn what_is_absent_stays_and_what_is_empty_goes() {
        for (body, expected) in [
            ("{}", Some("before")),
            (r#"{"description": null}"#, Some("before")),
            (r#"{"description": ""}"#, None),
            (r#"{"description": "after"}"#, Some("after")),
        ] {
            let mut field = Some("before".to_owned());
            Changes(&input(body)).text("description", &mut field, 10).expect("taken");
            assert_eq!(field.as_deref(), expected, "{body}");
        }
        let mut field = None;
        assert!(Changes(&input(r#"{"description": "12345678901"}"#)).text("description", &mut field, 10).is_err());
    }

    #[test]
    fn maps_are_merged_and_empty_texts_take_keys_away() {
        let mut map = Strings::from([("a".into(), "1".into()), ("b".into(), "2".into())]);
        Changes(&input(r#"{"m": {"a": "", "c": "3"}}"#)).merged("m", &mut map).expect("taken");
        assert_eq!(map, Strings::from([("b".into(), "2".into()), ("c".into(), "3".into())]));
    }

    #[test]
    fn refusals_name_members_as_aws_does() {
        let body = input(r#"{"authorizerResultTtlInSeconds": 300}"#);
        assert_eq!(
            Changes(&body).refuse(&["jwtConfiguration", "authorizerResultTtlInSeconds"]),
            Err(Error::bad_request("AuthorizerResultTtlInSeconds cannot be set for WEBSOCKET protocol Apis."))
        );
    }
}
