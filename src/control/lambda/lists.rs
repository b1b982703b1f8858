//! Pages of Lambda's lists: `Marker` and `MaxItems`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use super::errors;
use crate::control::wire::{Call, Error, Violations};

/// A page has at most so many items, whatever the caller says.
const MAX: usize = 50;

/// Which part of a list is asked for.
pub(super) struct Page {
    after: Option<String>,
    limit: usize,
}

impl Page {
    pub(super) fn read(call: &Call) -> Result<Self, Error> {
        let limit = match call.parameter("MaxItems").map(|text| text.parse::<i64>()) {
            None => MAX,
            Some(Ok(number)) => {
                let mut violations = Violations::new();
                let least = "Member must have value greater than or equal to 1";
                violations.holds(number >= 1, number, "maxItems", least);
                let most = "Member must have value less than or equal to 10000";
                violations.holds(number <= 10_000, number, "maxItems", most);
                violations.check()?;
                usize::try_from(number).unwrap_or(MAX).min(MAX)
            }
            Some(Err(_)) => return Err(Error::serialization("MaxItems can not be converted to an Integer")),
        };
        let read = |text: String| BASE64.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let after = match call.parameter("Marker").filter(|marker| !marker.is_empty()) {
            None => None,
            Some(marker) => Some(read(marker).ok_or_else(|| errors::invalid("Invalid Marker"))?),
        };
        Ok(Self { after, limit })
    }

    /// Takes the page out of all items, which are in the order of their positions; and the marker of the next one.
    pub(super) fn take<T>(&self, items: Vec<T>, position: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let mut rest = items.into_iter().filter(|item| self.after.as_ref().is_none_or(|after| position(item) > *after));
        let page: Vec<T> = rest.by_ref().take(self.limit).collect();
        let more = rest.next().is_some();
        let marker = page.last().filter(|_| more).map(|last| BASE64.encode(position(last)));
        (page, marker)
    }
}
