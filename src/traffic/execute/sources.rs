//! The values that mapping expressions name in a request: parameters, header fields, `$context`, the body.

use std::borrow::Cow;
use std::cell::OnceCell;

use bytes::Bytes;

use super::facts::Facts;
use super::headers::is_taken_off;
use crate::mapping::parameters::{NotJson, Source, in_body};
use crate::mapping::query::Query;

/// Finds values in one request.
pub(super) struct Sources<'r> {
    facts: &'r Facts,
    /// The request's query, read when it is first asked for.
    query: OnceCell<Query<'r>>,
    /// The request's body, where it is at hand.
    body: Option<&'r Bytes>,
}

impl<'r> Sources<'r> {
    /// Finds values in a request whose body nobody asks for.
    pub(super) fn new(facts: &'r Facts) -> Self {
        Self { facts, query: OnceCell::new(), body: None }
    }

    /// Finds values in a request, its body too.
    pub(super) fn with_body(facts: &'r Facts, body: &'r Bytes) -> Self {
        Self { body: Some(body), ..Self::new(facts) }
    }

    fn query(&self) -> &Query<'r> {
        self.query.get_or_init(|| Query::parse(self.facts.head().uri.query().unwrap_or_default()))
    }

    /// All values of a source; none where there is none, and none of them empty.
    pub(super) fn values<'s>(&'s self, source: &'s Source) -> Result<Vec<Cow<'s, str>>, NotJson> {
        let headers = &self.facts.head().headers;
        let mut values: Vec<Cow<'s, str>> = match source {
            Source::Path(name) => {
                let found = self.facts.path_parameters().iter().find(|(known, _)| known == name);
                found.map(|(_, value)| Cow::Borrowed(value.as_str())).into_iter().collect()
            }
            Source::Query(name) => self.query().last(name).map(Cow::Borrowed).into_iter().collect(),
            Source::QueryAll(name) => self.query().all(name).map(Cow::Borrowed).collect(),
            Source::Header(name) | Source::HeaderAll(name) if is_taken_off(&name.to_ascii_lowercase()) => Vec::new(),
            Source::Header(name) => headers.last_text(name).map(Cow::Borrowed).into_iter().collect(),
            Source::HeaderAll(name) => {
                headers.all(name).filter_map(|value| value.to_str().ok()).map(Cow::Borrowed).collect()
            }
            Source::Context(name) => {
                let given = self.facts.given(name).map(Cow::Borrowed);
                given.or_else(|| self.facts.context(name)).into_iter().collect()
            }
            Source::Constant(value) => vec![Cow::Borrowed(value.as_str())],
            Source::Body(path) => match self.body.or_else(|| self.facts.socket()?.message()) {
                Some(body) => in_body(body, path.as_ref())?.map(Cow::Owned).into_iter().collect(),
                None => Vec::new(),
            },
        };
        values.retain(|value| !value.is_empty());
        Ok(values)
    }

    /// The values of a source as one text, with commas between them; nothing where there is none.
    pub(super) fn text(&self, source: &Source) -> Option<String> {
        let values = self.values(source).ok()?;
        (!values.is_empty()).then(|| values.join(","))
    }
}
