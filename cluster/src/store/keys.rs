//! The keys that the log uses, in one file.
//!
//! | key | value |
//! | --- | --- |
//! | `l` + index | an entry, or the first piece of it |
//! | `l` + index + number | a further piece |
//! | `p` | the id of the last purged entry |
//! | `v` | the vote |
//! | `c` | how far the log is known to be committed |

use std::io;

use crate::Index;
use crate::disk::damaged;

pub(super) const PURGED: &[u8] = b"p";
pub(super) const VOTE: &[u8] = b"v";
pub(super) const COMMITTED: &[u8] = b"c";

/// Where keys of one kind begin, and where they have ended.
pub(super) type Kind = (&'static [u8], &'static [u8]);

pub(super) const ENTRIES: Kind = (b"l", b"m");

pub(super) fn entry(index: Index) -> Vec<u8> {
    numbered(ENTRIES, index)
}

/// A further piece of an entry, counted from 1; the first one is at [`entry`].
pub(super) fn piece(index: Index, number: u32) -> Vec<u8> {
    [entry(index).as_slice(), &number.to_be_bytes()].concat()
}

/// The entry that a piece is of.
pub(super) fn entry_of(key: &[u8]) -> io::Result<Index> {
    number(key.get(..9).unwrap_or_default())
}

/// Big-endian, so that the order of keys is the order of numbers.
fn numbered(kind: Kind, number: u64) -> Vec<u8> {
    [kind.0, &number.to_be_bytes()].concat()
}

pub(super) fn number(key: &[u8]) -> io::Result<u64> {
    let bytes = key.get(1..).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u64::from_be_bytes).ok_or_else(|| damaged("a key in the store"))
}
