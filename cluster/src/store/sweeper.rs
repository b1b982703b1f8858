//! What is purged from the log goes little by little: a thousand removals at once would make every commit wait for them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::flusher::Flusher;
use super::keys;
use crate::Index;
use crate::disk::{self, Batch, Disk, Engine};

/// So many entries are removed at once.
const STEP: usize = 32;
/// Between two steps the disk is left to others for so long.
const PAUSE: Duration = Duration::from_millis(2);

/// The hand that tells the task how far it may go. The task ends when the last one is gone.
#[derive(Clone)]
pub(super) struct Sweeper {
    first: Arc<watch::Sender<Index>>,
}

impl Sweeper {
    /// Starts the task on the runtime that this is called on; it goes on with what a crash has left.
    pub(super) fn start(disk: Arc<dyn Disk>, engine: Arc<dyn Engine>, flusher: Flusher, first: Index) -> Self {
        let (sender, receiver) = watch::channel(first);
        tokio::spawn(run(disk, engine, flusher, receiver));
        Self { first: Arc::new(sender) }
    }

    /// Has everything before an entry removed.
    pub(super) fn sweep(&self, first: Index) {
        self.first.send_replace(first);
    }
}

async fn run(disk: Arc<dyn Disk>, engine: Arc<dyn Engine>, flusher: Flusher, mut first: watch::Receiver<Index>) {
    loop {
        let end = *first.borrow_and_update();
        loop {
            let engine = Arc::clone(&engine);
            match disk::work(&*disk, move || step(&*engine, end)).await {
                Ok(true) => {
                    // While a sync takes long more and more would be removed, and the next one take even longer.
                    if flusher.barrier().await.is_err() {
                        return;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(false) => break,
                Err(error) => {
                    // Nobody waits for it, and nothing is lost; a disk that is broken others will tell.
                    tracing::warn!(%error, "what was purged from the log stays on disk until the next start");
                    return;
                }
            }
            if first.has_changed().is_err() {
                return;
            }
        }
        if first.changed().await.is_err() {
            return;
        }
    }
}

/// Removes the first entries before `end`; says whether there may be more.
fn step(engine: &dyn Engine, end: Index) -> io::Result<bool> {
    let mut batch = Batch::default();
    let mut count = 0;
    for pair in engine.range(keys::ENTRIES.0, &keys::entry(end)).take(STEP) {
        batch.remove(pair?.0);
        count += 1;
    }
    if count > 0 {
        engine.apply(batch)?;
    }
    Ok(count == STEP)
}
