//! What documentation parts can be about, and which parts apply to a thing: by inheritance, the most specific first.
//!
//! Source: control-plane reference, 15; the API Gateway developer guide, "Documentation part types".

use super::{DocumentationPart, Location, LocationType, Verb};

/// What stands for every method and every status code.
const ANY: &str = "*";
const MAX_TEXT: usize = 1024;

/// Which members a kind of location has.
struct Fields {
    path: bool,
    method: bool,
    status_code: bool,
    name: bool,
}

impl LocationType {
    fn fields(self) -> Fields {
        let (path, method, status_code, name) = match self {
            Self::Api => (false, false, false, false),
            Self::Authorizer | Self::Model => (false, false, false, true),
            Self::Resource => (true, false, false, false),
            Self::Method | Self::RequestBody => (true, true, false, false),
            Self::PathParameter | Self::QueryParameter | Self::RequestHeader => (true, true, false, true),
            Self::Response | Self::ResponseBody => (true, true, true, false),
            Self::ResponseHeader => (true, true, true, true),
        };
        Fields { path, method, status_code, name }
    }

    /// Whether a location of this kind needs a name.
    fn needs_name(self) -> bool {
        matches!(self, Self::PathParameter | Self::RequestHeader | Self::ResponseHeader)
    }

    /// Whether what is said of a path is said of the paths below it.
    fn inherits(self) -> bool {
        !matches!(self, Self::Api | Self::Authorizer | Self::Model | Self::Resource)
    }
}

impl Location {
    /// A location of a kind, and nothing more said.
    pub fn of(kind: LocationType) -> Self {
        Self { kind, path: None, method: None, status_code: None, name: None }
    }

    /// Checks a location against its kind, and takes empty members for absent. The refusal says what is wrong.
    pub fn checked(mut self) -> Result<Self, String> {
        let fields = self.kind.fields();
        for (allowed, value, field) in [
            (fields.path, &mut self.path, "path"),
            (fields.method, &mut self.method, "method"),
            (fields.status_code, &mut self.status_code, "statusCode"),
            (fields.name, &mut self.name, "name"),
        ] {
            *value = value.take().filter(|text| !text.is_empty());
            match value {
                Some(_) if !allowed => {
                    return Err(format!(
                        "The field '{field}' is not valid for documentation part type '{}'",
                        self.kind
                    ));
                }
                Some(text) if text.len() > MAX_TEXT => {
                    return Err(format!("The field '{field}' can be at most {MAX_TEXT} characters"));
                }
                _ => {}
            }
        }
        if self.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
            return Err("The field 'path' must start with a slash".to_owned());
        }
        if let Some(method) = self.method.as_ref().filter(|method| *method != ANY && Verb::parse(method).is_none()) {
            return Err(format!("The field 'method' is not an HTTP method: {method}"));
        }
        if let Some(code) = self.status_code.as_ref().filter(|code| *code != ANY) {
            let code = code.as_bytes();
            if code.len() != 3 || !matches!(code[0], b'1'..=b'5') || !code.iter().all(u8::is_ascii_digit) {
                return Err("The field 'statusCode' must be a status code".to_owned());
            }
        }
        if self.kind.needs_name() && self.name.is_none() {
            return Err(format!("The field 'name' is required for documentation part type '{}'", self.kind));
        }
        Ok(self)
    }

    /// The same location with what its kind has by default: the path `/`, every method, every status code. What is kept
    /// and shown is what was said; Terraform would replace a part whose location says more.
    pub fn completed(&self) -> Self {
        let fields = self.kind.fields();
        let filled =
            |has: bool, said: &Option<String>, default: &str| said.clone().or_else(|| has.then(|| default.to_owned()));
        Self {
            kind: self.kind,
            path: filled(fields.path, &self.path, "/"),
            method: filled(fields.method, &self.method, ANY),
            status_code: filled(fields.status_code, &self.status_code, ANY),
            name: self.name.clone(),
        }
    }

    /// The members that are there, for people and as an order for lists: `RESPONSE /pets GET 200`.
    pub fn spelled(&self) -> String {
        let parts = [&self.path, &self.method, &self.status_code, &self.name].into_iter().flatten();
        std::iter::once(self.kind.as_str()).chain(parts.map(String::as_str)).collect::<Vec<_>>().join(" ")
    }

    /// Whether a text about this location says something of `thing`.
    fn covers(&self, thing: &Self) -> bool {
        let any_or_same = |own: &Option<String>, other: &Option<String>| own.as_deref() == Some(ANY) || own == other;
        self.kind == thing.kind
            && self.name == thing.name
            && any_or_same(&self.method, &thing.method)
            && any_or_same(&self.status_code, &thing.status_code)
            && match (&self.path, &thing.path) {
                (Some(own), Some(other)) if self.kind.inherits() => is_above(own, other),
                (own, other) => own == other,
            }
    }

    /// How specific it is: the path counts most, then the status code, then the method.
    fn precision(&self) -> (usize, bool, bool) {
        let says = |text: &Option<String>| text.as_deref().is_some_and(|text| text != ANY);
        (self.path.as_deref().map_or(0, depth), says(&self.status_code), says(&self.method))
    }
}

/// How many segments a path has.
fn depth(path: &str) -> usize {
    path.split('/').filter(|segment| !segment.is_empty()).count()
}

/// Whether a path is `below` or one of those that lead to it, by whole segments.
fn is_above(path: &str, below: &str) -> bool {
    let path = path.trim_end_matches('/');
    below.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The parts that apply to a thing, the most specific first: where two say different things, the first is right.
pub fn applying<'a>(parts: &'a [DocumentationPart], thing: &Location) -> Vec<&'a DocumentationPart> {
    let whole = parts.iter().map(|part| (part, part.location.completed()));
    let mut found: Vec<_> = whole.filter(|(_, location)| location.covers(thing)).collect();
    found.sort_by_key(|(_, location)| std::cmp::Reverse(location.precision()));
    found.into_iter().map(|(part, _)| part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::DocumentationPartId;

    /// A location as `kind path method statusCode name`, a `-` for what is absent.
    fn read(text: &str) -> Location {
        let mut words = text.split(' ').map(|word| Some(word.to_owned()).filter(|word| word != "-"));
        let kind = words.next().flatten().and_then(|kind| LocationType::parse(&kind)).expect("a kind");
        let mut next = || words.next().flatten();
        Location { kind, path: next(), method: next(), status_code: next(), name: next() }
    }

    #[test]
    fn locations_are_checked_and_completed() {
        for (text, expected) in [
            ("API", Some("API")),
            ("API /", None),
            ("MODEL - - - Pet", Some("MODEL - - - Pet")),
            ("MODEL /pets", None),
            ("RESOURCE", Some("RESOURCE /")),
            ("RESOURCE /pets GET", None),
            ("RESOURCE pets", None),
            ("METHOD /pets", Some("METHOD /pets *")),
            ("METHOD /pets FETCH", None),
            ("METHOD /pets GET 200", None),
            ("PATH_PARAMETER /pets", None),
            ("REQUEST_HEADER", None),
            ("QUERY_PARAMETER", Some("QUERY_PARAMETER / *")),
            ("RESPONSE /pets GET", Some("RESPONSE /pets GET *")),
            ("RESPONSE /pets GET 600", None),
            ("RESPONSE /pets GET 20", None),
            ("RESPONSE_HEADER - - 404 X", Some("RESPONSE_HEADER / * 404 X")),
            ("RESPONSE_HEADER / * 404", None),
        ] {
            assert_eq!(read(text).checked().ok().map(|said| said.completed()), expected.map(read), "{text}");
        }
    }

    #[test]
    fn the_most_specific_part_is_first() {
        let part = |text: &str| DocumentationPart {
            id: DocumentationPartId::new(text),
            location: read(text),
            properties: "{}".to_owned(),
        };
        let parts = [
            "RESOURCE /pets",
            "METHOD / *",
            "METHOD /pets *",
            "METHOD /pets GET",
            "METHOD /pe GET",
            "RESPONSE / * 404",
            "RESPONSE /pets * *",
            "RESPONSE /pets GET 404",
            "QUERY_PARAMETER /pets GET - page",
            "MODEL - - - Pet",
        ]
        .map(part);
        for (thing, expected) in [
            ("METHOD /pets GET", &["METHOD /pets GET", "METHOD /pets *", "METHOD / *"][..]),
            ("METHOD /pets/{id} POST", &["METHOD /pets *", "METHOD / *"]),
            ("METHOD /petshop GET", &["METHOD / *"]),
            ("RESOURCE /pets", &["RESOURCE /pets"]),
            ("RESOURCE /pets/{id}", &[]),
            ("RESPONSE /pets GET 404", &["RESPONSE /pets GET 404", "RESPONSE /pets * *", "RESPONSE / * 404"]),
            ("RESPONSE /pets GET 200", &["RESPONSE /pets * *"]),
            ("QUERY_PARAMETER /pets/{id} GET - page", &["QUERY_PARAMETER /pets GET - page"]),
            ("QUERY_PARAMETER /pets/{id} GET - size", &[]),
            ("MODEL - - - Pet", &["MODEL - - - Pet"]),
        ] {
            let found: Vec<_> = applying(&parts, &read(thing)).iter().map(|part| part.id.as_str().to_owned()).collect();
            assert_eq!(found, expected, "{thing}");
        }
    }
}
