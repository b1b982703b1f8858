//! Engines that have grown far beyond what lives in them are written anew, when a node starts.
//!
//! What is removed leaves room in sled's files that is used again and never given back. The new engine is written beside
//! the old one and takes its place when it is whole and synced; a crash at any point leaves one of the two.

use std::io;
use std::sync::Arc;

use super::{Batch, Disk, Engine};

/// Everything that keys begin with is in between.
const ALL: (&[u8], &[u8]) = (&[], &[0xff]);
/// So many bytes are written in one step.
const STEP: usize = 1024 * 1024;

/// How far an engine may grow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    /// One that takes no more bytes than this stays as it is,
    pub(crate) least: u64,
    /// and so does one that takes at most so many times what lives in it.
    pub(crate) factor: u64,
}

/// What an engine that has grown too far takes, and what lives in it; in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Grown {
    size: u64,
    live: u64,
}

impl Growth {
    /// Looks whether the engine has grown too far, and can be written anew. Reads all of it if it is large.
    pub(crate) fn look(self, disk: &dyn Disk, engine: &dyn Engine) -> io::Result<Option<Grown>> {
        let size = disk.engine_bytes();
        if size <= self.least {
            return Ok(None);
        }
        let mut live = 0;
        for pair in engine.range(ALL.0, ALL.1) {
            let (key, value) = pair?;
            live += (key.len() + value.len()) as u64;
        }
        let allowed = live.saturating_mul(self.factor);
        if size <= allowed {
            return Ok(None);
        }
        let free = disk.free();
        if free < allowed {
            tracing::warn!(size, live, free, "the store has grown, and there is no room to write it anew");
            return Ok(None);
        }
        Ok(Some(Grown { size, live }))
    }
}

/// Writes an engine that nobody else holds anew; answers with the one that is in its place then, or the old one where
/// that did not come about.
pub(crate) fn rewrite(disk: &dyn Disk, engine: Arc<dyn Engine>, grown: Grown) -> io::Result<Arc<dyn Engine>> {
    let Grown { size, live } = grown;
    tracing::info!(size, live, "the store has grown far beyond what lives in it; writing it anew");
    match try_rewrite(disk, engine) {
        Ok(()) => tracing::info!(size = disk.engine_bytes(), "the store was written anew"),
        Err(error) => tracing::warn!(%error, "the store could not be written anew, and stays as it was"),
    }
    disk.engine()
}

fn try_rewrite(disk: &dyn Disk, engine: Arc<dyn Engine>) -> io::Result<()> {
    let fresh = disk.fresh_engine()?;
    copy(&*engine, &*fresh)?;
    fresh.sync()?;
    // They are closed before one takes the other's place.
    drop((engine, fresh));
    disk.replace_engine()
}

fn copy(from: &dyn Engine, to: &dyn Engine) -> io::Result<()> {
    let mut batch = Batch::default();
    for pair in from.range(ALL.0, ALL.1) {
        let (key, value) = pair?;
        batch.insert(key, value);
        if batch.size() >= STEP {
            to.apply(std::mem::take(&mut batch))?;
        }
    }
    to.apply(batch)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use super::super::directory::{FRESH, OLD, STORE, WHOLE};
    use super::super::sled;
    use super::*;
    use crate::disk::memory::Platter;
    use crate::disk::{Directory, Pair};

    const GROWTH: Growth = Growth { least: 1000, factor: 4 };

    fn put(engine: &dyn Engine, key: &str, value: Vec<u8>) {
        let mut batch = Batch::default();
        batch.insert(key, value);
        engine.apply(batch).expect("applied");
    }

    /// Writes a few keys so often that little of what was written is left.
    fn grow(engine: &dyn Engine, bytes: usize) {
        for round in 0..100 {
            put(engine, &format!("key {}", round % 7), vec![round; bytes]);
        }
        engine.sync().expect("synced");
    }

    fn contents(engine: &dyn Engine) -> Vec<Pair> {
        engine.range(ALL.0, ALL.1).map(|pair| pair.expect("a pair")).collect()
    }

    #[test]
    fn what_lives_is_there_again_in_an_engine_that_is_small() {
        let platter = Platter::new(1, Duration::ZERO..Duration::ZERO);
        let directory = tempfile::tempdir().expect("a directory");
        let in_memory = || -> Arc<dyn Disk> { Arc::new(platter.using()) };
        let on_disk = || -> Arc<dyn Disk> { Arc::new(Directory::open(directory.path()).expect("free")) };
        // A few of them are more than the steps in which sled takes room.
        for (open, bytes) in [(&in_memory as &dyn Fn() -> Arc<dyn Disk>, 100), (&on_disk, 100_000)] {
            let disk = open();
            let engine = disk.engine().expect("an engine");
            grow(&*engine, bytes);
            let before = contents(&*engine);
            let grown = GROWTH.look(&*disk, &*engine).expect("read").expect("it has grown");
            let engine = rewrite(&*disk, engine, grown).expect("an engine");
            assert!(disk.engine_bytes() < grown.size, "{} of {}", disk.engine_bytes(), grown.size);
            assert_eq!(contents(&*engine), before);
            put(&*engine, "later", vec![1]);
            engine.sync().expect("synced");
            let before = contents(&*engine);
            drop((engine, disk));
            assert_eq!(contents(&*open().engine().expect("an engine")), before);
        }
    }

    #[test]
    fn what_is_small_or_full_of_life_or_has_no_room_stays_as_it_is() {
        let platter = Platter::new(1, Duration::ZERO..Duration::ZERO);
        let disk = platter.using();
        let engine = disk.engine().expect("an engine");
        let look = |growth: Growth| growth.look(&disk, &*engine).expect("read");
        assert_eq!(look(GROWTH), None);
        grow(&*engine, 100);
        assert!(look(GROWTH).is_some());
        assert_eq!(look(Growth { least: u64::MAX, ..GROWTH }), None);
        assert_eq!(look(Growth { factor: 1000, ..GROWTH }), None);
        platter.set_free(2000);
        assert_eq!(look(GROWTH), None);
    }

    #[test]
    fn a_power_cut_at_any_point_leaves_everything() {
        let mut points = 0;
        loop {
            let platter = Platter::new(points, Duration::ZERO..Duration::ZERO);
            let disk = platter.using();
            let engine = disk.engine().expect("an engine");
            grow(&*engine, 100);
            let before = contents(&*engine);
            platter.cut_after(points);
            let survived = try_rewrite(&disk, engine).is_ok();
            assert_eq!(contents(&*platter.using().engine().expect("an engine")), before, "cut at point {points}");
            if survived {
                break;
            }
            points += 1;
        }
        assert!(points > 3, "{points}");
    }

    /// Makes a store of one value, somewhere else first: to open a directory puts it right.
    fn write_store(path: &Path, value: u8) {
        let elsewhere = tempfile::tempdir().expect("a directory");
        let engine = Directory::open(elsewhere.path()).expect("free").engine().expect("an engine");
        put(&*engine, "key", vec![value]);
        engine.sync().expect("synced");
        drop(engine);
        let store = elsewhere.path().join(STORE);
        sled::close(&store).expect("closed");
        fs::create_dir(path).expect("made");
        for entry in fs::read_dir(&store).expect("a directory") {
            let entry = entry.expect("an entry");
            if entry.path().is_file() {
                fs::copy(entry.path(), path.join(entry.file_name())).expect("copied");
            }
        }
    }

    #[test]
    fn a_directory_in_which_one_was_taking_the_others_place_is_put_right() {
        // What a crash can leave, and which one is in place then. 1 is the old one, 2 the fresh one.
        let cases: [(&[(&str, u8)], u8); 6] = [
            (&[(FRESH, 2), (STORE, 1)], 1),
            (&[(WHOLE, 2), (STORE, 1)], 2),
            (&[(WHOLE, 2), (OLD, 1)], 2),
            (&[(OLD, 1), (STORE, 2)], 2),
            (&[(OLD, 0), (FRESH, 2), (STORE, 1)], 1),
            (&[(OLD, 0), (WHOLE, 2), (STORE, 1)], 2),
        ];
        for (left, expected) in cases {
            let directory = tempfile::tempdir().expect("a directory");
            for (name, value) in left {
                write_store(&directory.path().join(name), *value);
            }
            let disk = Directory::open(directory.path()).expect("free");
            let engine = disk.engine().expect("an engine");
            assert_eq!(engine.get(b"key").expect("read"), Some(vec![expected]), "{left:?}");
            for name in [FRESH, WHOLE, OLD] {
                assert!(!directory.path().join(name).exists(), "{name} is left of {left:?}");
            }
        }
    }
}
