//! The keys that the store uses, in one file. The first byte of every value is the format's version.
//!
//! | tree | key | value |
//! | --- | --- | --- |
//! | `log` | `l` + index | an entry |
//! | `log` | `p` | the id of the last purged entry |
//! | `log` | `v` | the vote |
//! | `log` | `c` | how far the log is known to be committed |
//! | `state` | `d` + key | revision and value of a document |
//! | `state` | `r` + index + place in the group | a remembered proposal: id and outcome |
//! | `state` | `n` + node | the instance that has the number |
//! | `state` | `a` | the applied id and the membership |

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::state::Place;
use crate::{Index, NodeId, codec};

pub(super) const LOG: &str = "log";
pub(super) const STATE: &str = "state";

pub(super) const PURGED: &[u8] = b"p";
pub(super) const VOTE: &[u8] = b"v";
pub(super) const COMMITTED: &[u8] = b"c";
pub(super) const APPLIED: &[u8] = b"a";

pub(super) const ENTRIES: &[u8] = b"l";
pub(super) const DOCUMENTS: &[u8] = b"d";
pub(super) const REMEMBERED: &[u8] = b"r";
pub(super) const NODES: &[u8] = b"n";

const FORMAT: u8 = 1;

pub(super) fn entry(index: Index) -> Vec<u8> {
    numbered(ENTRIES, index)
}

pub(super) fn document(key: &str) -> Vec<u8> {
    [DOCUMENTS, key.as_bytes()].concat()
}

pub(super) fn remembered((index, at): Place) -> Vec<u8> {
    [&numbered(REMEMBERED, index)[..], &at.to_be_bytes()].concat()
}

/// Reads the key of a remembered proposal.
pub(super) fn place(key: &[u8]) -> io::Result<Place> {
    let (index, at) = key.split_at_checked(9).ok_or_else(|| damaged("a key"))?;
    let at = at.try_into().map_err(|_| damaged("a key"))?;
    Ok((number(index)?, u32::from_be_bytes(at)))
}

pub(super) fn node(node: NodeId) -> Vec<u8> {
    numbered(NODES, node)
}

/// Big-endian, so that the order of keys is the order of numbers.
fn numbered(prefix: &[u8], number: u64) -> Vec<u8> {
    [prefix, &number.to_be_bytes()].concat()
}

pub(super) fn number(key: &[u8]) -> io::Result<u64> {
    let bytes = key.get(1..).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u64::from_be_bytes).ok_or_else(|| damaged("a key"))
}

pub(super) fn pack<T: Serialize + ?Sized>(value: &T) -> io::Result<Vec<u8>> {
    let mut bytes = vec![FORMAT];
    bytes.extend(codec::encode(value)?);
    Ok(bytes)
}

pub(super) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => Ok(codec::decode(rest)?),
        Some((other, _)) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the store holds format {other}; this release reads {FORMAT}"),
        )),
        None => Err(damaged("a value")),
    }
}

pub(super) fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} in the store is damaged"))
}
