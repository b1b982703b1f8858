//! What nodes tell each other, and deal with once however often it is told.
//!
//! A connection between nodes may break when a message has arrived and its answer is not back. Who asked then asks again,
//! in the same words; who has dealt with it remembers what it answered. How much is remembered has an end by itself, as
//! in the sessions of NFS (RFC 8881, 2.10.6): a sender has so many slots, each holds one message at a time, and the
//! receiver keeps the last answer of each. A message with a higher number says that the answer before was heard.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use turnpike_cluster::{Message, NodeId};

use super::here::Fault;
use super::lives::Lives;
use super::reach::reach;

/// Of each node so many series are remembered: the one that it uses, and what may still come of those before.
const SERIES: usize = 3;

/// Something that is to be dealt with once.
pub(super) trait Deed: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// Its name between nodes.
    const NAME: &'static str;
    /// What it is answered with.
    type Reply: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;
}

/// A deed, and which one it is.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Numbered<D> {
    /// Drawn at random when its sender began.
    series: u64,
    slot: u16,
    number: u64,
    deed: D,
}

impl<D: Deed> Message for Numbered<D> {
    const NAME: &'static str = D::NAME;
    /// Nothing, if a later one has been sent in its slot: then nobody waits for it.
    type Reply = Option<D::Reply>;
}

/// The slots that a node has for deeds of another one.
pub(super) struct Slots {
    series: u64,
    free: Mutex<Vec<Next>>,
    places: Arc<Semaphore>,
}

/// A slot with the number of its next deed.
#[derive(Clone, Copy)]
struct Next {
    slot: u16,
    number: u64,
}

/// A slot that is held for one deed.
pub(super) struct Slot {
    slots: Arc<Slots>,
    next: Next,
    _place: OwnedSemaphorePermit,
}

impl Slots {
    /// So many slots, of a series of their own.
    pub(super) fn new(count: u16) -> Arc<Self> {
        let free = (0..count).map(|slot| Next { slot, number: 0 }).collect();
        let places = Arc::new(Semaphore::new(count.into()));
        Arc::new(Self { series: rand::random(), free: Mutex::new(free), places })
    }

    /// A free slot, when there is one.
    pub(super) async fn wait(self: &Arc<Self>) -> Option<Slot> {
        self.hold(Arc::clone(&self.places).acquire_owned().await.ok()?)
    }

    /// A free slot, if there is one.
    pub(super) fn take(self: &Arc<Self>) -> Option<Slot> {
        self.hold(Arc::clone(&self.places).try_acquire_owned().ok()?)
    }

    fn hold(self: &Arc<Self>, place: OwnedSemaphorePermit) -> Option<Slot> {
        let next = self.free.lock().pop()?;
        Some(Slot { slots: Arc::clone(self), next, _place: place })
    }
}

impl Slot {
    /// Has a node deal with a deed. It is told again until it answers, or is dead.
    pub(super) async fn send<D: Deed>(self, lives: &Lives, node: NodeId, deed: D) -> Result<D::Reply, Fault> {
        let Next { slot, number } = self.next;
        let told = reach(lives, node, Numbered { series: self.slots.series, slot, number, deed }).await?;
        told.ok_or(Fault::Unknown)
    }
}

impl Drop for Slot {
    /// Whatever was sent by it: its next deed is another one.
    fn drop(&mut self) {
        let Next { slot, number } = self.next;
        self.slots.free.lock().push(Next { slot, number: number + 1 });
    }
}

/// What a node has last answered to others.
pub(super) struct Memory<D: Deed> {
    senders: Mutex<HashMap<NodeId, VecDeque<Remembered<D::Reply>>>>,
}

/// What is remembered of one series, by slot.
struct Remembered<R> {
    series: u64,
    slots: HashMap<u16, Dealt<R>>,
}

/// The last deed of a slot, which may still be under way.
struct Dealt<R> {
    number: u64,
    answer: Answer<R>,
}

/// An answer that may be waited for more than once.
type Answer<R> = Shared<BoxFuture<'static, R>>;

impl<D: Deed> Default for Memory<D> {
    fn default() -> Self {
        Self { senders: Mutex::default() }
    }
}

impl<D: Deed> Memory<D> {
    /// Deals with what a node has sent, unless that was done or is being done: the answer is the same then. Nothing, if
    /// nobody waits for one any more.
    pub(super) async fn deal<F>(&self, from: NodeId, told: Numbered<D>, deal: impl FnOnce(D) -> F) -> Option<D::Reply>
    where
        F: Future<Output = D::Reply> + Send + 'static,
    {
        let answer = self.answer(from, told, deal)?;
        Some(answer.await)
    }

    fn answer<F>(&self, from: NodeId, told: Numbered<D>, deal: impl FnOnce(D) -> F) -> Option<Answer<D::Reply>>
    where
        F: Future<Output = D::Reply> + Send + 'static,
    {
        let Numbered { series, slot, number, deed } = told;
        let mut senders = self.senders.lock();
        let slots = slots_of(senders.entry(from).or_default(), series);
        match slots.get(&slot) {
            Some(dealt) if dealt.number == number => return Some(Shared::clone(&dealt.answer)),
            Some(dealt) if dealt.number > number => return None,
            Some(_) | None => {}
        }
        let answer = deal(deed).boxed().shared();
        slots.insert(slot, Dealt { number, answer: Shared::clone(&answer) });
        Some(answer)
    }
}

/// The slots of a series; where it is new, the oldest of too many is forgotten.
fn slots_of<R>(remembered: &mut VecDeque<Remembered<R>>, series: u64) -> &mut HashMap<u16, Dealt<R>> {
    let place = remembered.iter().position(|one| one.series == series).unwrap_or_else(|| {
        if remembered.len() >= SERIES {
            remembered.pop_front();
        }
        remembered.push_back(Remembered { series, slots: HashMap::new() });
        remembered.len() - 1
    });
    &mut remembered[place].slots
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[derive(Clone, Serialize, Deserialize)]
    struct Add(u32);

    impl Deed for Add {
        const NAME: &'static str = "test/add";
        type Reply = u32;
    }

    fn told(series: u64, slot: u16, number: u64) -> Numbered<Add> {
        Numbered { series, slot, number, deed: Add(1) }
    }

    #[tokio::test]
    async fn what_is_told_again_is_answered_as_before_and_not_done_again() {
        let memory = Memory::<Add>::default();
        let sum = Arc::new(AtomicU32::new(0));
        for (from, series, slot, number, expected) in [
            (1, 7, 0, 0, Some(1)),
            (1, 7, 0, 0, Some(1)),
            (1, 7, 1, 0, Some(2)),
            (1, 7, 0, 1, Some(3)),
            (1, 7, 1, 0, Some(2)),
            // A straggler: a later one of its slot was sent, so the answer to it is known, or not wanted.
            (1, 7, 0, 0, None),
            // Another node, or the same one when it has begun anew.
            (2, 7, 0, 0, Some(4)),
            (1, 8, 0, 0, Some(5)),
            (1, 7, 0, 1, Some(3)),
            // Two more, and the oldest is forgotten.
            (1, 9, 0, 0, Some(6)),
            (1, 10, 0, 0, Some(7)),
            (1, 8, 0, 0, Some(5)),
            (1, 7, 0, 1, Some(8)),
        ] {
            let sum = Arc::clone(&sum);
            let add = |Add(more)| async move { sum.fetch_add(more, Ordering::Relaxed) + more };
            let found = memory.deal(from, told(series, slot, number), add).await;
            assert_eq!(found, expected, "{from} {series} {slot} {number}");
        }
    }

    #[tokio::test]
    async fn what_is_still_being_done_is_waited_for_by_all_who_have_told_it() {
        let memory = Memory::<Add>::default();
        let go = Arc::new(Notify::new());
        let wait = Arc::clone(&go);
        let slow = |Add(more): Add| async move {
            wait.notified().await;
            more
        };
        let first = memory.deal(1, told(7, 0, 0), slow);
        let again = memory.deal(1, told(7, 0, 0), |_| async { 99 });
        let (first, again, ()) = futures_util::join!(first, again, async { go.notify_one() });
        assert_eq!((first, again), (Some(1), Some(1)));
    }

    #[test]
    fn each_slot_counts_on_and_no_more_are_out_than_there_are() {
        let slots = Slots::new(2);
        let numbers = |held: &[Slot]| held.iter().map(|slot| slot.next.number).collect::<Vec<_>>();
        let mut held: Vec<_> = std::iter::from_fn(|| slots.take()).collect();
        assert_eq!(numbers(&held), [0, 0]);
        held.pop();
        held.extend(slots.take());
        assert_eq!(numbers(&held), [0, 1]);
        assert!(slots.take().is_none());
    }
}
