//! Which environments there are, and who may have one: the limits of the node and of each function.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
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
}

#[derive(Default)]
struct State {
    /// Processes, busy and idle.
    processes: usize,
    /// Calls that are carried out, by function.
    busy: HashMap<FunctionName, usize>,
    /// The packages that processes use, and how many use each.
    codes: HashMap<String, usize>,
    /// Those that wait for a call, the one that had one last at the end.
    idle: HashMap<Key, Vec<(Environment, Instant)>>,
}

/// A call that is carried out; it counts until this is dropped.
pub(super) struct Turn {
    pool: Arc<Pool>,
    name: FunctionName,
}

/// A process's place among those that the node may have.
pub(super) struct Seat {
    pool: Arc<Pool>,
    code: String,
}

impl Pool {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), limit })
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

    /// A place for one more process; where there is none, the one that has been idle longest makes room.
    pub(super) fn seat(self: &Arc<Self>, code: &str) -> Result<Seat, InvokeError> {
        let mut state = self.state.lock();
        if state.processes >= self.limit {
            let since = |waiting: &Vec<(Environment, Instant)>| waiting.first().map(|(_, since)| *since);
            let oldest = state.idle.iter().min_by_key(|(_, waiting)| since(waiting)).map(|(key, _)| key.clone());
            let key = oldest.ok_or_else(|| InvokeError::throttled("ConcurrentInvocationLimitExceeded"))?;
            let waiting = state.idle.get_mut(&key).into_iter();
            let gone: Vec<_> = waiting.map(|waiting| waiting.remove(0)).collect();
            state.idle.retain(|_, waiting| !waiting.is_empty());
            drop(gone);
        }
        state.processes += 1;
        *state.codes.entry(code.to_owned()).or_default() += 1;
        counts::processes(state.processes);
        Ok(Seat { pool: Arc::clone(self), code: code.to_owned() })
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
        self.state.lock().codes.keys().cloned().collect()
    }

    /// How many processes there are.
    pub(super) fn processes(&self) -> usize {
        self.state.lock().processes
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

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock();
        state.processes -= 1;
        if let Some(users) = state.codes.get_mut(&self.code) {
            *users -= 1;
            if *users == 0 {
                state.codes.remove(&self.code);
            }
        }
        counts::processes(state.processes);
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
        let seat = pool.seat("code").expect("a seat");
        let refused = pool.seat("code").err().expect("no second");
        assert_eq!(refused.reason, Some("ConcurrentInvocationLimitExceeded"));
        drop(seat);
        assert!(pool.seat("code").is_ok());
        assert_eq!((pool.processes(), pool.codes()), (0, HashSet::new()));
    }
}
