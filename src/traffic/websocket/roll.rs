//! The connections of one stage on one node, with the groups and principals that they have.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use super::line::{Line, Undelivered};
use crate::model::connection::ConnectionId;
use crate::model::id::{ApiId, StageName};
use crate::observe::connection_metrics::ConnectionMetrics;

/// A stage's connections are spread over so many shards, each with a lock of its own.
const SHARDS: usize = 16;
/// A connection is in so many groups at most.
pub(super) const MAX_GROUPS: usize = 64;
/// A group's name has so many bytes at most.
pub(super) const MAX_NAME: usize = 128;

/// The connections of one stage.
pub(super) struct Roll {
    pub(super) api: ApiId,
    pub(super) stage: StageName,
    metrics: ConnectionMetrics,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    entries: HashMap<ConnectionId, Entry>,
    groups: Members,
    principals: Members,
}

type Members = HashMap<Arc<str>, HashSet<ConnectionId>>;

/// What is kept of a connection: very little, because there are very many.
pub(super) struct Entry {
    line: Arc<dyn Line>,
    principal: Option<Arc<str>>,
    groups: Vec<Arc<str>>,
}

/// Which of a stage's connections are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Audience {
    All,
    /// Those in a group.
    Group(Box<str>),
    /// Those whose client an authorizer took for this one.
    Principal(Box<str>),
}

impl Entry {
    pub(super) fn new(line: impl Line) -> Self {
        Self { line: Arc::new(line), principal: None, groups: Vec::new() }
    }
}

impl Roll {
    pub(super) fn new(api: ApiId, stage: StageName) -> Self {
        let metrics = ConnectionMetrics::new(api.as_str(), stage.as_str());
        Self { api, stage, metrics, shards: Default::default() }
    }

    /// Where what happens to them is counted.
    pub(super) fn metrics(&self) -> &ConnectionMetrics {
        &self.metrics
    }

    pub(super) fn enter(&self, id: ConnectionId, mut entry: Entry, principal: Option<&str>) {
        let mut shard = self.shard(&id);
        entry.principal = principal.map(|principal| add(&mut shard.principals, principal, id));
        if shard.entries.insert(id, entry).is_none() {
            self.metrics.entered();
        }
    }

    /// Takes a connection away, with all that is known of it; answers with the way to its actor, if it was there.
    pub(super) fn leave(&self, id: &ConnectionId) -> Option<Arc<dyn Line>> {
        let mut shard = self.shard(id);
        let entry = shard.entries.remove(id)?;
        self.metrics.left();
        for group in &entry.groups {
            take(&mut shard.groups, group, id);
        }
        if let Some(principal) = &entry.principal {
            take(&mut shard.principals, principal, id);
        }
        Some(entry.line)
    }

    /// Whether the connection is in the group now: it is there, the name is one, and it is not in too many.
    pub(super) fn join(&self, id: &ConnectionId, group: &str) -> bool {
        if !is_name(group) {
            return false;
        }
        let shard = &mut *self.shard(id);
        let Some(entry) = shard.entries.get_mut(id) else { return false };
        if entry.groups.iter().any(|known| **known == *group) {
            return true;
        }
        if entry.groups.len() >= MAX_GROUPS {
            return false;
        }
        entry.groups.push(add(&mut shard.groups, group, *id));
        true
    }

    /// Whether the connection is there; then it is not in the group any more.
    pub(super) fn part(&self, id: &ConnectionId, group: &str) -> bool {
        let shard = &mut *self.shard(id);
        let Some(entry) = shard.entries.get_mut(id) else { return false };
        if let Some(at) = entry.groups.iter().position(|known| **known == *group) {
            let group = entry.groups.swap_remove(at);
            take(&mut shard.groups, &group, id);
        }
        true
    }

    /// The way to a connection's actor.
    pub(super) fn line(&self, id: &ConnectionId) -> Option<Arc<dyn Line>> {
        self.shard(id).entries.get(id).map(|entry| Arc::clone(&entry.line))
    }

    /// The groups that a connection is in, in the order of their names.
    pub(super) fn groups(&self, id: &ConnectionId) -> Vec<Box<str>> {
        let shard = self.shard(id);
        let groups = shard.entries.get(id).into_iter().flat_map(|entry| &entry.groups);
        let mut groups: Vec<Box<str>> = groups.map(|group| Box::from(&**group)).collect();
        groups.sort_unstable();
        groups
    }

    /// Puts frames into a connection's send queue. The lock is not held while that is waited for.
    pub(super) fn deliver(&self, id: &ConnectionId, frames: Bytes) -> BoxFuture<'static, Result<(), Undelivered>> {
        match self.line(id) {
            Some(line) => line.deliver(frames),
            None => Box::pin(std::future::ready(Err(Undelivered::Gone))),
        }
    }

    /// The ways to all who are meant.
    pub(super) fn lines(&self, audience: &Audience) -> Vec<Arc<dyn Line>> {
        let mut lines = Vec::with_capacity(self.count(audience));
        for shard in &self.shards {
            let shard = shard.lock();
            match shard.members(audience) {
                Some(members) => {
                    let entries = members.iter().filter_map(|id| shard.entries.get(id));
                    lines.extend(entries.map(|entry| Arc::clone(&entry.line)));
                }
                None => lines.extend(shard.entries.values().map(|entry| Arc::clone(&entry.line))),
            }
        }
        lines
    }

    /// How many are meant.
    pub(super) fn count(&self, audience: &Audience) -> usize {
        let of = |shard: &Mutex<Shard>| {
            let shard = shard.lock();
            shard.members(audience).map_or(shard.entries.len(), HashSet::len)
        };
        match audience {
            Audience::All => self.shards.iter().map(|shard| shard.lock().entries.len()).sum(),
            Audience::Group(_) | Audience::Principal(_) => self.shards.iter().map(of).sum(),
        }
    }

    /// The ids of those who are meant, from behind `after` on and in order, at most so many.
    pub(super) fn ids(&self, audience: &Audience, after: Option<ConnectionId>, most: usize) -> Vec<ConnectionId> {
        let is_later = |id: &&ConnectionId| after.is_none_or(|after| **id > after);
        let mut ids = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            match shard.members(audience) {
                Some(members) => ids.extend(members.iter().filter(is_later).copied()),
                None => ids.extend(shard.entries.keys().filter(is_later).copied()),
            }
        }
        if ids.len() > most {
            ids.select_nth_unstable(most);
            ids.truncate(most);
        }
        ids.sort_unstable();
        ids
    }

    fn shard(&self, id: &ConnectionId) -> MutexGuard<'_, Shard> {
        self.shards[id.spread() % SHARDS].lock()
    }
}

impl Shard {
    /// Those who are meant; nothing, if that is all.
    fn members(&self, audience: &Audience) -> Option<&HashSet<ConnectionId>> {
        static NOBODY: std::sync::LazyLock<HashSet<ConnectionId>> = std::sync::LazyLock::new(HashSet::new);
        match audience {
            Audience::All => None,
            Audience::Group(group) => Some(self.groups.get(&**group).unwrap_or(&NOBODY)),
            Audience::Principal(principal) => Some(self.principals.get(&**principal).unwrap_or(&NOBODY)),
        }
    }
}

/// Whether a text may be a group's name: not empty, not too long, and without control characters.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && !text.chars().any(char::is_control)
}

fn add(members: &mut Members, name: &str, id: ConnectionId) -> Arc<str> {
    let name = match members.get_key_value(name) {
        Some((name, _)) => Arc::clone(name),
        None => Arc::from(name),
    };
    members.entry(Arc::clone(&name)).or_default().insert(id);
    name
}

fn take(members: &mut Members, name: &str, id: &ConnectionId) {
    let Some(known) = members.get_mut(name) else { return };
    known.remove(id);
    if known.is_empty() {
        members.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::tests::Silent;
    use super::*;

    fn roll() -> (Roll, Vec<ConnectionId>) {
        let roll = Roll::new(ApiId::new("a"), StageName::new("s"));
        let ids: Vec<_> = (0..200).map(|_| ConnectionId::random(1)).collect();
        for (number, id) in ids.iter().enumerate() {
            roll.enter(*id, Entry::new(Silent), (number % 2 == 0).then_some("even"));
            roll.join(id, &format!("third-{}", number % 3));
        }
        (roll, ids)
    }

    #[test]
    fn who_is_meant_is_found_and_who_left_is_not() {
        let (roll, ids) = roll();
        let group = Audience::Group("third-0".into());
        let principal = Audience::Principal("even".into());
        for (audience, expected) in [
            (&Audience::All, 200),
            (&group, 67),
            (&principal, 100),
            (&Audience::Group("even".into()), 0),
            (&Audience::Principal("odd".into()), 0),
        ] {
            assert_eq!((roll.count(audience), roll.lines(audience).len()), (expected, expected), "{audience:?}");
        }
        for id in &ids[..100] {
            assert!(roll.leave(id).is_some());
            assert!(roll.leave(id).is_none() && roll.line(id).is_none() && !roll.join(id, "x"));
        }
        assert_eq!((roll.count(&Audience::All), roll.count(&group), roll.count(&principal)), (100, 33, 50));
        ids.iter().for_each(|id| drop(roll.leave(id)));
        let is_empty = |shard: &Mutex<Shard>| {
            let shard = shard.lock();
            shard.entries.is_empty() && shard.groups.is_empty() && shard.principals.is_empty()
        };
        assert!(roll.shards.iter().all(is_empty), "nothing is left of those who left");
    }

    #[test]
    fn groups_are_joined_once_and_left_and_there_are_not_too_many() {
        let (roll, ids) = roll();
        let id = &ids[0];
        assert!(roll.join(id, "third-0") && roll.join(id, "a") && roll.join(id, "a"));
        assert_eq!(roll.groups(id), ["a".into(), "third-0".into()]);
        assert!(roll.part(id, "a") && roll.part(id, "a") && roll.part(id, "never"));
        assert_eq!((roll.groups(id), roll.count(&Audience::Group("a".into()))), (vec!["third-0".into()], 0));
        for name in ["", "a\nb", &"x".repeat(MAX_NAME + 1)] {
            assert!(!roll.join(id, name), "{name}");
        }
        let joined = (0..2 * MAX_GROUPS).filter(|number| roll.join(id, &number.to_string())).count();
        assert_eq!(joined, MAX_GROUPS - 1);
    }

    #[test]
    fn ids_are_listed_in_order_page_after_page() {
        let (roll, mut ids) = roll();
        ids.sort_unstable();
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = roll.ids(&Audience::All, after, 30);
            let Some(last) = page.last() else { break };
            after = Some(*last);
            listed.extend(page);
        }
        assert_eq!(listed, ids);
        assert_eq!(roll.ids(&Audience::Principal("even".into()), None, 1000).len(), 100);
    }
}
