//! Rates across the cluster, as one node sees them: which node keeps a key's till, and what was drawn from it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};
use turnpike_cluster::{Cluster, Message};

use super::limits::Pace;
use super::till::{Draw, LIFE, Till};

/// A node that was silent for so long is taken for dead; nodes hear of each other twice a second.
const DEAD: Duration = Duration::from_millis(1500);
/// A node that keeps a till and does not answer within this time is taken for cut off.
const PATIENCE: Duration = Duration::from_millis(300);
/// A node draws for so much time ahead, in seconds.
const AHEAD: f64 = 0.2;
/// Nodes that can't be reached have their part of a rate for so long; by then they have stopped using it.
const GRACE: Duration = Duration::from_secs(10);
/// A node that can't reach a majority goes on with its part of a rate for so long.
const ALONE: Duration = Duration::from_secs(7);
/// So many tills are looked through at a time for those that idle.
const MANY: usize = 10_000;

/// Draws tokens for this node's callers, and keeps tills for all nodes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pacer(Arc<Inner>);

struct Inner {
    cluster: Cluster,
    started: Instant,
    tills: Mutex<HashMap<String, Till>>,
    view: ArcSwap<View>,
}

/// The cluster as this node sees it.
#[derive(Clone, Debug, PartialEq)]
struct View {
    /// Nodes that answer, this one among them.
    live: Vec<u64>,
    /// Nodes that there are.
    all: usize,
    /// Since when this is so.
    since: Instant,
}

/// One key's tokens on this node, for one of its rates.
pub(super) struct Allotment {
    /// The till's name, the same on all nodes.
    name: String,
    pace: Pace,
    tokens: AtomicU64,
    /// When they were drawn, in nanoseconds from the pacer's start.
    drawn: AtomicU64,
    /// Until when there is no use in asking for more.
    dry: AtomicU64,
    /// How many to ask for.
    wanted: AtomicU64,
    is_asking: AtomicBool,
    asked: tokio::sync::Notify,
}

/// Let me have tokens.
#[derive(Serialize, Deserialize)]
struct AskDraw {
    name: String,
    held: u64,
    wanted: u64,
    rate: f64,
    burst: i64,
}

impl Message for AskDraw {
    const NAME: &'static str = "usage/draw";
    /// How many there are, and in how many microseconds to ask again.
    type Reply = (u64, u64);
}

impl Pacer {
    pub(super) fn new(cluster: &Cluster) -> Self {
        let view = View { live: vec![cluster.id()], all: 1, since: Instant::now() };
        let pacer = Self(Arc::new(Inner {
            cluster: cluster.clone(),
            started: Instant::now(),
            tills: Mutex::default(),
            view: ArcSwap::from_pointee(view),
        }));
        let keeper = Arc::downgrade(&pacer.0);
        cluster.receive(move |node, ask: AskDraw| {
            let drawn = keeper.upgrade().map(|inner| inner.draw(node, &ask)).unwrap_or_default();
            async move { drawn }
        });
        pacer
    }

    /// Sees who is there. Nobody is asked.
    pub(super) fn look(&self) {
        let members = self.0.cluster.member_ids();
        let is_live = |node: &u64| self.0.cluster.silence(*node).is_some_and(|silence| silence < DEAD);
        let mut live: Vec<u64> = members.iter().copied().filter(is_live).collect();
        let own = self.0.cluster.id();
        if !live.contains(&own) {
            live.push(own);
        }
        live.sort_unstable();
        let known = self.0.view.load();
        if known.live != live || known.all != members.len() {
            let view = View { live, all: members.len().max(1), since: Instant::now() };
            self.0.view.store(Arc::new(view));
        }
        let now = self.0.started.elapsed();
        let mut tills = self.0.tills.lock();
        if tills.len() > MANY {
            tills.retain(|_, till| !till.is_idle(now));
        }
    }

    /// How many nodes there are.
    pub(super) fn nodes(&self) -> u64 {
        self.0.view.load().all as u64
    }

    /// Takes a token of an allotment, of which it draws more where there are none.
    pub(super) async fn take(&self, allotment: &Allotment) -> bool {
        loop {
            if allotment.take(self.0.now()) {
                return true;
            }
            if self.0.now() < allotment.dry.load(Ordering::Acquire) {
                return false;
            }
            let asked = allotment.asked.notified();
            tokio::pin!(asked);
            asked.as_mut().enable();
            if let Some(asking) = Asking::begin(allotment) {
                self.fill(allotment).await;
                drop(asking);
            } else if timeout(PATIENCE, asked).await.is_err() {
                return false;
            }
        }
    }

    /// Draws tokens from wherever the till is.
    async fn fill(&self, allotment: &Allotment) {
        let inner = &self.0;
        let before = inner.now();
        let lasted = before.saturating_sub(allotment.drawn.load(Ordering::Relaxed));
        let ask = AskDraw {
            name: allotment.name.clone(),
            held: allotment.tokens.load(Ordering::Acquire),
            wanted: allotment.size(Duration::from_nanos(lasted)),
            rate: allotment.pace.0,
            burst: allotment.pace.1,
        };
        let keeper = inner.view.load().keeper(&allotment.name);
        let drawn = match keeper {
            own if own == inner.cluster.id() => Some(inner.draw(own, &ask)),
            other => inner.cluster.send(other, ask, PATIENCE).await.ok(),
        };
        // A keeper that does not answer is soon seen to be gone, and another takes its place.
        let (tokens, pause) = drawn.unwrap_or((0, PATIENCE.as_micros() as u64));
        allotment.drawn.store(before, Ordering::Release);
        allotment.tokens.fetch_add(tokens, Ordering::AcqRel);
        allotment.dry.store(inner.now().saturating_add(pause.saturating_mul(1000)), Ordering::Release);
    }
}

impl Inner {
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn draw(&self, node: u64, ask: &AskDraw) -> (u64, u64) {
        let now = self.started.elapsed();
        let draw = Draw { node, held: ask.held, wanted: ask.wanted, pace: (ask.rate, ask.burst) };
        let share = self.view.load().share();
        let mut tills = self.tills.lock();
        let till = tills.entry(ask.name.clone()).or_insert_with(|| Till::new(draw.pace, now));
        let (tokens, pause) = till.draw(&draw, share, now);
        (tokens, u64::try_from(pause.as_micros()).unwrap_or(u64::MAX))
    }
}

impl View {
    /// The node that keeps a till: the same for all that see the same nodes, and each has its part of them.
    fn keeper(&self, name: &str) -> u64 {
        let weight = |node: &u64| {
            // FNV-1a, because all releases must agree, and a last round that lets all bits count.
            let bytes = name.bytes().chain(node.to_le_bytes());
            let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
            let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
            hash ^ (hash >> 33)
        };
        self.live.iter().copied().max_by_key(weight).unwrap_or_default()
    }

    /// The part of a rate that is shared out among the nodes that this one sees. All parts together are never more than
    /// the whole: who is cut off has stopped before the others take its part.
    fn share(&self) -> f64 {
        let part = self.live.len() as f64 / self.all as f64;
        let has_majority = self.live.len() * 2 > self.all;
        match (has_majority, self.since.elapsed()) {
            (true, since) if since < GRACE => part.min(1.0),
            (true, _) => 1.0,
            (false, since) if since < ALONE => part,
            (false, _) => 0.0,
        }
    }
}

impl Allotment {
    pub(super) fn new(name: String, pace: Pace) -> Self {
        Self {
            name,
            pace,
            tokens: AtomicU64::new(0),
            drawn: AtomicU64::new(0),
            dry: AtomicU64::new(0),
            wanted: AtomicU64::new(1),
            is_asking: AtomicBool::new(false),
            asked: tokio::sync::Notify::new(),
        }
    }

    pub(super) fn pace(&self) -> Pace {
        self.pace
    }

    fn take(&self, now: u64) -> bool {
        // What is too old was given to others.
        if now.saturating_sub(self.drawn.load(Ordering::Acquire)) >= LIFE.as_nanos() as u64 {
            self.tokens.store(0, Ordering::Release);
            return false;
        }
        let fewer = |tokens: u64| tokens.checked_sub(1);
        self.tokens.fetch_update(Ordering::AcqRel, Ordering::Acquire, fewer).is_ok()
    }

    /// How many tokens to ask for, when the last ones lasted for so long: twice as many, or half.
    fn size(&self, lasted: Duration) -> u64 {
        let ahead = AHEAD;
        let before = self.wanted.load(Ordering::Relaxed);
        let wanted = match lasted.as_secs_f64() {
            short if short < ahead / 2.0 => before.saturating_mul(2),
            long if long > ahead * 2.0 => before / 2,
            _ => before,
        };
        let most = ((self.pace.0 * ahead) as u64).clamp(1, u64::try_from(self.pace.1).unwrap_or(1).max(1));
        let wanted = wanted.clamp(1, most);
        self.wanted.store(wanted, Ordering::Relaxed);
        wanted
    }
}

/// Somebody asks for more; the others wait.
struct Asking<'a>(&'a Allotment);

impl<'a> Asking<'a> {
    fn begin(allotment: &'a Allotment) -> Option<Self> {
        (!allotment.is_asking.swap(true, Ordering::AcqRel)).then_some(Self(allotment))
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.is_asking.store(false, Ordering::Release);
        self.0.asked.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(live: &[u64], all: usize) -> View {
        View { live: live.to_vec(), all, since: Instant::now() }
    }

    #[test]
    fn tills_are_spread_and_stay_where_they_are_when_others_go() {
        let names: Vec<String> = (0..3000).map(|number| format!("plan/key{number}/")).collect();
        let (all, fewer) = (view(&[1, 2, 3], 3), view(&[1, 3], 3));
        let mut kept = [0; 4];
        for name in &names {
            let keeper = all.keeper(name);
            kept[keeper as usize] += 1;
            if keeper != 2 {
                assert_eq!(fewer.keeper(name), keeper, "{name}");
            }
        }
        assert!(kept[1..].iter().all(|count| (700..1300).contains(count)), "{kept:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn parts_of_a_rate_are_never_more_than_the_whole() {
        for (one, other) in [(vec![1, 2], vec![3]), (vec![1, 2, 3], vec![4, 5]), (vec![1, 2], vec![3, 4])] {
            let all = one.len() + other.len();
            let (one, other) = (view(&one, all), view(&other, all));
            for _ in 0..30 {
                assert!(one.share() + other.share() <= 1.0, "{one:?} {other:?}");
                tokio::time::advance(Duration::from_secs(1)).await;
            }
            assert_eq!(other.share(), 0.0);
            assert_eq!(one.share(), if one.live.len() * 2 > all { 1.0 } else { 0.0 });
        }
        assert_eq!(view(&[1, 2, 3], 3).share(), 1.0);
    }

    #[test]
    fn allotments_grow_while_they_are_short() {
        let allotment = Allotment::new(String::new(), (100.0, 50));
        let sizes: Vec<u64> =
            [10, 10, 10, 10, 10, 200, 900, 900].map(|ms| allotment.size(Duration::from_millis(ms))).into();
        assert_eq!(sizes, [2, 4, 8, 16, 20, 20, 10, 5]);
        let slow = Allotment::new(String::new(), (0.1, 1));
        assert_eq!(slow.size(Duration::ZERO), 1);
    }
}
