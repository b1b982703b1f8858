//! What the nodes agree on, in memory: documents, and what is needed to apply the next command the same way everywhere.
//!
//! Applying is deterministic: no clock, no randomness, nothing but the command and the state before it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use crate::documents::{Document, Documents, Listing};
use crate::feed::{ChangedKey, Kind};
use crate::raft::{Command, Outcome};
use crate::transaction::{Change, Condition, Transaction};
use crate::{Index, NodeId};

/// The outcomes of so many of the latest proposals are remembered, so that a proposal that comes twice is made once. One
/// that may be older than all of them is refused. Tests get to that sooner.
pub(crate) const REMEMBERED: usize = if cfg!(test) { 64 } else { 16 * 1024 };

/// The agreed state.
#[derive(Default)]
pub(crate) struct State {
    documents: Documents,
    recent: Recent,
    /// Every node id that was ever given away, and to which instance.
    nodes: BTreeMap<NodeId, u128>,
    applied: Index,
}

/// The outcomes of recent proposals.
#[derive(Default)]
struct Recent {
    by_id: HashMap<u128, Outcome>,
    by_place: BTreeMap<Place, u128>,
}

/// Where a proposal stands in the agreed order: its entry, and its place in the entry's group.
pub(crate) type Place = (Index, u32);

/// A copy of the state, which shares its documents. Lists are in the order of their keys.
#[derive(Debug, PartialEq)]
pub(crate) struct Frozen {
    pub(crate) documents: Listing,
    pub(crate) recent: Vec<(Place, u128, Outcome)>,
    pub(crate) nodes: Vec<(NodeId, u128)>,
    pub(crate) applied: Index,
}

impl State {
    pub(crate) fn applied(&self) -> Index {
        self.applied
    }

    pub(crate) fn documents(&self) -> &Documents {
        &self.documents
    }

    /// Says that everything up to `index` is applied, also where an entry held no command.
    pub(crate) fn advance(&mut self, index: Index) {
        self.applied = index;
    }

    /// Applies a command as the entry at `index`; answers with its outcome, and with what it has changed.
    pub(crate) fn apply(&mut self, index: Index, command: &Command) -> (Outcome, Vec<ChangedKey>) {
        self.applied = index;
        let mut changed = Vec::new();
        let outcome = match command {
            Command::Group(commands) => {
                let places = (0..).zip(commands);
                Outcome::Group(places.map(|(at, command)| self.apply_one((index, at), command, &mut changed)).collect())
            }
            command => self.apply_one((index, 0), command, &mut changed),
        };
        (outcome, changed)
    }

    fn apply_one(&mut self, place: Place, command: &Command, changed: &mut Vec<ChangedKey>) -> Outcome {
        match command {
            Command::Transact { id, since, transaction } => {
                if let Some(outcome) = self.recent.by_id.get(id) {
                    return outcome.clone();
                }
                if self.recent.may_have_forgotten(*since) {
                    return Outcome::Expired;
                }
                let (index, _) = place;
                let outcome = match self.violated(transaction) {
                    Some((condition, key)) => Outcome::Conflict { condition, key, index },
                    None => {
                        changed.extend(self.change(index, transaction));
                        Outcome::Committed { index }
                    }
                };
                self.recent.remember(place, *id, outcome.clone());
                outcome
            }
            Command::AllotNode { wanted, instance } => {
                let known = self.nodes.iter().find(|(_, known)| *known == instance).map(|(node, _)| *node);
                let free = self.nodes.last_key_value().map_or(1, |(last, _)| last.saturating_add(1));
                let node = wanted.or(known).unwrap_or(free);
                if *self.nodes.entry(node).or_insert(*instance) != *instance {
                    return Outcome::NodeTaken(node);
                }
                Outcome::Node(node)
            }
            // Groups are made of commands that are none.
            Command::Group(_) => Outcome::Nothing,
        }
    }

    /// Whether a node's number was given to this instance.
    pub(crate) fn is_allotted(&self, node: NodeId, instance: u128) -> bool {
        self.nodes.get(&node) == Some(&instance)
    }

    fn violated(&self, transaction: &Transaction) -> Option<(usize, String)> {
        let holds = |condition: &Condition| match condition {
            Condition::Exists(key) => self.documents.get(key).is_some(),
            Condition::Absent(key) => self.documents.get(key).is_none(),
            Condition::Revision(key, revision) => {
                self.documents.get(key).is_some_and(|document| document.revision == *revision)
            }
            Condition::Unchanged { prefix, at, count } => self.documents.unchanged(prefix, *at) == Some(*count),
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
                    self.documents.insert(&key, Document { revision: index, value: Bytes::copy_from_slice(value) });
                    changed.push(ChangedKey { key, kind: Kind::Put });
                }
                Change::Delete { key } => {
                    let key: Arc<str> = Arc::from(key.as_str());
                    if self.documents.remove(&key) {
                        changed.push(ChangedKey { key, kind: Kind::Deleted });
                    }
                }
                Change::DeletePrefix { prefix } => {
                    let keys: Vec<_> = self.documents.under(prefix).map(|(key, _)| key).collect();
                    for key in keys {
                        self.documents.remove(&key);
                        changed.push(ChangedKey { key, kind: Kind::Deleted });
                    }
                }
            }
        }
        changed
    }

    /// A copy to store or send; documents are shared, not copied.
    pub(crate) fn freeze(&self) -> Frozen {
        let recent = self.recent.by_place.iter();
        Frozen {
            documents: self.documents.freeze(),
            recent: recent.filter_map(|(place, id)| Some((*place, *id, self.recent.by_id.get(id)?.clone()))).collect(),
            nodes: self.nodes.iter().map(|(node, instance)| (*node, *instance)).collect(),
            applied: self.applied,
        }
    }

    /// Puts back the documents as they were stored.
    pub(crate) fn restore_documents(&mut self, documents: Documents) {
        self.documents = documents;
    }

    /// Puts back a remembered proposal as it was stored.
    pub(crate) fn restore_proposal(&mut self, place: Place, id: u128, outcome: Outcome) {
        self.recent.remember(place, id, outcome);
    }

    /// Puts back a node's number as it was stored.
    pub(crate) fn restore_node(&mut self, node: NodeId, instance: u128) {
        self.nodes.insert(node, instance);
    }
}

impl Recent {
    /// Whether a proposal that was made after this index may be one of those that had to go.
    fn may_have_forgotten(&self, since: Index) -> bool {
        // Nothing has gone while there is place; what has gone came before what is there, or with the oldest of it.
        let oldest = self.by_place.first_key_value().map_or(0, |((index, _), _)| *index);
        self.by_place.len() == REMEMBERED && since < oldest
    }

    /// Remembers an outcome, and forgets the oldest one where there are too many.
    fn remember(&mut self, place: Place, id: u128, outcome: Outcome) {
        self.by_id.insert(id, outcome);
        self.by_place.insert(place, id);
        if self.by_place.len() > REMEMBERED
            && let Some((_, id)) = self.by_place.pop_first()
        {
            self.by_id.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::Builder;

    fn thaw(frozen: Frozen) -> State {
        let mut state = State::default();
        let mut documents = Builder::default();
        frozen.documents.for_each(|found| documents.push(found));
        state.restore_documents(documents.finish());
        for (place, id, outcome) in frozen.recent {
            state.restore_proposal(place, id, outcome);
        }
        for (node, instance) in frozen.nodes {
            state.restore_node(node, instance);
        }
        state.advance(frozen.applied);
        state
    }

    fn transact(state: &mut State, id: u128, transaction: Transaction) -> Outcome {
        let index = state.applied() + 1;
        let since = state.applied();
        state.apply(index, &Command::Transact { id, since, transaction }).0
    }

    #[test]
    fn a_group_is_applied_in_its_order_and_each_command_once() {
        let mut state = State::default();
        let claim = |id, value: &str| Command::Transact {
            id,
            since: 0,
            transaction: Transaction::new().when(Condition::Absent("claim".into())).put("claim", value),
        };
        let group = Command::Group(vec![claim(1, "first"), claim(2, "second"), claim(1, "first")]);
        let (outcome, changed) = state.apply(5, &group);
        let conflict = Outcome::Conflict { condition: 0, key: "claim".into(), index: 5 };
        let won = Outcome::Committed { index: 5 };
        assert_eq!(outcome, Outcome::Group(vec![won.clone(), conflict, won]));
        assert_eq!(changed.len(), 1);
        assert_eq!(&*state.documents().get("claim").expect("claimed").value, b"first");
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
            assert_eq!(state.documents().get("left").is_some(), holds, "{condition:?}");
            assert_eq!(state.documents().get("right").is_some(), holds, "{condition:?}");
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
    fn a_proposal_that_comes_after_it_was_forgotten_is_not_made_again() {
        let mut state = State::default();
        let put = |id, since| Command::Transact { id, since, transaction: Transaction::new().put("a", "1") };
        assert_eq!(state.apply(1, &put(1, 0)).0, Outcome::Committed { index: 1 });
        for index in 2..=REMEMBERED as u64 {
            state.apply(index, &put(index.into(), index - 1));
        }
        assert_eq!(state.apply(100, &put(1, 0)).0, Outcome::Committed { index: 1 }, "it is remembered just yet");
        state.apply(101, &put(101, 100));
        assert_eq!(state.apply(102, &put(1, 0)).0, Outcome::Expired);
        assert_eq!(state.apply(103, &put(103, 1)).0, Outcome::Expired, "who knows");
        assert_eq!(state.apply(104, &put(104, 103)).0, Outcome::Committed { index: 104 });
    }

    #[test]
    fn a_state_survives_being_frozen() {
        let mut state = State::default();
        transact(&mut state, 1, Transaction::new().put("a", "1"));
        state.apply(2, &Command::AllotNode { wanted: None, instance: 5 });
        let mut thawed = thaw(state.freeze());
        assert_eq!(thawed.documents().get("a"), state.documents().get("a"));
        assert_eq!(transact(&mut thawed, 1, Transaction::new().put("a", "2")), Outcome::Committed { index: 1 });
        let again = |instance| Command::AllotNode { wanted: Some(1), instance };
        assert_eq!(thawed.apply(9, &again(5)).0, Outcome::Node(1));
        assert_eq!(thawed.apply(9, &again(6)).0, Outcome::NodeTaken(1));
    }

    #[test]
    fn only_so_many_proposals_are_remembered() {
        let mut recent = Recent::default();
        for index in 0..REMEMBERED as u64 + 10 {
            recent.remember((index, 0), u128::from(index), Outcome::Nothing);
        }
        assert_eq!(recent.by_id.len(), REMEMBERED);
        assert!(!recent.by_id.contains_key(&9));
    }
}
