//! The keys that the store uses, in one file.
//!
//! | tree | key | value |
//! | --- | --- | --- |
//! | `log` | `l` + index | an entry, or the first piece of it |
//! | `log` | `l` + index + number | a further piece |
//! | `log` | `p` | the id of the last purged entry |
//! | `log` | `v` | the vote |
//! | `log` | `c` | how far the log is known to be committed |
//! | `state` | `d` + key | revision and value of a document |
//! | `state` | `r` + index | the remembered proposals of an entry: place in the group, id and outcome of each |
//! | `state` | `n` + node | the instance that has the number |
//! | `state` | `a` | the applied id and the membership; not there while a snapshot is put in place |

use std::io;

use crate::disk::damaged;
use crate::{Index, NodeId};

pub(super) const PURGED: &[u8] = b"p";
pub(super) const VOTE: &[u8] = b"v";
pub(super) const COMMITTED: &[u8] = b"c";
pub(super) const APPLIED: &[u8] = b"a";

/// Where keys of one kind begin, and where they have ended.
pub(super) type Kind = (&'static [u8], &'static [u8]);

pub(super) const ENTRIES: Kind = (b"l", b"m");
pub(super) const DOCUMENTS: Kind = (b"d", b"e");
pub(super) const REMEMBERED: Kind = (b"r", b"s");
pub(super) const NODES: Kind = (b"n", b"o");

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

pub(super) fn document(key: &str) -> Vec<u8> {
    [DOCUMENTS.0, key.as_bytes()].concat()
}

pub(super) fn remembered(index: Index) -> Vec<u8> {
    numbered(REMEMBERED, index)
}

pub(super) fn node(node: NodeId) -> Vec<u8> {
    numbered(NODES, node)
}

/// Big-endian, so that the order of keys is the order of numbers.
fn numbered(kind: Kind, number: u64) -> Vec<u8> {
    [kind.0, &number.to_be_bytes()].concat()
}

pub(super) fn number(key: &[u8]) -> io::Result<u64> {
    let bytes = key.get(1..).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u64::from_be_bytes).ok_or_else(|| damaged("a key in the store"))
}
