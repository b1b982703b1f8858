//! Clients that call one after the other, each for itself, for a time or until everything is done.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::task::LocalSet;

use super::client::Connection;
use super::{Answer, Call};
use crate::load::histogram::Histogram;

/// What came of it.
pub(crate) struct Tally {
    /// Calls that were answered well.
    pub(crate) answered: u64,
    /// From the first call until the last answer.
    pub(crate) elapsed: Duration,
    /// How long each call took.
    pub(crate) latencies: Histogram,
    /// The longest time in which no client got an answer.
    pub(crate) longest_gap: Duration,
}

impl Tally {
    /// Answers per second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }

    /// A quantile of the latencies, in milliseconds.
    pub(crate) fn milliseconds(&self, q: f64) -> f64 {
        self.latencies.quantile(q).as_secs_f64() * 1000.0
    }
}

/// Has every client make the call that `next` gives for a number that is counted up over all of them, until `next` has
/// no more. The first failure ends everything: these clusters are whole, and nothing may fail.
pub(crate) async fn run(clients: &[Connection], next: impl Fn(u64) -> Option<Call> + 'static) -> anyhow::Result<Tally> {
    let begin = Instant::now();
    let shared = Rc::new(Shared {
        next: Box::new(next),
        number: Cell::new(0),
        tally: RefCell::new(Tally {
            answered: 0,
            elapsed: Duration::ZERO,
            latencies: Histogram::default(),
            longest_gap: Duration::ZERO,
        }),
        last: Cell::new(begin),
    });
    let set = LocalSet::new();
    let working: Vec<_> =
        clients.iter().map(|client| set.spawn_local(work(client.clone(), Rc::clone(&shared)))).collect();
    let finished = async {
        for client in working {
            client.await.context("a client ended")??;
        }
        anyhow::Ok(())
    };
    set.run_until(finished).await?;
    drop(set);
    let shared = Rc::try_unwrap(shared).ok().context("a client still runs")?;
    let mut tally = shared.tally.into_inner();
    tally.elapsed = begin.elapsed();
    Ok(tally)
}

struct Shared {
    next: Box<dyn Fn(u64) -> Option<Call>>,
    number: Cell<u64>,
    tally: RefCell<Tally>,
    /// When the last answer came.
    last: Cell<Instant>,
}

async fn work(client: Connection, shared: Rc<Shared>) -> anyhow::Result<()> {
    loop {
        let number = shared.number.replace(shared.number.get() + 1);
        let Some(call) = (shared.next)(number) else { return Ok(()) };
        let begin = Instant::now();
        let answer = client.call(&call).await?;
        anyhow::ensure!(answer != Answer::Value(None), "a key that was written is not there: {call:?}");
        let now = Instant::now();
        let mut tally = shared.tally.borrow_mut();
        tally.answered += 1;
        tally.latencies.record(now - begin);
        tally.longest_gap = tally.longest_gap.max(now - shared.last.replace(now));
    }
}
