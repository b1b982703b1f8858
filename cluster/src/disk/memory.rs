//! A disk in memory, for tests: it forgets what was not synced when its power is cut, and takes time like a real one.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Batch, Contents, Disk, Engine, File, Pair, Slate, Work};

/// How long the disk takes for what it is waited for.
pub(crate) type Delay = std::ops::Range<Duration>;

/// What outlives the process that uses it.
#[derive(Clone)]
pub(crate) struct Platter {
    kept: Arc<Mutex<Kept>>,
}

struct Kept {
    files: BTreeMap<String, Vec<u8>>,
    /// As they are synced, and as they are seen.
    slates: BTreeMap<String, (Vec<u8>, Vec<u8>)>,
    engine: Stored,
    /// An engine that is begun, to take the other's place.
    fresh: Stored,
    /// Counts the uses; a disk whose use is over takes nothing any more.
    using: u64,
    /// After so many more writes the power is cut.
    fuse: Option<u64>,
    free: u64,
    random: StdRng,
    delay: Delay,
}

/// What is kept of an engine.
#[derive(Default)]
struct Stored {
    pairs: Pairs,
    /// Batches that are not synced yet, oldest first.
    pending: Vec<Batch>,
    /// Bytes that were ever written to it: it gives no room back.
    written: u64,
}

#[derive(Clone, Default)]
struct Pairs(BTreeMap<Vec<u8>, Vec<u8>>);

/// A disk in use, from its opening to the next power cut.
#[derive(Clone)]
pub(crate) struct Memory {
    platter: Platter,
    using: u64,
    /// What the process sees: everything, synced or not.
    seen: Arc<Mutex<Pairs>>,
    /// The same of the engine that is begun.
    fresh: Arc<Mutex<Pairs>>,
}

/// An engine of a disk in use.
struct Opened {
    disk: Memory,
    is_fresh: bool,
}

impl Pairs {
    fn apply(&mut self, batch: &Batch) {
        for (key, value) in &batch.0 {
            match value {
                Some(value) => self.0.insert(key.clone(), value.clone()),
                None => self.0.remove(key),
            };
        }
    }
}

impl Platter {
    pub(crate) fn new(seed: u64, delay: Delay) -> Self {
        let kept = Kept {
            files: BTreeMap::new(),
            slates: BTreeMap::new(),
            engine: Stored::default(),
            fresh: Stored::default(),
            using: 0,
            fuse: None,
            free: u64::MAX,
            random: StdRng::seed_from_u64(seed),
            delay,
        };
        Self { kept: Arc::new(Mutex::new(kept)) }
    }

    /// Cuts the power: of what was not synced some is there, from the oldest on, or nothing. Whoever used the disk until
    /// now can do so no more.
    pub(crate) fn cut(&self) {
        self.kept.lock().cut();
    }

    /// Cuts the power when so much more was done with the disk.
    pub(crate) fn cut_after(&self, count: u64) {
        self.kept.lock().fuse = Some(count);
    }

    /// Says how many bytes are free.
    pub(crate) fn set_free(&self, bytes: u64) {
        self.kept.lock().free = bytes;
    }

    /// Says how long the disk takes from now on.
    pub(crate) fn set_delay(&self, delay: Delay) {
        self.kept.lock().delay = delay;
    }

    /// Uses the disk, from what it kept.
    pub(crate) fn using(&self) -> Memory {
        let mut kept = self.kept.lock();
        kept.using += 1;
        kept.fuse = None;
        let seen = Arc::new(Mutex::new(kept.engine.pairs.clone()));
        Memory { platter: self.clone(), using: kept.using, seen, fresh: Arc::default() }
    }
}

impl Kept {
    fn cut(&mut self) {
        let Self { engine, slates, random, .. } = self;
        let survive = random.random_range(0..=engine.pending.len());
        for batch in std::mem::take(&mut engine.pending).iter().take(survive) {
            engine.pairs.apply(batch);
        }
        for (synced, seen) in slates.values_mut() {
            // The kernel may have written it, or not.
            if random.random() { synced.clone_from(seen) } else { seen.clone_from(synced) }
        }
        self.using += 1;
    }

    fn stored(&mut self, is_fresh: bool) -> &mut Stored {
        if is_fresh { &mut self.fresh } else { &mut self.engine }
    }
}

impl Memory {
    /// What the disk keeps, if this use of it is not over.
    fn kept<T>(&self, with: impl FnOnce(&mut Kept) -> T) -> io::Result<T> {
        let mut kept = self.platter.kept.lock();
        if kept.using != self.using {
            return Err(cut());
        }
        if let Some(left) = &mut kept.fuse {
            if *left == 0 {
                kept.cut();
                return Err(cut());
            }
            *left -= 1;
        }
        Ok(with(&mut kept))
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the power was cut")
}

impl Disk for Memory {
    fn open(&self, name: &str) -> io::Result<Option<File>> {
        let bytes = self.kept(|kept| kept.files.get(name).cloned())?;
        Ok(bytes.map(|bytes| File::new(name, String::new(), Box::new(InMemory::new(bytes)))))
    }

    fn create(&self, name: &str) -> io::Result<File> {
        Ok(File::new(name, format!("{name}.new"), Box::new(InMemory::new(Vec::new()))))
    }

    fn keep(&self, mut file: File) -> io::Result<()> {
        let mut bytes = Vec::new();
        file.contents.seek(SeekFrom::Start(0))?;
        file.contents.read_to_end(&mut bytes)?;
        self.kept(|kept| kept.files.insert(file.name.clone(), bytes)).map(drop)
    }

    fn names(&self, prefix: &str) -> io::Result<Vec<String>> {
        self.kept(|kept| kept.files.keys().filter(|name| name.starts_with(prefix)).cloned().collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.kept(|kept| kept.files.remove(name)).map(drop)
    }

    fn slate(&self, name: &str, size: usize) -> io::Result<Box<dyn Slate>> {
        self.kept(|kept| {
            kept.slates.entry(name.to_owned()).or_insert_with(|| (vec![0; size], vec![0; size]));
        })?;
        Ok(Box::new(InPlace { disk: self.clone(), name: name.to_owned() }))
    }

    fn engine(&self) -> io::Result<Arc<dyn Engine>> {
        Ok(Arc::new(Opened { disk: self.clone(), is_fresh: false }))
    }

    fn engine_bytes(&self) -> u64 {
        self.kept(|kept| kept.engine.written).unwrap_or(0)
    }

    fn fresh_engine(&self) -> io::Result<Arc<dyn Engine>> {
        self.kept(|kept| kept.fresh = Stored::default())?;
        *self.fresh.lock() = Pairs::default();
        Ok(Arc::new(Opened { disk: self.clone(), is_fresh: true }))
    }

    fn replace_engine(&self) -> io::Result<()> {
        // What of it is not synced is lost at the next power cut, as on a real disk.
        self.kept(|kept| kept.engine = std::mem::take(&mut kept.fresh))?;
        *self.seen.lock() = std::mem::take(&mut *self.fresh.lock());
        Ok(())
    }

    fn work(&self, work: Work) -> BoxFuture<'static, io::Result<()>> {
        let delay = self.kept(|kept| {
            let range = kept.delay.clone();
            if range.is_empty() { range.start } else { kept.random.random_range(range) }
        });
        async move {
            tokio::time::sleep(delay?).await;
            work()
        }
        .boxed()
    }

    /// Nothing: whoever cut the power knows that it did.
    fn fail(&self, _error: &io::Error) {}

    fn bytes(&self) -> u64 {
        self.kept(|kept| kept.files.values().map(|bytes| bytes.len() as u64).sum()).unwrap_or(0)
    }

    fn size(&self, name: &str) -> u64 {
        self.kept(|kept| kept.files.get(name).map_or(0, |bytes| bytes.len() as u64)).unwrap_or(0)
    }

    fn free(&self) -> u64 {
        // One whose power is cut is not full: nobody knows.
        self.kept(|kept| kept.free).unwrap_or(u64::MAX)
    }
}

impl Opened {
    fn seen(&self) -> &Mutex<Pairs> {
        if self.is_fresh { &self.disk.fresh } else { &self.disk.seen }
    }
}

impl Engine for Opened {
    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        Ok(self.seen().lock().0.get(key).cloned())
    }

    fn range<'a>(
        &'a self,
        from: &[u8],
        to: &[u8],
    ) -> Box<dyn DoubleEndedIterator<Item = io::Result<Pair>> + Send + 'a> {
        let seen = self.seen().lock();
        let pairs: Vec<_> = match from < to {
            true => seen.0.range(from.to_vec()..to.to_vec()).collect(),
            false => Vec::new(),
        };
        let pairs: Vec<_> = pairs.into_iter().map(|(key, value)| Ok((key.clone(), value.clone()))).collect();
        Box::new(pairs.into_iter())
    }

    fn apply(&self, batch: Batch) -> io::Result<()> {
        self.disk.kept(|kept| {
            self.seen().lock().apply(&batch);
            let stored = kept.stored(self.is_fresh);
            stored.written += batch.size() as u64;
            stored.pending.push(batch);
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.kept(|kept| {
            let stored = kept.stored(self.is_fresh);
            for batch in std::mem::take(&mut stored.pending) {
                stored.pairs.apply(&batch);
            }
        })
    }
}

struct InPlace {
    disk: Memory,
    name: String,
}

impl InPlace {
    fn with<T>(&self, with: impl FnOnce(&mut (Vec<u8>, Vec<u8>)) -> T) -> io::Result<T> {
        let slate = self.disk.kept(|kept| kept.slates.get_mut(&self.name).map(with))?;
        slate.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Slate for InPlace {
    fn all(&self) -> io::Result<Vec<u8>> {
        self.with(|(_, seen)| seen.clone())
    }

    fn put(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let at = at as usize;
        self.with(|(_, seen)| seen[at..at + bytes.len()].copy_from_slice(bytes))
    }

    fn keep(&self) -> io::Result<()> {
        self.with(|(synced, seen)| synced.clone_from(seen))
    }
}

struct InMemory(Cursor<Vec<u8>>);

impl InMemory {
    fn new(bytes: Vec<u8>) -> Self {
        Self(Cursor::new(bytes))
    }
}

impl Contents for InMemory {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn kept(&mut self) {}
}

impl Read for InMemory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for InMemory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for InMemory {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}
