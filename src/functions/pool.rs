//! Which environments there are, and who may have one: the limits of the node and of each function.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::counts;
use super::environment::Environment;
use super::error::InvokeError;
use crate::model::function::FunctionName;

/// An environment that had no call for so long ends.
const IDLE: Duration = Duration::from_secs(600);

/// What an environment is an environment of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) name: FunctionName,
    /// The version's number, or `$LATEST`.
    pub(super) label: String,
    /// As which it was read: a change makes other environments.
    pub(super) revision: String,
}

/// The environments of a node.
pub(super) struct Pool {
    state: Mutex<State>,
    limit: usize,
    /// Environments that have calls or wait for them.
    seats: AtomicUsize,
    /// Processes, those that are about to end among them.
    processes: AtomicUsize,
    /// The packages that processes use, and how many use each.
    codes: Mutex<HashMap<String, usize>>,
}

#[derive(Default)]
struct State {
    /// Calls that are carried out, by function.
    busy: HashMap<FunctionName, usize>,
    /// Those that wait for a call, the one that had one last at the end.
    idle: HashMap<Key, Vec<(Environment, Instant)>>,
}

/// A call that is carried out; it counts until this is dropped.
pub(super) struct Turn {
    pool: Arc<Pool>,
    name: FunctionName,
}

/// An environment's place among those that the node may have.
pub(super) struct Seat(Arc<Pool>);

/// That a process runs, from before its start until after its end.
pub(super) struct Running {
    pool: Arc<Pool>,
    code: String,
}

impl Pool {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            limit,
            seats: AtomicUsize::new(0),
            processes: AtomicUsize::new(0),
            codes: Mutex::default(),
        })
    }

    /// Lets a call of a function in, if it may have one more.
    pub(super) fn enter(self: &Arc<Self>, name: &FunctionName, reserved: Option<u32>) -> Result<Turn, InvokeError> {
        let mut state = self.state.lock();
        let busy = state.busy.entry(name.clone()).or_default();
        if reserved.is_some_and(|most| *busy >= most as usize) {
            if *busy == 0 {
                state.busy.remove(name);
            }
            return Err(InvokeError::throttled("ReservedFunctionConcurrentInvocationLimitExceeded"));
        }
        *busy += 1;
        Ok(Turn { pool: Arc::clone(self), name: name.clone() })
    }

    /// An environment that waits for a call.
    pub(super) fn idle(&self, key: &Key) -> Option<Environment> {
        let mut state = self.state.lock();
        let waiting = state.idle.get_mut(key)?;
        // Those that have ended by themselves are no use.
        let found = std::iter::from_fn(|| waiting.pop()).map(|(environment, _)| environment).find(|it| !it.is_over());
        if waiting.is_empty() {
            state.idle.remove(key);
        }
        found
    }

    /// A place for one more environment; where there is none, the one that has been idle longest makes room.
    pub(super) fn seat(self: &Arc<Self>) -> Result<Seat, InvokeError> {
        let full = || InvokeError::throttled("ConcurrentInvocationLimitExceeded");
        let mut state = self.state.lock();
        // Those that are about to end may be as many again; more only if something keeps them from ending.
        if self.processes() >= 2 * self.limit {
            return Err(full());
        }
        if self.seats.load(Ordering::Acquire) >= self.limit {
            let since = |waiting: &Vec<(Environment, Instant)>| waiting.first().map(|(_, since)| *since);
            let oldest = state.idle.iter().min_by_key(|(_, waiting)| since(waiting)).map(|(key, _)| key.clone());
            let waiting = oldest.and_then(|key| state.idle.get_mut(&key)).ok_or_else(full)?;
            drop(waiting.remove(0));
            state.idle.retain(|_, waiting| !waiting.is_empty());
        }
        self.seats.fetch_add(1, Ordering::AcqRel);
        Ok(Seat(Arc::clone(self)))
    }

    /// Counts a process, and the package that it uses.
    pub(super) fn running(self: &Arc<Self>, code: &str) -> Running {
        *self.codes.lock().entry(code.to_owned()).or_default() += 1;
        counts::processes(self.processes.fetch_add(1, Ordering::AcqRel) + 1);
        Running { pool: Arc::clone(self), code: code.to_owned() }
    }

    /// Puts an environment back after its call.
    pub(super) fn put(&self, key: Key, environment: Environment) {
        self.state.lock().idle.entry(key).or_default().push((environment, Instant::now()));
    }

    /// What idle environments are of.
    pub(super) fn keys(&self) -> HashSet<Key> {
        self.state.lock().idle.keys().cloned().collect()
    }

    /// Ends the idle environments of these.
    pub(super) fn end(&self, keys: &[Key]) {
        let mut state = self.state.lock();
        for key in keys {
            state.idle.remove(key);
        }
    }

    /// Ends those that have been idle for long.
    pub(super) fn shrink(&self) {
        let now = Instant::now();
        let mut state = self.state.lock();
        state.idle.retain(|_, waiting| {
            waiting.retain(|(environment, since)| !environment.is_over() && now.duration_since(*since) < IDLE);
            !waiting.is_empty()
        });
    }

    /// Ends all that are idle; those that are busy end after their calls, when nothing is put back.
    pub(super) fn clear(&self) {
        self.state.lock().idle.clear();
    }

    /// The packages that processes use.
    pub(super) fn codes(&self) -> HashSet<String> {
        self.codes.lock().keys().cloned().collect()
    }

    /// How many processes there are.
    pub(super) fn processes(&self) -> usize {
        self.processes.load(Ordering::Acquire)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock();
        if let Some(busy) = state.busy.get_mut(&self.name) {
            *busy -= 1;
            if *busy == 0 {
                state.busy.remove(&self.name);
            }
        }
    }
}

/// Takes no lock: environments are dropped under the pool's.
impl Drop for Seat {
    fn drop(&mut self) {
        self.0.seats.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut codes = self.pool.codes.lock();
        if let Some(users) = codes.get_mut(&self.code) {
            *users -= 1;
            if *users == 0 {
                codes.remove(&self.code);
            }
        }
        counts::processes(self.pool.processes.fetch_sub(1, Ordering::AcqRel) - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_has_no_more_calls_than_are_reserved_for_it() {
        let pool = Pool::new(1);
        let (name, other) = (FunctionName::new("f"), FunctionName::new("g"));
        assert!(pool.enter(&name, Some(0)).is_err());
        let first = pool.enter(&name, Some(2)).expect("the first");
        let second = pool.enter(&name, Some(2)).expect("the second");
        let refused = pool.enter(&name, Some(2)).err().expect("no third");
        assert_eq!((refused.status, refused.reason), (429, Some("ReservedFunctionConcurrentInvocationLimitExceeded")));
        assert!(pool.enter(&other, None).is_ok());
        drop(first);
        assert!(pool.enter(&name, Some(2)).is_ok());
        drop(second);
        assert!(pool.state.lock().busy.is_empty());
    }

    #[test]
    fn a_node_has_no_more_processes_than_it_may() {
        let pool = Pool::new(1);
        let seat = pool.seat().expect("a seat");
        let refused = pool.seat().err().expect("no second");
        assert_eq!(refused.reason, Some("ConcurrentInvocationLimitExceeded"));
        drop(seat);
        assert!(pool.seat().is_ok());
        let processes = [pool.running("a"), pool.running("b")];
        assert!(pool.seat().is_err(), "two that do not end");
        assert_eq!((pool.processes(), pool.codes().len()), (2, 2));
        drop(processes);
        assert_eq!((pool.processes(), pool.codes()), (0, HashSet::new()));
    }
}
