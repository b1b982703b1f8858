//! What a node keeps on disk, behind traits: ordered keys and values, and files that are whole or not there.
//!
//! [`Directory`] is the real one, with sled in it. Tests have one in memory that forgets, at a power cut, what was not
//! synced; another engine takes sled's place by answering to the same tests.

mod directory;
mod engine;
mod file;
mod rewrite;
mod slate;
mod values;

#[cfg(test)]
pub(crate) mod memory;
mod sled;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

pub(crate) use directory::{Directory, STORES};
pub(crate) use engine::{Batch, Engine, Pair};
pub(crate) use file::{Contents, File};
pub(crate) use rewrite::{Growth, rewrite};
pub(crate) use slate::Slate;
pub(crate) use values::{damaged, pack, read, unpack, write};

/// A piece of work that waits for the disk.
pub(crate) type Work = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// Where a node keeps everything.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Opens a file to read it; `None` if there is no such file.
    fn open(&self, name: &str) -> io::Result<Option<File>>;

    /// Begins a file. It has its name only when it is [kept](Disk::keep); one that is not is forgotten.
    fn create(&self, name: &str) -> io::Result<File>;

    /// Puts a file in the place of its name. After a power cut there is the old one or the new one, whole.
    fn keep(&self, file: File) -> io::Result<()>;

    /// The files whose names begin so, in no order.
    fn names(&self, prefix: &str) -> io::Result<Vec<String>>;

    /// Removes a file. After a power cut it may be there again.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Opens a small file that is written over in place; of zeros if it is not there.
    fn slate(&self, name: &str, size: usize) -> io::Result<Box<dyn Slate>>;

    /// The ordered keys and values; made if they are not there.
    fn engine(&self) -> io::Result<Arc<dyn Engine>>;

    /// Bytes that the engine takes.
    fn engine_bytes(&self) -> u64;

    /// Begins another engine beside, with nothing in it. One that does not take the engine's place is forgotten when that
    /// is opened again.
    fn fresh_engine(&self) -> io::Result<Arc<dyn Engine>>;

    /// Puts the one beside, which was synced, in the engine's place, when nobody holds either any more. After a power cut
    /// there is the old one or the new one, whole.
    fn replace_engine(&self) -> io::Result<()>;

    /// Does what takes the disk's time where nobody's turn is held up by it.
    fn work(&self, work: Work) -> BoxFuture<'static, io::Result<()>>;

    /// What is done when the disk did not take what it was given: there is no going on, and no trying again.
    fn fail(&self, error: &io::Error);

    /// Bytes that everything takes.
    fn bytes(&self) -> u64;

    /// Bytes that a file takes; none if it is not there.
    fn size(&self, name: &str) -> u64;

    /// Bytes that are free; very many where that can't be known.
    fn free(&self) -> u64;
}

/// Has a disk do some work, for its result.
pub(crate) async fn work<T: Send + 'static>(
    disk: &dyn Disk,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (done, result) = oneshot::channel();
    let work = move || {
        let _ = done.send(work()?);
        Ok(())
    };
    disk.work(Box::new(work)).await?;
    result.await.map_err(io::Error::other)
}
