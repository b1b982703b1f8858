//! URIs of integrations: text with `{name}` and `${stageVariables.name}` in it.
//!
//! A placeholder is filled from `integration.request.path.name` alone, and stays as it is when nothing is mapped
//! to it; an unknown stage variable is empty; any other `${…}` is plain text. What a variable's value or a
//! parameter says is never looked at again, so neither can smuggle in a placeholder.

use crate::model::rest::Strings;

/// A URI, compiled for one stage's variables.
#[derive(Clone, Debug, PartialEq)]
pub struct Uri {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Placeholder(String),
}

const STAGE_VARIABLE: &str = "${stageVariables.";

impl Uri {
    /// Reads a URI. Any text is one.
    pub fn compile(text: &str, variables: &Strings) -> Self {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['$', '{']) {
            plain.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some((name, after)) = rest.strip_prefix(STAGE_VARIABLE).and_then(|body| body.split_once('}')) {
                plain.push_str(variables.get(name).map_or("", String::as_str));
                rest = after;
            } else if let Some((name, after)) = rest.strip_prefix('{').and_then(|body| body.split_once('}')) {
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Placeholder(name.to_owned()));
                rest = after;
            } else {
                // A lone `$` or `{`, or another `${…}`, whose brace must not be taken for a placeholder's.
                let length = if rest.starts_with("${") { 2 } else { 1 };
                plain.push_str(&rest[..length]);
                rest = &rest[length..];
            }
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        parts.retain(|part| *part != Part::Text(String::new()));
        Self { parts }
    }

    /// The whole text, if nothing in it depends on the request.
    pub fn constant(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text before the first placeholder.
    pub fn constant_start(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            Some(Part::Placeholder(_)) | None => "",
        }
    }

    /// The names of its placeholders.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// How much there is of it: bytes of text, and one for each placeholder.
    pub fn length(&self) -> usize {
        let length = |part: &Part| if let Part::Text(text) = part { text.len() } else { 1 };
        self.parts.iter().map(length).sum()
    }

    /// What stands before and behind a piece of its text, at the first place where it does.
    pub fn split(&self, marker: &str) -> Option<(Self, Self)> {
        let found = self.parts.iter().enumerate().find_map(|(at, part)| match part {
            Part::Text(text) => Some((at, text.split_once(marker)?)),
            Part::Placeholder(_) => None,
        });
        let (at, (before, after)) = found?;
        let text = |text: &str| Some(Part::Text(text.to_owned())).filter(|_| !text.is_empty());
        let start = self.parts[..at].iter().cloned().chain(text(before));
        let end = text(after).into_iter().chain(self.parts[at + 1..].iter().cloned());
        Some((Self { parts: start.collect() }, Self { parts: end.collect() }))
    }

    /// Fills the placeholders in.
    pub fn render<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> String {
        let mut out = String::with_capacity(64);
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Placeholder(name) => match value_of(name) {
                    Some(value) => out.push_str(value),
                    None => {
                        out.push('{');
                        out.push_str(name);
                        out.push('}');
                    }
                },
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let variables = Strings::from([("host".to_owned(), "h:1".to_owned()), ("odd".to_owned(), "{id}".to_owned())]);
        let value_of = |name: &str| match name {
            "id" => Some("7"),
            "proxy" => Some("a/b"),
            "odd" => Some("${stageVariables.host}"),
            _ => None,
        };
        assert_eq!(Uri::compile(text, &variables).render(value_of), expected, "{text}");
    }

    #[test]
    fn placeholders_and_stage_variables_are_filled_in() {
        check("http://h/pets/{id}", "http://h/pets/7");
        check("http://${stageVariables.host}/{proxy}", "http://h:1/a/b");
        check("http://h/{unmapped}/x", "http://h/{unmapped}/x");
        check("http://h/${stageVariables.none}x", "http://h/x");
        check("http://h/${context.x}", "http://h/${context.x}");
        check("http://h/{open", "http://h/{open");
        check("$", "$");
        check("", "");
    }

    #[test]
    fn values_are_not_read_again() {
        check("http://h/${stageVariables.odd}/{odd}", "http://h/{id}/${stageVariables.host}");
    }

    #[test]
    fn uris_are_split_at_their_text() {
        for (text, marker, expected) in [
            ("a/{b}/c/d", "/c", Some(("a/{b}", "/d", 3))),
            ("a:b:c", ":", Some(("a", "b:c", 1))),
            ("{a}:", ":", Some(("{a}", "", 1))),
            ("{:}", ":", None),
            ("a", ":", None),
        ] {
            let found = Uri::compile(text, &Strings::new()).split(marker);
            let shown = found.map(|(start, end)| (start.render(|_| None), end.render(|_| None), start.length()));
            let expected = expected.map(|(start, end, length)| (start.to_owned(), end.to_owned(), length));
            assert_eq!(shown, expected, "{text}");
        }
    }

    #[test]
    fn the_constant_start_ends_at_the_first_placeholder() {
        let uri = Uri::compile("http://h:80/a/{id}/b", &Strings::new());
        assert_eq!(uri.constant_start(), "http://h:80/a/");
        assert_eq!(uri.constant(), None);
        assert_eq!(Uri::compile("http://h", &Strings::new()).constant(), Some("http://h"));
    }
}
