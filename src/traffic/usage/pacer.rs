//! Rates across the cluster, as one node sees them: which node keeps a key's till, and what was drawn from it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until, timeout_at};
use turnpike_cluster::{Cluster, Message, SendError};

use super::limits::Pace;
use super::till::{Draw, LIFE, Seen, Till};
use super::view::View;
use super::waiting::Waiting;

/// A node that was silent for so long is taken for dead; nodes hear of each other twice a second. One whose machine says that
/// nobody listens is, as long as nothing is heard of it again.
const DEAD: Duration = Duration::from_millis(1500);
/// A node that keeps a till has so much time to answer.
const ANSWER: Duration = Duration::from_millis(300);
/// Where a till can't be reached, it is tried again after this time: another node may keep it then.
const AGAIN: Duration = Duration::from_millis(50);
/// A request waits at most so long for a till that can't be reached.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many requests wait for the same tokens at a time, at most.
const MAX_WAITING: usize = 10_000;
/// A node draws for so much time ahead, in seconds.
const AHEAD: f64 = 0.2;
/// So many tills are looked through at a time for those that idle.
const MANY: usize = 10_000;

/// Draws tokens for this node's callers, and keeps tills for all nodes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pacer(Arc<Inner>);

struct Inner {
    cluster: Cluster,
    started: Instant,
    /// Tells this process's tills from those of all others.
    own: u64,
    tills: Mutex<HashMap<String, Till>>,
    view: ArcSwap<View>,
    /// When nodes were last found to be gone.
    gone: Mutex<BTreeMap<u64, Instant>>,
}

/// One key's tokens on this node, for one of its rates.
pub(super) struct Allotment {
    /// The till's name, the same on all nodes.
    name: String,
    pace: Pace,
    prefers_serving: AtomicBool,
    tokens: AtomicU64,
    /// When they were drawn, in nanoseconds from the pacer's start.
    drawn: AtomicU64,
    /// Until when there is no use in asking for more.
    dry: AtomicU64,
    /// How many to ask for.
    wanted: AtomicU64,
    /// Whose till was drawn from last, what was left in it, and when.
    seen: Mutex<Option<(u64, f64, Instant)>>,
    is_asking: AtomicBool,
    asked: tokio::sync::Notify,
    waiting: AtomicUsize,
}

/// Let me have tokens.
#[derive(Serialize, Deserialize)]
struct AskDraw {
    name: String,
    held: u64,
    wanted: u64,
    rate: f64,
    burst: i64,
    /// Whether the plan's requests are rather served than refused where no majority can be reached.
    prefers_serving: bool,
    /// Whose till was drawn from last, and what was in it.
    seen: Option<(u64, Seen)>,
}

/// What was drawn.
#[derive(Default, Serialize, Deserialize)]
struct Drawn {
    tokens: u64,
    /// When to ask again.
    pause: Duration,
    /// Whose till it is, and what is left in it.
    till: u64,
    left: f64,
}

impl Message for AskDraw {
    const NAME: &'static str = "usage/draw";
    type Reply = Drawn;
}

impl Pacer {
    pub(super) fn new(cluster: &Cluster) -> Self {
        let view = View::new(vec![cluster.id()], 1);
        let pacer = Self(Arc::new(Inner {
            cluster: cluster.clone(),
            started: Instant::now(),
            own: rand::random(),
            tills: Mutex::default(),
            view: ArcSwap::from_pointee(view),
            gone: Mutex::default(),
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
        self.0.look();
        let now = self.0.started.elapsed();
        let mut tills = self.0.tills.lock();
        if tills.len() > MANY {
            tills.retain(|_, till| !till.is_idle(now));
        }
    }

    /// How many nodes there are.
    pub(super) fn nodes(&self) -> u64 {
        self.0.view.load().all() as u64
    }

    /// Takes a token of an allotment, of which it draws more where there are none. Where nobody can say whether there are
    /// any, it waits for a while.
    pub(super) async fn take(&self, allotment: &Allotment) -> bool {
        if allotment.take(self.0.now()) {
            return true;
        }
        let Some(_place) = Waiting::among(&allotment.waiting, MAX_WAITING) else { return false };
        let deadline = Instant::now() + PATIENCE;
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
            if let Some(_asking) = Asking::begin(allotment) {
                if self.fill(allotment).await.is_none() {
                    if Instant::now() + AGAIN > deadline {
                        return false;
                    }
                    sleep_until(Instant::now() + AGAIN).await;
                }
            } else if timeout_at(deadline, asked).await.is_err() {
                return false;
            }
        }
    }

    /// Draws tokens from wherever the till is; nothing, where that could not be asked.
    async fn fill(&self, allotment: &Allotment) -> Option<()> {
        let inner = &self.0;
        let before = inner.now();
        let lasted = before.saturating_sub(allotment.drawn.load(Ordering::Relaxed));
        let ask = AskDraw {
            name: allotment.name.clone(),
            held: allotment.tokens.load(Ordering::Acquire),
            wanted: allotment.size(Duration::from_nanos(lasted)),
            rate: allotment.pace.0,
            burst: allotment.pace.1,
            prefers_serving: allotment.prefers_serving.load(Ordering::Relaxed),
            seen: allotment.seen.lock().map(|(till, level, at)| (till, Seen { level, age: at.elapsed() })),
        };
        let keeper = inner.view.load().keeper(&allotment.name);
        let drawn = match keeper {
            own if own == inner.cluster.id() => inner.draw(own, &ask),
            other => {
                inner.cluster.send(other, ask, ANSWER).await.inspect_err(|error| inner.failed(other, error)).ok()?
            }
        };
        allotment.drawn.store(before, Ordering::Release);
        allotment.tokens.fetch_add(drawn.tokens, Ordering::AcqRel);
        let pause = u64::try_from(drawn.pause.as_nanos()).unwrap_or(u64::MAX);
        allotment.dry.store(inner.now().saturating_add(pause), Ordering::Release);
        *allotment.seen.lock() = Some((drawn.till, drawn.left, Instant::now()));
        Some(())
    }
}

impl Inner {
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn look(&self) {
        let members = self.cluster.member_ids();
        let gone = self.gone.lock().clone();
        let is_live = |node: &u64| {
            let silence = self.cluster.silence(*node).filter(|silence| *silence < DEAD);
            // Whoever was heard of since is back.
            silence.is_some_and(|silence| gone.get(node).is_none_or(|found| silence < found.elapsed()))
        };
        let mut live: Vec<u64> = members.iter().copied().filter(is_live).collect();
        let own = self.cluster.id();
        if !live.contains(&own) {
            live.push(own);
        }
        live.sort_unstable();
        if !self.view.load().is(&live, members.len()) {
            self.view.store(Arc::new(View::new(live, members.len().max(1))));
        }
    }

    /// A node that keeps a till did not answer. If its process has ended, another one keeps the till at once.
    fn failed(&self, node: u64, error: &SendError) {
        if error.is_gone() {
            self.gone.lock().insert(node, Instant::now());
            self.look();
        }
    }

    fn draw(&self, node: u64, ask: &AskDraw) -> Drawn {
        let now = self.started.elapsed();
        let elsewhere = ask.seen.filter(|(till, _)| *till != self.own).map(|(_, seen)| seen);
        let draw = Draw { node, held: ask.held, wanted: ask.wanted, pace: (ask.rate, ask.burst), elsewhere };
        let share = self.view.load().share(ask.prefers_serving);
        let mut tills = self.tills.lock();
        let till = tills.entry(ask.name.clone()).or_insert_with(|| Till::new(draw.pace, now));
        let (tokens, pause) = till.draw(&draw, share, now);
        Drawn { tokens, pause, till: self.own, left: till.level() }
    }
}

impl Allotment {
    pub(super) fn new(name: String, pace: Pace) -> Self {
        Self {
            name,
            pace,
            prefers_serving: AtomicBool::new(false),
            tokens: AtomicU64::new(0),
            drawn: AtomicU64::new(0),
            dry: AtomicU64::new(0),
            wanted: AtomicU64::new(1),
            seen: Mutex::default(),
            is_asking: AtomicBool::new(false),
            asked: tokio::sync::Notify::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// What its plan says of nodes that are cut off.
    pub(super) fn prefer_serving(&self, prefers: bool) {
        self.prefers_serving.store(prefers, Ordering::Relaxed);
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
