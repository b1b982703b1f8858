//! Closes a node's connections when the node stops: one after the other, so that their clients don't all come back to
//! the others at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{interval, timeout};

use super::super::line::{Line, Shut};
use super::super::registry::Registry;
use super::super::roll::Audience;

/// Connections are closed in portions, one after each of these pauses.
const TICK: Duration = Duration::from_millis(50);
/// Their `$disconnect`s may take so long, which is a little more than an integration may.
const LAST: Duration = Duration::from_secs(30);

impl Registry {
    /// Refuses new connections, closes those that there are with 1001 spread over a time, and returns when each has
    /// ended and its `$disconnect` has been run.
    pub async fn drain(&self, over: Duration) {
        self.begin_draining();
        let lines: Vec<Arc<dyn Line>> = self.stages().iter().flat_map(|roll| roll.lines(&Audience::All)).collect();
        if self.living() == 0 {
            return;
        }
        tracing::info!(connections = self.living(), ?over, "closing connections");
        let mut ticks = interval(TICK);
        for portion in lines.chunks(portion(lines.len(), over)) {
            ticks.tick().await;
            for line in portion {
                line.shut(Shut { code: 1001, reason: "Going away".into(), quietly: false }).await;
            }
        }
        // Those that were being opened meanwhile.
        for line in self.stages().iter().flat_map(|roll| roll.lines(&Audience::All)) {
            line.shut(Shut { code: 1001, reason: "Going away".into(), quietly: false }).await;
        }
        if timeout(LAST, self.empty()).await.is_err() {
            tracing::warn!(
                connections = self.living(),
                "connections are still being closed; the node stops all the same"
            );
        }
    }
}

/// So many connections are closed at a time.
fn portion(connections: usize, over: Duration) -> usize {
    let ticks = (over.as_millis() / TICK.as_millis()).max(1) as usize;
    connections.div_ceil(ticks).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_spread_over_the_time_that_there_is() {
        for (connections, seconds, expected) in
            [(100_000, 10, 500), (100, 10, 1), (1, 10, 1), (1000, 0, 1000), (0, 0, 1)]
        {
            assert_eq!(portion(connections, Duration::from_secs(seconds)), expected, "{connections} in {seconds} s");
        }
    }
}
