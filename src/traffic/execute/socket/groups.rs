//! Groups that an integration's answer has a connection join or leave.

use http::HeaderName;

use crate::traffic::message::Headers;

/// The groups to be joined, with commas between them.
const JOIN: HeaderName = HeaderName::from_static("turnpike-join");
/// The groups to be left.
const LEAVE: HeaderName = HeaderName::from_static("turnpike-leave");
/// A group's name has at most so many bytes.
const MAX_NAME: usize = 128;
/// One answer names at most so many groups; what is behind them is not read.
const MAX_NAMES: usize = 100;

/// What an answer says of groups.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Groups {
    pub(super) join: Vec<Box<str>>,
    pub(super) leave: Vec<Box<str>>,
}

/// Takes what an answer says of groups out of its header fields: it is for this gateway alone.
pub(super) fn take(headers: &mut Headers) -> Groups {
    let groups = Groups { join: names(headers, &JOIN), leave: names(headers, &LEAVE) };
    headers.remove(&JOIN);
    headers.remove(&LEAVE);
    groups
}

fn names(headers: &Headers, field: &HeaderName) -> Vec<Box<str>> {
    let values = headers.all(field.as_str()).filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
    let names = values.flat_map(|value| value.split(',')).map(str::trim);
    names.filter(|name| !name.is_empty() && name.len() <= MAX_NAME).take(MAX_NAMES).map(Box::from).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn groups_are_read_and_nobody_sees_them() {
        let long = "x".repeat(MAX_NAME + 1);
        for (fields, join, leave) in [
            (vec![("turnpike-join", "a, b,,c ")], vec!["a", "b", "c"], vec![]),
            (vec![("turnpike-join", "a"), ("turnpike-join", "b"), ("turnpike-leave", "c")], vec!["a", "b"], vec!["c"]),
            (vec![("turnpike-join", long.as_str())], vec![], vec![]),
            (vec![("x-other", "a")], vec![], vec![]),
        ] {
            let mut headers = Headers::default();
            for (name, value) in &fields {
                let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
                headers.append(name, HeaderValue::from_str(value).expect("a value"));
            }
            let groups = take(&mut headers);
            let texts = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect::<Vec<Box<str>>>();
            assert_eq!(groups, Groups { join: texts(&join), leave: texts(&leave) }, "{fields:?}");
            assert_eq!(headers.iter().count(), fields.iter().filter(|(name, _)| *name == "x-other").count());
        }
    }
}
