//! A small file that is written over in place, for what changes often and may be old after a power cut.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;

/// A file of a fixed size. What is written within one sector is there whole or not at all.
pub(crate) trait Slate: Send + Sync {
    /// All its bytes.
    fn all(&self) -> io::Result<Vec<u8>>;

    /// Writes over some. A power cut may take it back.
    fn put(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written outlive a power cut.
    fn keep(&self) -> io::Result<()>;
}

impl Slate for fs::File {
    fn all(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.metadata()?.len() as usize];
        self.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    fn put(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn keep(&self) -> io::Result<()> {
        self.sync_all()
    }
}
