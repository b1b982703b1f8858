//! What the nodes agree on, in memory: documents, and what is needed to apply the next command the same way everywhere.
//!
//! Applying is deterministic: no clock, no randomness, nothing but the command and the state before it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::feed::{ChangedKey, Kind};
use crate::raft::{Command, Outcome};
use crate::transaction::{Change, Condition, Transaction};
use crate::{Index, NodeId};

/// The outcomes of so many of the latest proposals are remembered, so that a proposal that comes twice is made once.
pub(crate) const REMEMBERED: usize = 16 * 1024;

/// A document as of one commit. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The commit that wrote it.
    pub revision: Index,
    /// What it says.
    pub value: Arc<[u8]>,
}

/// The agreed state.
#[derive(Default)]
pub(crate) struct State {
    documents: BTreeMap<Arc<str>, Document>,
    recent: Recent,
    /// Every node id that was ever given away, and to which instance.
    nodes: BTreeMap<NodeId, u128>,
    applied: Index,
}

/// The outcomes of recent proposals.
#[derive(Default)]
struct Recent {
    by_id: HashMap<u128, Outcome>,
    by_index: BTreeMap<Index, u128>,
}

/// The state as it is stored and sent: lists in the order of their keys.
#[derive(Serialize, Deserialize)]
pub(crate) struct Frozen {
    pub(crate) documents: Vec<(Arc<str>, Index, Arc<[u8]>)>,
    pub(crate) recent: Vec<(Index, u128, Outcome)>,
    pub(crate) nodes: Vec<(NodeId, u128)>,
    pub(crate) applied: Index,
}

/// What applying one command did.
pub(crate) struct Effect {
    pub(crate) outcome: Outcome,
    pub(crate) changed: Vec<ChangedKey>,
    /// A proposal to remember, by its index, and one to forget.
    pub(crate) remembered: Option<(Index, u128)>,
    pub(crate) forgotten: Option<Index>,
    /// A node id that was given away.
    pub(crate) node: Option<(NodeId, u128)>,
}

impl State {
    pub(crate) fn applied(&self) -> Index {
        self.applied
    }

    pub(crate) fn document(&self, key: &str) -> Option<&Document> {
        self.documents.get(key)
    }

    pub(crate) fn documents(&self) -> usize {
        self.documents.len()
    }

    /// Says that everything up to `index` is applied, also where an entry held no command.
    pub(crate) fn advance(&mut self, index: Index) {
        self.applied = index;
    }

    /// Applies a command as the entry at `index`.
    pub(crate) fn apply(&mut self, index: Index, command: &Command) -> Effect {
        self.applied = index;
        let mut effect =
            Effect { outcome: Outcome::Nothing, changed: Vec::new(), remembered: None, forgotten: None, node: None };
        match command {
            Command::Transact { id, transaction } => {
                if let Some(outcome) = self.recent.by_id.get(id) {
                    effect.outcome = outcome.clone();
                    return effect;
                }
                effect.outcome = match self.violated(transaction) {
                    Some((condition, key)) => Outcome::Conflict { condition, key, index },
                    None => {
                        effect.changed = self.change(index, transaction);
                        Outcome::Committed { index }
                    }
                };
                effect.remembered = Some((index, *id));
                effect.forgotten = self.recent.remember(index, *id, effect.outcome.clone());
            }
            Command::AllotNode { wanted, instance } => {
                let free = self.nodes.last_key_value().map_or(1, |(last, _)| last + 1);
                let node = wanted.unwrap_or(free);
                if *self.nodes.entry(node).or_insert(*instance) == *instance {
                    effect.node = Some((node, *instance));
                    effect.outcome = Outcome::Node(node);
                } else {
                    effect.outcome = Outcome::NodeTaken(node);
                }
            }
        }
        effect
    }

    fn violated(&self, transaction: &Transaction) -> Option<(usize, String)> {
        let holds = |condition: &Condition| match condition {
            Condition::Exists(key) => self.documents.contains_key(key.as_str()),
            Condition::Absent(key) => !self.documents.contains_key(key.as_str()),
            Condition::Revision(key, revision) => {
                self.documents.get(key.as_str()).is_some_and(|document| document.revision == *revision)
            }
            Condition::Unchanged { prefix, at, count } => {
                let mut found = 0;
                let unchanged = under(&self.documents, prefix).all(|(_, document)| {
                    found += 1;
                    document.revision <= *at
                });
                unchanged && found == *count
            }
        };
        let violated = transaction.conditions.iter().position(|condition| !holds(condition))?;
        Some((violated, transaction.conditions[violated].key().to_owned()))
    }

    fn change(&mut self, index: Index, transaction: &Transaction) -> Vec<ChangedKey> {
        let mut changed = Vec::with_capacity(transaction.changes.len());
        for change in &transaction.changes {
            match change {
                Change::Put { key, value } => {
                    let key: Arc<str> = Arc::from(key.as_str());
                    let document = Document { revision: index, value: Arc::from(value.as_slice()) };
                    self.documents.insert(Arc::clone(&key), document);
                    changed.push(ChangedKey { key, kind: Kind::Put });
                }
                Change::Delete { key } => {
                    if let Some((key, _)) = self.documents.remove_entry(key.as_str()) {
                        changed.push(ChangedKey { key, kind: Kind::Deleted });
                    }
                }
                Change::DeletePrefix { prefix } => {
                    let keys: Vec<_> = under(&self.documents, prefix).map(|(key, _)| Arc::clone(key)).collect();
                    for key in keys {
                        self.documents.remove(&key);
                        changed.push(ChangedKey { key, kind: Kind::Deleted });
                    }
                }
            }
        }
        changed
    }

    /// A copy to store or send; values are shared, not copied.
    pub(crate) fn freeze(&self) -> Frozen {
        let documents = self.documents.iter();
        let recent = self.recent.by_index.iter();
        Frozen {
            documents: documents
                .map(|(key, document)| (Arc::clone(key), document.revision, Arc::clone(&document.value)))
                .collect(),
            recent: recent.filter_map(|(index, id)| Some((*index, *id, self.recent.by_id.get(id)?.clone()))).collect(),
            nodes: self.nodes.iter().map(|(node, instance)| (*node, *instance)).collect(),
            applied: self.applied,
        }
    }

    pub(crate) fn thaw(frozen: Frozen) -> Self {
        let mut state = Self { applied: frozen.applied, ..Self::default() };
        let documents = frozen.documents.into_iter();
        state.documents = documents.map(|(key, revision, value)| (key, Document { revision, value })).collect();
        state.nodes = frozen.nodes.into_iter().collect();
        for (index, id, outcome) in frozen.recent {
            state.recent.remember(index, id, outcome);
        }
        state
    }
}

impl Recent {
    /// Remembers an outcome; answers with the index of the one that had to go for it.
    fn remember(&mut self, index: Index, id: u128, outcome: Outcome) -> Option<Index> {
        self.by_id.insert(id, outcome);
        self.by_index.insert(index, id);
        if self.by_index.len() <= REMEMBERED {
            return None;
        }
        let (oldest, id) = self.by_index.pop_first()?;
        self.by_id.remove(&id);
        Some(oldest)
    }
}

fn under<'a>(
    documents: &'a BTreeMap<Arc<str>, Document>,
    prefix: &'a str,
) -> impl Iterator<Item = (&'a Arc<str>, &'a Document)> {
    from(documents, Bound::Included(prefix)).take_while(move |(key, _)| key.starts_with(prefix))
}

fn from<'a>(
    documents: &'a BTreeMap<Arc<str>, Document>,
    start: Bound<&str>,
) -> impl Iterator<Item = (&'a Arc<str>, &'a Document)> {
    documents.range::<str, _>((start, Bound::Unbounded))
}

/// A consistent look at this node's documents.
pub struct View<'a> {
    pub(crate) state: &'a State,
}

impl<'a> View<'a> {
    /// The commit that the documents are as of.
    pub fn index(&self) -> Index {
        self.state.applied
    }

    /// One document.
    pub fn get(&self, key: &str) -> Option<Document> {
        self.state.document(key).cloned()
    }

    /// All documents whose keys start so, in the order of their keys.
    pub fn scan(&self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Document)> {
        under(&self.state.documents, prefix).map(|(key, document)| (key.as_ref(), document))
    }

    /// As [`View::scan`], but without keys that have a further `/` behind the prefix.
    ///
    /// What lies below such keys is jumped over, not walked through.
    pub fn children<'p>(&self, prefix: &'p str) -> impl Iterator<Item = (&'a str, &'a Document)> + use<'a, 'p> {
        let documents = &self.state.documents;
        let mut start: Bound<String> = Bound::Included(prefix.to_owned());
        std::iter::from_fn(move || {
            loop {
                let (key, document) = from(documents, start.as_ref().map(String::as_str)).next()?;
                let rest = key.strip_prefix(prefix)?;
                match rest.find('/') {
                    Some(slash) => {
                        // `0` comes right after `/`: the first key that is not below this child.
                        start = Bound::Included(format!("{}0", &key[..prefix.len() + slash]));
                    }
                    None => {
                        start = Bound::Excluded(key.as_ref().to_owned());
                        return Some((key.as_ref(), document));
                    }
                }
            }
        })
    }

    /// How many documents there are whose keys start so.
    pub fn count(&self, prefix: &str) -> u64 {
        under(&self.state.documents, prefix).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transact(state: &mut State, id: u128, transaction: Transaction) -> Outcome {
        let index = state.applied() + 1;
        state.apply(index, &Command::Transact { id, transaction }).outcome
    }

    #[test]
    fn conditions_decide_over_all_changes_together() {
        let mut state = State::default();
        let seed = Transaction::new().put("a", "1").put("p/x", "1").put("p/y", "1").put("q", "1");
        assert_eq!(transact(&mut state, 1, seed), Outcome::Committed { index: 1 });
        let key = |text: &str| text.to_owned();
        for (condition, holds) in [
            (Condition::Exists(key("a")), true),
            (Condition::Exists(key("b")), false),
            (Condition::Absent(key("b")), true),
            (Condition::Absent(key("a")), false),
            (Condition::Revision(key("a"), 1), true),
            (Condition::Revision(key("a"), 2), false),
            (Condition::Revision(key("b"), 0), false),
            (Condition::Unchanged { prefix: key("p/"), at: 1, count: 2 }, true),
            (Condition::Unchanged { prefix: key("p/"), at: 0, count: 2 }, false),
            (Condition::Unchanged { prefix: key("p/"), at: 1, count: 1 }, false),
            (Condition::Unchanged { prefix: key("none/"), at: 0, count: 0 }, true),
        ] {
            let id = u128::from(state.applied()) + 100;
            let test = Transaction::new()
                .when(Condition::Exists(key("q")))
                .when(condition.clone())
                .put("left", "x")
                .put("right", "x");
            let outcome = transact(&mut state, id, test);
            assert_eq!(matches!(outcome, Outcome::Committed { .. }), holds, "{condition:?}");
            assert_eq!(state.document("left").is_some(), holds, "{condition:?}");
            assert_eq!(state.document("right").is_some(), holds, "{condition:?}");
            let tidy = Transaction::new().delete("left").delete("right");
            transact(&mut state, id + 1000, tidy);
        }
    }

    #[test]
    fn a_proposal_that_comes_twice_is_made_once() {
        let mut state = State::default();
        let create = Transaction::new().when(Condition::Absent("a".into())).put("a", "1");
        let first = transact(&mut state, 7, create.clone());
        assert_eq!(transact(&mut state, 7, create.clone()), first);
        assert!(matches!(transact(&mut state, 8, create), Outcome::Conflict { condition: 0, .. }));
    }

    #[test]
    fn prefixes_are_removed_whole_and_children_found_without_their_own() {
        let mut state = State::default();
        let keys = ["r/1", "r/1/s/a", "r/1/s/b", "r/10", "r/2", "r/2/s/a", "s"];
        let seed = keys.iter().fold(Transaction::new(), |seed, key| seed.put(*key, "x"));
        transact(&mut state, 1, seed);
        let children =
            |state: &State| -> Vec<String> { View { state }.children("r/").map(|(key, _)| key.to_owned()).collect() };
        assert_eq!(children(&state), ["r/1", "r/10", "r/2"]);
        transact(&mut state, 2, Transaction::new().delete("r/1").delete_prefix("r/1/"));
        assert_eq!(children(&state), ["r/10", "r/2"]);
        let view = View { state: &state };
        assert_eq!(view.count("r/"), 3);
        assert_eq!(view.scan("r/2").map(|(key, _)| key).collect::<Vec<_>>(), ["r/2", "r/2/s/a"]);
    }

    #[test]
    fn a_state_survives_being_frozen() {
        let mut state = State::default();
        transact(&mut state, 1, Transaction::new().put("a", "1"));
        state.apply(2, &Command::AllotNode { wanted: None, instance: 5 });
        let mut thawed = State::thaw(state.freeze());
        assert_eq!(thawed.document("a"), state.document("a"));
        assert_eq!(transact(&mut thawed, 1, Transaction::new().put("a", "2")), Outcome::Committed { index: 1 });
        let again = |instance| Command::AllotNode { wanted: Some(1), instance };
        assert_eq!(thawed.apply(9, &again(5)).outcome, Outcome::Node(1));
        assert_eq!(thawed.apply(9, &again(6)).outcome, Outcome::NodeTaken(1));
    }

    #[test]
    fn only_so_many_proposals_are_remembered() {
        let mut recent = Recent::default();
        for index in 0..REMEMBERED as u64 + 10 {
            recent.remember(index, u128::from(index), Outcome::Nothing);
        }
        assert_eq!(recent.by_id.len(), REMEMBERED);
        assert!(!recent.by_id.contains_key(&9));
    }
}
