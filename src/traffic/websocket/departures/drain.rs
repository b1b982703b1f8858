//! Closes a node's connections when the node stops or is drained: one after the other, so that their clients don't all
//! come back to the others at once.

use std::time::Duration;

use tokio::time::{interval, timeout};

use super::super::line::Shut;
use super::super::registry::Registry;
use super::super::roll::Audience;

/// Connections are closed in portions, one after each of these pauses.
const TICK: Duration = Duration::from_millis(50);
/// Their `$disconnect`s may take so long, which is a little more than an integration may.
const LAST: Duration = Duration::from_secs(30);

impl Registry {
    /// Refuses new connections and closes those that there are, for a node that stops: it does not wait for ever.
    pub async fn drain(&self, over: Duration) {
        self.begin_draining();
        if timeout(over + LAST, self.close_all(over)).await.is_err() {
            tracing::warn!(
                connections = self.living(),
                "connections are still being closed; the node stops all the same"
            );
        }
    }

    /// Closes all connections with 1001, spread over a time, and returns when each has ended and its `$disconnect` has been
    /// run. Of several that do so the latest goes on, at its pace; none does when the node takes connections again.
    pub async fn close_all(&self, over: Duration) {
        let round = self.next_round();
        let connections = self.living();
        if connections == 0 {
            return;
        }
        tracing::info!(connections, ?over, "closing connections");
        let portion = portion(connections, over);
        let mut ticks = interval(TICK);
        while self.living() > 0 {
            ticks.tick().await;
            if !self.is_round(round) {
                return;
            }
            self.close(portion).await;
        }
    }

    /// Closes so many connections. Each is not found from then on, so that it is closed once.
    async fn close(&self, portion: usize) {
        let mut left = portion;
        for roll in self.stages() {
            for id in roll.ids(&Audience::All, None, left) {
                left -= 1;
                if let Some(line) = roll.leave(&id) {
                    line.shut(Shut::going_away()).await;
                }
            }
        }
    }
}

/// So many connections are closed at a time: where they are few, they are closed sooner than they need be.
fn portion(connections: usize, over: Duration) -> usize {
    let ticks = (over.as_millis() / TICK.as_millis()).max(1) as usize;
    connections.div_ceil(ticks).max(1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use parking_lot::Mutex;

    use super::super::super::line::tests::Silent;
    use super::super::super::line::{Description, Line, Undelivered};
    use super::super::super::registry::{Entrant, Presence};
    use super::*;
    use crate::model::connection::ConnectionId;
    use crate::model::id::{ApiId, StageName};
    use crate::traffic::execute::socket::Card;

    /// A connection that ends when it is told to.
    struct Closing {
        shut: Arc<AtomicUsize>,
        presence: Arc<Mutex<Option<Presence>>>,
    }

    impl Line for Closing {
        fn deliver(&self, _: Bytes) -> BoxFuture<'static, Result<(), Undelivered>> {
            std::future::ready(Ok(())).boxed()
        }

        fn describe(&self) -> BoxFuture<'static, Option<Description>> {
            std::future::ready(None).boxed()
        }

        fn card(&self) -> BoxFuture<'static, Option<Card>> {
            std::future::ready(None).boxed()
        }

        fn shut(&self, _: Shut) -> BoxFuture<'static, ()> {
            let (shut, presence) = (Arc::clone(&self.shut), Arc::clone(&self.presence));
            async move {
                shut.fetch_add(1, Ordering::Relaxed);
                presence.lock().take();
            }
            .boxed()
        }
    }

    #[test]
    fn connections_are_spread_over_the_time_that_there_is() {
        for (connections, seconds, expected) in
            [(100_000, 10, 500), (100, 10, 1), (1, 10, 1), (1000, 0, 1000), (0, 0, 1)]
        {
            assert_eq!(portion(connections, Duration::from_secs(seconds)), expected, "{connections} in {seconds} s");
        }
    }

    #[actix::test]
    async fn every_connection_is_closed_once_and_those_that_come_too_late_as_well() {
        let registry = Registry::default();
        let (api, stage) = (ApiId::new("a"), StageName::new("s"));
        let shut = Arc::new(AtomicUsize::new(0));
        let enter = || {
            let line = Closing { shut: Arc::clone(&shut), presence: Arc::default() };
            let id = ConnectionId::random(1);
            let entrant = Entrant { id, api: &api, stage: &stage, principal: None, groups: &[] };
            let presence = Arc::clone(&line.presence);
            *presence.lock() = Some(registry.enter(&entrant, line));
        };
        (0..100).for_each(|_| enter());
        registry.drain(Duration::from_millis(200)).await;
        assert_eq!((shut.load(Ordering::Relaxed), registry.living()), (100, 0));
        enter();
        registry.drain(Duration::ZERO).await;
        assert_eq!((shut.load(Ordering::Relaxed), registry.living()), (101, 0));
    }

    #[actix::test]
    async fn who_closes_connections_gives_way_to_who_does_so_later_and_to_the_end_of_it() {
        let registry = Registry::default();
        let (api, stage) = (ApiId::new("a"), StageName::new("s"));
        let enter = || {
            let entrant =
                Entrant { id: ConnectionId::random(1), api: &api, stage: &stage, principal: None, groups: &[] };
            registry.enter(&entrant, Silent)
        };
        // They never end: only giving way ends it.
        let _presences: Vec<_> = (0..3).map(|_| enter()).collect();
        registry.begin_draining();
        let slow = registry.close_all(Duration::from_secs(3600));
        let fast = async {
            let fast = registry.close_all(Duration::ZERO);
            let undo = async { registry.end_draining() };
            futures_util::join!(fast, undo);
        };
        futures_util::join!(slow, fast);
        assert!(registry.living() == 3 && !registry.is_draining());
        let _late = enter();
        let roll = registry.stage("a", "s").expect("the stage has connections");
        assert!(roll.count(&Audience::All) > 0, "connections are taken again");
    }
}
