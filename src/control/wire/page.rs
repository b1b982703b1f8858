//! Pages of lists. A position is the last key of the page before, so that changes between two calls neither repeat
//! nor skip what stays.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use super::{Call, Error};

const DEFAULT: usize = 25;
const MAX: usize = 500;

/// Which part of a list is asked for.
#[derive(Debug, PartialEq)]
pub struct Page {
    after: Option<String>,
    limit: usize,
}

impl Page {
    /// Reads `position` and `limit`, as V1 calls them.
    pub fn read(call: &Call) -> Result<Self, Error> {
        Self::read_named(call, "position", "limit")
    }

    /// Reads `nextToken` and `maxResults`, as V2 calls them.
    pub fn read_tokens(call: &Call) -> Result<Self, Error> {
        Self::read_named(call, "nextToken", "maxResults")
    }

    fn read_named(call: &Call, position: &str, limit: &str) -> Result<Self, Error> {
        let limit = match call.parameter(limit).map(|text| text.parse::<i64>()) {
            None => DEFAULT,
            Some(Ok(number)) if number > 0 => usize::try_from(number).unwrap_or(MAX).min(MAX),
            Some(Ok(_)) => DEFAULT,
            Some(Err(_)) => return Err(Error::bad_request(format!("Invalid {limit} specified"))),
        };
        let read = |text: String| {
            let bytes = BASE64.decode(text).ok()?;
            String::from_utf8(bytes).ok()
        };
        let after = match call.parameter(position).map(read) {
            None => None,
            Some(Some(key)) => Some(key),
            Some(None) => return Err(Error::bad_request(format!("Invalid {position} parameter"))),
        };
        Ok(Self { after, limit })
    }

    /// The name behind which the page begins, if it isn't the first.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// A page has at most so many items.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The position behind an item.
    pub fn position(last: &str) -> String {
        BASE64.encode(last)
    }

    /// Takes the page out of all items, which are in the order of their keys; and the position of the next one.
    pub fn take<T>(&self, items: Vec<T>, key: impl Fn(&T) -> &str) -> (Vec<T>, Option<String>) {
        let mut rest = items.into_iter().filter(|item| self.after.as_deref().is_none_or(|after| key(item) > after));
        let page: Vec<T> = rest.by_ref().take(self.limit).collect();
        let more = rest.next().is_some();
        let position = page.last().filter(|_| more).map(|last| Self::position(key(last)));
        (page, position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<Page, Error> {
        let call = Call {
            method: "GET".into(),
            path: "/".into(),
            query: query.into(),
            headers: Vec::new(),
            body: bytes::Bytes::new(),
        };
        Page::read(&call)
    }

    #[test]
    fn pages_follow_each_other_even_when_the_list_changes() {
        let (first, position) = page("limit=2").expect("a page").take(vec!["a", "b", "c"], |item| item);
        assert_eq!(first, ["a", "b"]);
        let next = format!("limit=2&position={}", position.expect("more"));
        let (second, end) = page(&next).expect("a page").take(vec!["a0", "c"], |item| item);
        assert_eq!((second, end), (vec!["c"], None));
        assert_eq!(page("limit=9999").expect("a page").limit, MAX);
        assert_eq!(page("limit=-1").expect("a page").limit, DEFAULT);
        assert!(page("limit=x").is_err() && page("position=%00").is_err());
    }
}
