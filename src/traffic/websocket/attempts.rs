//! Calls that AWS's SDKs make again by themselves, and which of them were heard before.
//!
//! After a timeout, a broken connection or an error of the server's an SDK tries again, though the message may be with its
//! client already. It says so: each call has an id, `amz-sdk-invocation-id`, and each attempt at it a number in
//! `amz-sdk-request`. So the node that has the connection remembers what it has sent for a while, and an attempt at the
//! same call by any way is answered and not sent. An attempt with the same number is another message: callers that make up
//! these fields, and always say the same, lose nothing.

use std::collections::HashMap;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::connection::ConnectionId;
use crate::traffic::message::Head;

/// So many calls are remembered at least, and twice as many at most: some five megabytes of them.
const REMEMBERED: usize = 32 * 1024;

/// One attempt at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempt {
    call: u128,
    number: u32,
}

impl Attempt {
    /// What a request says of itself; nothing, if no SDK has made it.
    pub(super) fn of(head: &Head) -> Option<Self> {
        let text = |name: &str| head.headers.last_text(name);
        Self::read(text("amz-sdk-invocation-id")?, text("amz-sdk-request")?)
    }

    fn read(call: &str, request: &str) -> Option<Self> {
        let number = request.split(';').find_map(|part| part.trim().strip_prefix("attempt="))?;
        Some(Self { call: Uuid::try_parse(call).ok()?.as_u128(), number: number.parse().ok()? })
    }
}

/// The calls whose messages were sent to connections of this node.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<Generations>);

/// Two generations: when the young one is full it becomes the old one, and what was old is forgotten.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Call, u32>,
    old: HashMap<Call, u32>,
}

/// A call for a connection.
type Call = (u128, ConnectionId);

impl Attempts {
    /// Whether another attempt at the same call has been sent.
    pub(super) fn is_sent(&self, attempt: Attempt, id: ConnectionId) -> bool {
        let generations = self.0.lock();
        let call = (attempt.call, id);
        let sent = generations.young.get(&call).or_else(|| generations.old.get(&call));
        sent.is_some_and(|number| *number != attempt.number)
    }

    /// An attempt has been sent.
    pub(super) fn sent(&self, attempt: Attempt, id: ConnectionId) {
        let mut generations = self.0.lock();
        if generations.young.len() >= REMEMBERED {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert((attempt.call, id), attempt.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_read_as_sdks_write_them() {
        let call = "2dbe56de-2516-4db8-9429-33fb62080e31";
        for (call, request, expected) in [
            (call, "attempt=1", Some(1)),
            (call, "attempt=2; max=5", Some(2)),
            (call, "ttl=20261130T225339Z; attempt=3; max=3", Some(3)),
            (call, "max=5", None),
            (call, "attempt=x", None),
            ("no id", "attempt=1", None),
        ] {
            assert_eq!(Attempt::read(call, request).map(|attempt| attempt.number), expected, "{call} {request}");
        }
    }

    #[test]
    fn another_attempt_at_a_call_that_was_sent_is_known_for_a_while() {
        let attempts = Attempts::default();
        let (id, other) = (ConnectionId::random(1), ConnectionId::random(1));
        let at = |call, number| Attempt { call, number };
        assert!(!attempts.is_sent(at(1, 1), id));
        attempts.sent(at(1, 1), id);
        for (attempt, id, expected) in
            [(at(1, 2), id, true), (at(1, 1), id, false), (at(2, 2), id, false), (at(1, 2), other, false)]
        {
            assert_eq!(attempts.is_sent(attempt, id), expected, "{attempt:?}");
        }
        let more = REMEMBERED as u128;
        for call in 2..=more + 1 {
            attempts.sent(at(call, 1), id);
        }
        assert!(attempts.is_sent(at(1, 2), id) && attempts.is_sent(at(more, 2), id));
        for call in more + 2..=2 * more + 1 {
            attempts.sent(at(call, 1), id);
        }
        assert!(!attempts.is_sent(at(1, 2), id) && attempts.is_sent(at(more + 1, 2), id));
        assert!(attempts.0.lock().young.len() <= REMEMBERED);
    }
}
