//! What Raft's log is kept in: ordered keys and values.

use std::io;

/// A key and its value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// Writes and removals that are made together or not at all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch(pub(super) Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Batch {
    pub(crate) fn insert(&mut self, key: impl Into<Vec<u8>>, value: Vec<u8>) {
        self.0.push((key.into(), Some(value)));
    }

    pub(crate) fn remove(&mut self, key: impl Into<Vec<u8>>) {
        self.0.push((key.into(), None));
    }

    /// Bytes of keys and values.
    pub(crate) fn size(&self) -> usize {
        self.0.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum()
    }
}

/// Ordered keys and values on disk.
///
/// Batches reach the disk in their order: after a power cut there is some of them, from the first on without a gap, and
/// at least those that were applied before the last [`Engine::sync`] that returned.
pub(crate) trait Engine: Send + Sync + 'static {
    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>>;

    /// The pairs whose keys are at least `from` and less than `to`, in the order of keys.
    fn range<'a>(&'a self, from: &[u8], to: &[u8])
    -> Box<dyn DoubleEndedIterator<Item = io::Result<Pair>> + Send + 'a>;

    /// Makes all changes of a batch at once; later ones win over earlier ones.
    fn apply(&self, batch: Batch) -> io::Result<()>;

    /// Returns when everything that was applied before outlives a power cut. Not to be tried again when it fails: the
    /// kernel forgets the pages that it could not write, and a second sync would succeed over their loss.
    fn sync(&self) -> io::Result<()>;
}
