//! The door of the cluster's port: how many may stand before it, how many are let in, and what is told of the refused.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

/// Handshakes in progress at a time. When one more begins, the oldest is given up: who has the papers is through in a
/// moment, and strangers who keep silent can't keep anybody out.
const HANDSHAKES: usize = 128;
/// Connections of nodes at a time.
const NODES: usize = 1024;
/// Connections of holders of join tokens at a time.
const TICKETS: usize = 8;
/// Of the refusals of one address one is told in so much time.
const TOLD_AGAIN: Duration = Duration::from_secs(60);
/// So many addresses are told of in that time.
const ADDRESSES: usize = 256;

/// Who is at the door and who is inside.
pub(super) struct Door {
    before: Mutex<Before>,
    nodes: Arc<Semaphore>,
    tickets: Arc<Semaphore>,
    told: Mutex<HashMap<IpAddr, Instant>>,
}

/// Those who have yet to prove themselves, in the order in which they came.
#[derive(Default)]
struct Before {
    next: u64,
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
}

/// The place of one that has yet to prove itself.
pub(super) struct Step {
    door: Arc<Door>,
    number: u64,
    lost: oneshot::Receiver<()>,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            before: Mutex::default(),
            nodes: Arc::new(Semaphore::new(NODES)),
            tickets: Arc::new(Semaphore::new(TICKETS)),
            told: Mutex::default(),
        }
    }
}

impl Door {
    /// Gives one more a place before the door.
    pub(super) fn step(self: &Arc<Self>) -> Step {
        let mut before = self.before.lock();
        let number = before.next;
        before.next += 1;
        if before.waiting.len() >= HANDSHAKES {
            before.waiting.pop_first();
        }
        let (kept, lost) = oneshot::channel();
        before.waiting.insert(number, kept);
        Step { door: Arc::clone(self), number, lost }
    }

    /// A place inside for a node.
    pub(super) fn node(&self) -> io::Result<OwnedSemaphorePermit> {
        inside(&self.nodes)
    }

    /// A place inside for the holder of a join token.
    pub(super) fn ticket(&self) -> io::Result<OwnedSemaphorePermit> {
        inside(&self.tickets)
    }

    /// Tells of a refusal; the log hears of each address once in a while, however often it comes.
    pub(super) fn refuse(&self, from: IpAddr, error: &io::Error) {
        if self.is_news(from, Instant::now()) {
            tracing::warn!(%from, %error, "refused a connection to the cluster's port; more of them are not told for a while");
        } else {
            tracing::debug!(%from, %error, "refused a connection to the cluster's port");
        }
    }

    fn is_news(&self, from: IpAddr, now: Instant) -> bool {
        let mut told = self.told.lock();
        let recent = |at: &Instant| now.duration_since(*at) < TOLD_AGAIN;
        if told.get(&from).is_some_and(recent) {
            return false;
        }
        if told.len() >= ADDRESSES {
            told.retain(|_, at| recent(at));
        }
        let news = told.len() < ADDRESSES;
        if news {
            told.insert(from, now);
        }
        news
    }
}

fn inside(places: &Arc<Semaphore>) -> io::Result<OwnedSemaphorePermit> {
    Arc::clone(places)
        .try_acquire_owned()
        .map_err(|_| io::Error::new(io::ErrorKind::QuotaExceeded, "there are too many connections"))
}

impl Step {
    /// Waits until the place was given to another.
    pub(super) async fn lost(&mut self) {
        let _ = (&mut self.lost).await;
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.door.before.lock().waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn the_oldest_makes_room_for_the_newest() {
        let door = Arc::new(Door::default());
        let mut steps: Vec<Step> = (0..=HANDSHAKES).map(|_| door.step()).collect();
        let lost: Vec<bool> = steps.iter_mut().map(|step| step.lost().now_or_never().is_some()).collect();
        assert!(lost[0] && !lost[1..].contains(&true));
        drop(steps);
        assert!(door.before.lock().waiting.is_empty());
    }

    #[test]
    fn an_address_is_told_of_once_in_a_while_and_not_too_many_are() {
        let door = Door::default();
        let address = |number: u32| IpAddr::from(number.to_be_bytes());
        let now = Instant::now();
        assert!(door.is_news(address(0), now));
        assert!(!door.is_news(address(0), now));
        let told = (0..10_000).filter(|number| door.is_news(address(*number), now)).count();
        assert_eq!(told, ADDRESSES - 1);
        let later = now + TOLD_AGAIN;
        assert!(door.is_news(address(0), later) && door.is_news(address(9_999), later));
    }
}
