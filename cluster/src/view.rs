//! A look at one node's documents, all as of one commit.

use std::ops::Bound;
use std::sync::Arc;

use crate::Index;
use crate::documents::{Cursor, Document};
use crate::state::State;

/// A consistent look at this node's documents.
pub struct View<'a> {
    pub(crate) state: &'a State,
}

impl View<'_> {
    /// The commit that the documents are as of.
    pub fn index(&self) -> Index {
        self.state.applied()
    }

    /// One document.
    pub fn get(&self, key: &str) -> Option<Document> {
        self.state.documents().get(key)
    }

    /// All documents whose keys start so, in the order of their keys.
    pub fn scan(&self, prefix: &str) -> impl Iterator<Item = (Arc<str>, Document)> + use<'_> {
        self.state.documents().under(prefix)
    }

    /// As [`View::scan`], but without keys that have a further `/` behind the prefix.
    ///
    /// What lies below such keys is jumped over, not walked through.
    pub fn children(&self, prefix: &str) -> impl Iterator<Item = (Arc<str>, Document)> + use<'_> {
        self.children_from(prefix, Bound::Included(prefix))
    }

    /// As [`View::children`], from the first on that comes behind the one called `after`.
    pub fn children_after(&self, prefix: &str, after: &str) -> impl Iterator<Item = (Arc<str>, Document)> + use<'_> {
        self.children_from(prefix, Bound::Excluded(&format!("{prefix}{after}")))
    }

    fn children_from(&self, prefix: &str, start: Bound<&str>) -> impl Iterator<Item = (Arc<str>, Document)> + use<'_> {
        let prefix = prefix.to_owned();
        let mut cursor = Cursor::at(self.state.documents(), start);
        std::iter::from_fn(move || {
            loop {
                let (key, document) = cursor.next()?;
                let Some(slash) = key.strip_prefix(prefix.as_str())?.find('/') else { return Some((key, document)) };
                // `0` comes right after `/`: the first key that is not below this child.
                cursor.seek(Bound::Included(&format!("{}0", &key[..prefix.len() + slash])));
            }
        })
    }

    /// How many documents there are whose keys start so.
    pub fn count(&self, prefix: &str) -> u64 {
        self.state.documents().count(prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::Command;
    use crate::transaction::Transaction;

    fn transact(state: &mut State, id: u128, transaction: Transaction) {
        let index = state.applied() + 1;
        state.apply(index, &Command::Transact { id, since: index - 1, transaction });
    }

    #[test]
    fn children_go_on_behind_the_one_that_is_named() {
        let mut state = State::default();
        let seed = ["p/a", "p/a/x", "p/a/y", "p/b", "p/c/x", "p/d", "q"];
        transact(&mut state, 1, seed.iter().fold(Transaction::new(), |all, key| all.put(*key, "1")));
        let view = View { state: &state };
        let after = |name: &str| view.children_after("p/", name).map(|(key, _)| key.to_string()).collect::<Vec<_>>();
        assert_eq!(after(""), view.children("p/").map(|(key, _)| key.to_string()).collect::<Vec<_>>());
        for (name, expected) in [
            ("", &["p/a", "p/b", "p/d"][..]),
            ("a", &["p/b", "p/d"]),
            ("aa", &["p/b", "p/d"]),
            ("b", &["p/d"]),
            ("d", &[]),
            ("z", &[]),
        ] {
            assert_eq!(after(name), expected, "{name}");
        }
    }

    #[test]
    fn prefixes_are_removed_whole_and_children_found_without_their_own() {
        let mut state = State::default();
        let keys = ["r/1", "r/1/s/a", "r/1/s/b", "r/10", "r/2", "r/2/s/a", "s"];
        let seed = keys.iter().fold(Transaction::new(), |seed, key| seed.put(*key, "x"));
        transact(&mut state, 1, seed);
        let children =
            |state: &State| -> Vec<String> { View { state }.children("r/").map(|(key, _)| key.to_string()).collect() };
        assert_eq!(children(&state), ["r/1", "r/10", "r/2"]);
        transact(&mut state, 2, Transaction::new().delete("r/1").delete_prefix("r/1/"));
        assert_eq!(children(&state), ["r/10", "r/2"]);
        let view = View { state: &state };
        assert_eq!(view.count("r/"), 3);
        assert_eq!(view.scan("r/2").map(|(key, _)| key.to_string()).collect::<Vec<_>>(), ["r/2", "r/2/s/a"]);
    }
}
