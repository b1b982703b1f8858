//! How far the log was on disk, kept beside the engine: an engine whose files have lost their end opens as if nothing were
//! missing, and a member that has forgotten what it once confirmed could let the cluster agree on something else.
//!
//! ```text
//! two slots, in sectors of their own, written in turn:
//! checksum of the rest               4 bytes
//! number of the writing              8 bytes
//! last entry                         8 bytes
//! ```
//! It is written after each sync and not synced itself, so a power cut may leave an older one, which says less and is
//! still true. Only where the log gets shorter by intent it is on disk first.

use std::io;

use parking_lot::Mutex;

use crate::Index;
use crate::disk::{Disk, Slate, damaged};

const NAME: &str = "reach";
/// No disk writes less than this at once.
const SECTOR: usize = 512;
const SLOT: usize = 20;

/// Where the log is, and where it is known to be on disk.
pub(super) struct Reach {
    slate: Box<dyn Slate>,
    inner: Mutex<Inner>,
}

struct Inner {
    /// The last entry that was given to the engine.
    appended: Index,
    /// Counts how often the log was shortened.
    shortened: u64,
    /// Counts what was written here.
    written: u64,
}

/// What a sync that begins now will have put on disk.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    last: Index,
    shortened: u64,
}

impl Reach {
    /// Opens it; answers also with the entry that the log must reach.
    pub(super) fn open(disk: &dyn Disk) -> io::Result<(Self, Index)> {
        let slate = disk.slate(NAME, 2 * SECTOR)?;
        let bytes = slate.all()?;
        let slots = bytes.chunks(SECTOR).filter_map(parse);
        let (written, last) = match slots.max() {
            Some(latest) => latest,
            None if bytes.iter().all(|byte| *byte == 0) => (0, 0),
            None => return Err(damaged(NAME)),
        };
        let inner = Inner { appended: last, shortened: 0, written };
        Ok((Self { slate, inner: Mutex::new(inner) }, last))
    }

    /// Says that the engine was given entries up to this one.
    pub(super) fn appended(&self, last: Index) {
        self.inner.lock().appended = last;
    }

    /// Called before a sync.
    pub(super) fn begin(&self) -> Begun {
        let inner = self.inner.lock();
        Begun { last: inner.appended, shortened: inner.shortened }
    }

    /// Called after it.
    pub(super) fn synced(&self, begun: Begun) -> io::Result<()> {
        let mut inner = self.inner.lock();
        // What a sync has put on disk may have been removed since.
        if inner.shortened == begun.shortened { self.write(&mut inner, begun.last) } else { Ok(()) }
    }

    /// Called before the log is made to end with `last`; once it returns, nothing longer is expected.
    pub(super) fn shorten(&self, last: Index) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.shortened += 1;
        inner.appended = last;
        self.write(&mut inner, last)?;
        self.slate.keep()
    }

    fn write(&self, inner: &mut Inner, last: Index) -> io::Result<()> {
        inner.written += 1;
        let rest = [inner.written.to_le_bytes(), last.to_le_bytes()].concat();
        let slot = [&crc32fast::hash(&rest).to_le_bytes()[..], &rest].concat();
        self.slate.put(SECTOR as u64 * (inner.written % 2), &slot)
    }
}

fn parse(slot: &[u8]) -> Option<(u64, Index)> {
    let (checksum, rest) = slot.get(..SLOT)?.split_at(4);
    if crc32fast::hash(rest).to_le_bytes() != checksum {
        return None;
    }
    let (written, last) = rest.split_at(8);
    Some((u64::from_le_bytes(written.try_into().ok()?), u64::from_le_bytes(last.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::disk::memory::Platter;

    fn platter() -> Platter {
        Platter::new(1, Duration::ZERO..Duration::ZERO)
    }

    fn last(platter: &Platter) -> Index {
        Reach::open(&platter.using()).expect("opened").1
    }

    #[test]
    fn it_says_what_was_synced_and_not_what_was_only_appended() {
        let platter = platter();
        let (reach, known) = Reach::open(&platter.using()).expect("opened");
        assert_eq!(known, 0);
        reach.appended(5);
        let begun = reach.begin();
        reach.appended(9);
        reach.synced(begun).expect("written");
        assert_eq!(last(&platter), 5);
        assert_eq!(last(&platter), 5, "it stays");
    }

    #[test]
    fn a_sync_that_was_under_way_while_the_log_was_shortened_says_nothing() {
        let platter = platter();
        let (reach, _) = Reach::open(&platter.using()).expect("opened");
        reach.appended(9);
        let begun = reach.begin();
        reach.shorten(3).expect("written");
        reach.synced(begun).expect("nothing to do");
        platter.cut();
        assert_eq!(last(&platter), 3);
    }

    #[test]
    fn of_a_damaged_slot_the_other_one_is_left() {
        let platter = platter();
        let (reach, _) = Reach::open(&platter.using()).expect("opened");
        for index in [4, 5] {
            reach.appended(index);
            reach.synced(reach.begin()).expect("written");
        }
        drop(reach);
        let damage = |slot: usize| {
            let slate = platter.using().slate(NAME, 2 * SECTOR).expect("opened");
            slate.put((slot * SECTOR) as u64 + 4, &[0xff]).expect("written");
        };
        assert_eq!(last(&platter), 5);
        damage(0);
        assert_eq!(last(&platter), 4);
        damage(1);
        assert!(Reach::open(&platter.using()).is_err(), "nothing is left");
    }
}
