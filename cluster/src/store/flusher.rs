//! On disk means synced: one task that makes everything written so far outlive a power cut, for all who wait.
//!
//! What comes while one sync runs waits for the next, which is then for all of them.

use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::reach::Reach;
use crate::disk::{Disk, Engine};

/// So many waiters may queue before writers wait for the disk.
const QUEUE: usize = 4096;

/// Somebody who waits for what was written before.
type Waiter = Box<dyn FnOnce() + Send>;

/// The hand that wakes the task. The task ends when the last one is gone.
#[derive(Clone)]
pub(super) struct Flusher {
    waiters: mpsc::Sender<Waiter>,
}

impl Flusher {
    /// Starts the task on the runtime that this is called on.
    pub(super) fn start(disk: Arc<dyn Disk>, engine: Arc<dyn Engine>, reach: Arc<Reach>) -> Self {
        let (waiters, queue) = mpsc::channel(QUEUE);
        tokio::spawn(run(disk, engine, reach, queue));
        Self { waiters }
    }

    /// Calls `then` once all that is written now is on disk.
    pub(super) async fn after(&self, then: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.waiters.send(Box::new(then)).await.map_err(|_| ended())
    }

    /// Waits until all that is written now is on disk.
    pub(super) async fn barrier(&self) -> io::Result<()> {
        let (done, waiting) = oneshot::channel();
        self.after(move || {
            let _ = done.send(());
        })
        .await?;
        waiting.await.map_err(|_| ended())
    }
}

fn ended() -> io::Error {
    io::Error::other("the disk did not take what was written")
}

async fn run(disk: Arc<dyn Disk>, engine: Arc<dyn Engine>, reach: Arc<Reach>, mut queue: mpsc::Receiver<Waiter>) {
    while let Some(first) = queue.recv().await {
        let mut group = vec![first];
        while group.len() < QUEUE
            && let Ok(next) = queue.try_recv()
        {
            group.push(next);
        }
        let (engine, reach) = (Arc::clone(&engine), Arc::clone(&reach));
        let sync = move || {
            let begun = reach.begin();
            engine.sync()?;
            reach.synced(begun)
        };
        if let Err(error) = disk.work(Box::new(sync)).await {
            disk.fail(&error);
            return;
        }
        for waiter in group {
            waiter();
        }
    }
}
