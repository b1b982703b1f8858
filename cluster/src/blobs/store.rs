//! The blobs on this node's disk, each a file whose name is its hash.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{BlobError, BlobId, MAX_BLOB};
use crate::disk::{self, Disk, File};

/// Files of blobs are called so, and then by the hash.
const NAME: &str = "blob-";
/// Bytes that nobody keeps stay for so long: they may be about to be kept.
const GRACE: Duration = Duration::from_secs(600);
/// So many bytes are read at a time.
const PIECE: usize = 64 * 1024;

/// A node's blobs.
pub(crate) struct Store {
    disk: Arc<dyn Disk>,
    /// Since when blobs are here that nobody keeps.
    unkept: Mutex<HashMap<BlobId, Instant>>,
}

impl Store {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, unkept: Mutex::default() }
    }

    /// Puts bytes on disk, and finds what they are called.
    pub(super) async fn write(&self, mut bytes: impl Read + Send + 'static) -> Result<(BlobId, u64), BlobError> {
        let mut file = self.disk.create("blob")?;
        let written = disk::work(&*self.disk, move || {
            let mut hash = Context::new(&SHA256);
            let (mut buffer, mut size) = (vec![0; PIECE], 0);
            loop {
                match bytes.read(&mut buffer)? {
                    0 => break,
                    count => {
                        size += count as u64;
                        if size > MAX_BLOB {
                            return Ok(None);
                        }
                        hash.update(&buffer[..count]);
                        file.write_all(&buffer[..count])?;
                    }
                }
            }
            Ok(Some((file, finish(hash), size)))
        });
        let (file, id, size) = written.await?.ok_or(BlobError::TooLarge)?;
        self.keep(file, id).await?;
        Ok((id, size))
    }

    /// Begins a blob that comes from elsewhere.
    pub(super) fn begin(&self) -> io::Result<File> {
        self.disk.create("blob")
    }

    /// Keeps a blob that came from elsewhere, if it is the one that it is said to be.
    pub(super) async fn finish(&self, mut file: File, id: BlobId) -> io::Result<()> {
        let checked = disk::work(&*self.disk, move || {
            file.seek(SeekFrom::Start(0))?;
            let mut hash = Context::new(&SHA256);
            let mut buffer = vec![0; PIECE];
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    count => hash.update(&buffer[..count]),
                }
            }
            if finish(hash) == id { Ok(file) } else { Err(disk::damaged("a blob from another node")) }
        });
        self.keep(checked.await?, id).await
    }

    async fn keep(&self, mut file: File, id: BlobId) -> io::Result<()> {
        file.call(&name(id));
        let disk = Arc::clone(&self.disk);
        disk::work(&*self.disk, move || disk.keep(file)).await
    }

    /// Opens a blob; `None` if it is not here.
    pub(super) fn open(&self, id: BlobId) -> io::Result<Option<(File, u64)>> {
        let Some(mut file) = self.disk.open(&name(id))? else { return Ok(None) };
        let size = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Some((file, size)))
    }

    /// Removes what nobody has kept for long; answers with what is kept and not here.
    pub(super) fn tidy(&self, kept: &[BlobId], now: Instant) -> io::Result<Vec<BlobId>> {
        let names = self.disk.names(NAME)?;
        let here: BTreeSet<BlobId> = names.iter().filter_map(|name| name[NAME.len()..].parse().ok()).collect();
        let kept: BTreeSet<BlobId> = kept.iter().copied().collect();
        let mut unkept = self.unkept.lock();
        unkept.retain(|id, _| here.contains(id) && !kept.contains(id));
        for id in here.difference(&kept) {
            if now.duration_since(*unkept.entry(*id).or_insert(now)) >= GRACE {
                self.disk.remove(&name(*id))?;
                unkept.remove(id);
            }
        }
        Ok(kept.difference(&here).copied().collect())
    }
}

fn name(id: BlobId) -> String {
    format!("{NAME}{id}")
}

fn finish(hash: Context) -> BlobId {
    let mut id = [0; 32];
    id.copy_from_slice(hash.finish().as_ref());
    BlobId(id)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::disk::memory::Platter;

    fn store() -> Store {
        Store::new(Arc::new(Platter::new(1, Duration::ZERO..Duration::ZERO).using()))
    }

    #[tokio::test]
    async fn a_blob_is_called_by_its_hash_and_is_what_it_was() {
        let store = store();
        let (id, size) = store.write(&b"abc"[..]).await.expect("written");
        // FIPS 180-2, appendix B.1.
        assert_eq!(id.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((size, id.to_string().parse::<BlobId>().ok()), (3, Some(id)));
        let (mut file, size) = store.open(id).expect("no error").expect("here");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("read");
        assert_eq!((text.as_str(), size), ("abc", 3));
        for wrong in ["", "ba78", &"g".repeat(64), &"A".repeat(64)] {
            assert!(wrong.parse::<BlobId>().is_err());
        }
    }

    #[tokio::test]
    async fn a_blob_that_is_not_what_it_is_said_to_be_is_not_kept() {
        let store = store();
        let (id, _) = store.write(&b"abc"[..]).await.expect("written");
        let other = Store::new(Arc::new(Platter::new(1, Duration::ZERO..Duration::ZERO).using()));
        let mut file = other.begin().expect("begun");
        file.write_all(b"abd").expect("written");
        assert!(other.finish(file, id).await.is_err());
        assert!(other.open(id).expect("no error").is_none());
        assert!(matches!(store.write(io::repeat(1).take(MAX_BLOB + 1)).await, Err(BlobError::TooLarge)));
    }

    #[tokio::test]
    async fn what_nobody_keeps_goes_after_a_while_and_what_is_missing_is_told() {
        let store = store();
        let (kept, _) = store.write(&b"kept"[..]).await.expect("written");
        let (loose, _) = store.write(&b"loose"[..]).await.expect("written");
        let missing = BlobId([7; 32]);
        let now = Instant::now();
        assert_eq!(store.tidy(&[kept, missing], now).expect("tidied"), [missing]);
        store.tidy(&[kept], now + GRACE / 2).expect("tidied");
        assert!(store.open(loose).expect("no error").is_some());
        // Kept in between: the time begins anew.
        store.tidy(&[kept, loose], now + GRACE).expect("tidied");
        store.tidy(&[kept], now + GRACE).expect("tidied");
        assert!(store.open(loose).expect("no error").is_some());
        store.tidy(&[kept], now + 2 * GRACE).expect("tidied");
        assert!(store.open(loose).expect("no error").is_none());
        assert!(store.open(kept).expect("no error").is_some());
    }
}
