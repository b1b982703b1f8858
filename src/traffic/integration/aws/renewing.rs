//! Credentials that are fetched at their first use, kept, and renewed before they end.
//!
//! Whoever needs them while they are good reads them without waiting. One fetch is made at a time, apart from the requests
//! that wait for it, so that one which gives up does not end it. That there are none is remembered for a short while.

use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use super::Error;
use super::session::Session;
use crate::observe::clock::Clock;

/// Credentials are renewed so many seconds before they end, while those that there are still serve.
const AHEAD: i64 = 300;
/// Credentials are not used in their last seconds: a call takes its time, and clocks differ.
const LAST: i64 = 15;
/// So many seconds are between two fetches, at least: a failure is remembered for as long, and credentials that are short
/// of their end already when they come are not renewed at each request.
const PAUSE: i64 = 5;

/// Fetches credentials.
pub(super) type Fetch = Arc<dyn Fn() -> BoxFuture<'static, Result<Session, Error>> + Send + Sync>;

/// Credentials from one source. Cheap to clone.
#[derive(Clone)]
pub(super) struct Renewing(Arc<Inner>);

struct Inner {
    fetch: Fetch,
    clock: Clock,
    runtime: Handle,
    state: ArcSwap<State>,
    /// Held by whoever fetches.
    turn: Arc<Mutex<()>>,
}

#[derive(Default)]
struct State {
    session: Option<Arc<Session>>,
    /// Why the last fetch failed, if it did.
    failure: Option<Error>,
    /// When the last fetch was, in seconds since 1970.
    fetched: i64,
}

/// What can be done with the credentials that there are.
enum Found {
    Good(Arc<Session>),
    /// Good, and soon no more.
    Ending(Arc<Session>),
    Failed(Error),
    Nothing,
}

impl Renewing {
    /// None yet; fetches run in `runtime`.
    pub(super) fn new(fetch: Fetch, clock: Clock, runtime: Handle) -> Self {
        Self(Arc::new(Inner { fetch, clock, runtime, state: ArcSwap::default(), turn: Arc::default() }))
    }

    /// The credentials, fetched if there are none.
    pub(super) async fn get(&self) -> Result<Arc<Session>, Error> {
        match self.0.find() {
            Found::Good(session) => Ok(session),
            Found::Ending(session) => {
                if let Ok(turn) = Arc::clone(&self.0.turn).try_lock_owned() {
                    let inner = Arc::clone(&self.0);
                    self.0.runtime.spawn(async move {
                        inner.renew().await;
                        drop(turn);
                    });
                }
                Ok(session)
            }
            Found::Failed(error) => Err(error),
            Found::Nothing => {
                let inner = Arc::clone(&self.0);
                let waiting = self.0.runtime.spawn(async move { inner.wait().await });
                waiting.await.unwrap_or(Err(Error::Stopped))
            }
        }
    }
}

impl Inner {
    fn find(&self) -> Found {
        let now = self.clock.seconds();
        let state = self.state.load();
        let pauses = (0..PAUSE).contains(&(now - state.fetched));
        match (&state.session, &state.failure) {
            (Some(session), _) if left(session, now) > AHEAD => Found::Good(Arc::clone(session)),
            (Some(session), _) if left(session, now) > LAST && pauses => Found::Good(Arc::clone(session)),
            (Some(session), _) if left(session, now) > LAST => Found::Ending(Arc::clone(session)),
            (_, Some(error)) if pauses => Found::Failed(error.clone()),
            _ => Found::Nothing,
        }
    }

    /// Waits for its turn; whoever had it before may have left what is wanted.
    async fn wait(&self) -> Result<Arc<Session>, Error> {
        let _turn = self.turn.lock().await;
        if let Found::Nothing = self.find() {
            self.renew().await;
        }
        match self.find() {
            Found::Good(session) | Found::Ending(session) => Ok(session),
            Found::Failed(error) => Err(error),
            Found::Nothing => Err(Error::Stopped),
        }
    }

    async fn renew(&self) {
        let result = (self.fetch)().await;
        let fetched = self.clock.seconds();
        let result = result.and_then(|session| match left(&session, fetched) > LAST {
            true => Ok(session),
            false => Err(Error::NoCredentials("those that came have ended already".to_owned())),
        });
        let state = match result {
            Ok(session) => State { session: Some(Arc::new(session)), failure: None, fetched },
            Err(error) => {
                tracing::warn!(%error, "AWS credentials could not be fetched");
                State { session: self.state.load().session.clone(), failure: Some(error), fetched }
            }
        };
        self.state.store(Arc::new(state));
    }
}

/// For how many seconds more credentials are good.
fn left(session: &Session, now: i64) -> i64 {
    session.expires.map_or(i64::MAX, |expires| expires.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// Credentials that are good for 1000 s from when they are fetched, as the clock says; the key's name counts fetches.
    fn renewing(time: &Arc<AtomicI64>, fails: &Arc<AtomicI64>) -> Renewing {
        let now = Arc::clone(time);
        let clock = Clock::told_by(move || UNIX_EPOCH + Duration::from_secs(now.load(Ordering::SeqCst).unsigned_abs()));
        let (time, fails, count) = (Arc::clone(time), Arc::clone(fails), Arc::new(AtomicI64::new(0)));
        let fetch: Fetch = Arc::new(move || {
            let (time, fails, count) = (Arc::clone(&time), Arc::clone(&fails), Arc::clone(&count));
            Box::pin(async move {
                tokio::task::yield_now().await;
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                match fails.load(Ordering::SeqCst) {
                    0 => Ok(Session::new(number.to_string(), "s", None, Some(time.load(Ordering::SeqCst) + 1000))),
                    _ => Err(Error::NoCredentials(number.to_string())),
                }
            })
        });
        Renewing::new(fetch, clock, Handle::current())
    }

    #[tokio::test]
    async fn credentials_are_kept_and_renewed_before_they_end() {
        let (time, fails) = (Arc::new(AtomicI64::new(10_000)), Arc::new(AtomicI64::new(0)));
        let renewing = renewing(&time, &fails);
        let name = async || renewing.get().await.map(|session| session.access_key_id.clone());
        let at_once = futures_util::future::join_all((0..10).map(|_| renewing.get())).await;
        assert!(at_once.iter().all(|found| found.as_ref().is_ok_and(|session| session.access_key_id == "1")));
        // (seconds later, whether fetching fails, what is used at once, what after the fetch that this may begin)
        for (later, failing, first, then) in [
            (699, 0, "1", "1"),
            (1, 0, "1", "2"),
            (700, 1, "2", "2"),
            (1, 1, "2", "2"),
            (5, 0, "2", "4"),
            (5_000, 0, "5", "5"),
        ] {
            time.fetch_add(later, Ordering::SeqCst);
            fails.store(failing, Ordering::SeqCst);
            assert_eq!(name().await.ok().as_deref(), Some(first), "{later} s later");
            drop(renewing.0.turn.lock().await);
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            assert_eq!(name().await.ok().as_deref(), Some(then), "after that, {later} s later");
        }
    }

    #[tokio::test]
    async fn a_failure_is_remembered_for_a_while() {
        let (time, fails) = (Arc::new(AtomicI64::new(10_000)), Arc::new(AtomicI64::new(1)));
        let renewing = renewing(&time, &fails);
        for (later, failing, expected) in [(0, 1, Err("1")), (4, 0, Err("1")), (1, 1, Err("2")), (5, 0, Ok("3"))] {
            time.fetch_add(later, Ordering::SeqCst);
            fails.store(failing, Ordering::SeqCst);
            let found = renewing.get().await;
            let shown = match &found {
                Ok(session) => Ok(session.access_key_id.as_str()),
                Err(Error::NoCredentials(number)) => Err(number.as_str()),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(shown, expected, "{later} s later");
        }
    }
}
