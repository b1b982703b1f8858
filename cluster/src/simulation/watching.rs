//! Watches: on every node one that reads the feed from its start, and what all of them must agree on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::world::World;
use crate::Index;
use crate::cluster::Cluster;
use crate::feed::{ChangedKey, WatchError};

/// What was seen of the changes, by all watches together.
#[derive(Default)]
pub(super) struct Changes {
    seen: Mutex<BTreeMap<Index, Vec<ChangedKey>>>,
    /// From where to where a watch has seen everything.
    spans: Mutex<Vec<Span>>,
    restarts: AtomicU64,
}

struct Span {
    node: u64,
    after: Index,
    indices: Vec<Index>,
}

/// Watches a node until it stops.
pub(super) fn start(world: &Arc<World>, cluster: &Cluster) {
    let (world, cluster) = (Arc::clone(world), cluster.clone());
    let mut after = cluster.read(|view| view.index());
    let node = cluster.id();
    let mut watch = cluster.watch(after);
    drop(cluster);
    tokio::spawn(async move {
        let mut span = world.changes.begin(node, after);
        loop {
            match watch.next().await {
                Ok(changed) => {
                    if changed.index <= after {
                        world.broken.lock().push(format!("node {node} saw {} after {after}", changed.index));
                    }
                    after = changed.index;
                    if let Err(broken) = world.changes.see(span, changed.index, changed.keys.to_vec()) {
                        world.broken.lock().push(format!("node {node}: {broken}"));
                    }
                }
                Err(WatchError::Lagged { resume_at }) => {
                    world.tell(|| format!("node {node}'s watch begins anew at {resume_at}"));
                    world.changes.restarts.fetch_add(1, Ordering::Relaxed);
                    let Some(cluster) = world.nodes().into_iter().find(|cluster| cluster.id() == node) else { return };
                    watch = cluster.watch(resume_at);
                    after = resume_at;
                    span = world.changes.begin(node, after);
                }
                Err(WatchError::Stopped) => return,
            }
        }
    });
}

impl Changes {
    fn begin(&self, node: u64, after: Index) -> usize {
        let mut spans = self.spans.lock();
        spans.push(Span { node, after, indices: Vec::new() });
        spans.len() - 1
    }

    fn see(&self, span: usize, index: Index, keys: Vec<ChangedKey>) -> Result<(), String> {
        self.spans.lock()[span].indices.push(index);
        let mut seen = self.seen.lock();
        let known = seen.entry(index).or_insert_with(|| keys.clone());
        if *known == keys { Ok(()) } else { Err(format!("{index} changed {keys:?}, and elsewhere {known:?}")) }
    }

    /// How often a watch had to begin anew.
    pub(super) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Whether every watch has seen everything between its first and its last change.
    pub(super) fn check(&self) -> Result<(), String> {
        let seen = self.seen.lock();
        for Span { node, after, indices } in self.spans.lock().iter() {
            let Some(last) = indices.last() else { continue };
            let expected: Vec<Index> = seen.range(after + 1..=*last).map(|(index, _)| *index).collect();
            if *indices != expected {
                return Err(format!("node {node}'s watch after {after} saw {indices:?} and not {expected:?}"));
            }
        }
        Ok(())
    }
}
