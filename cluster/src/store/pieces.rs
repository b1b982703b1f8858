//! Entries of the log as the engine has them: in pieces.
//!
//! sled reads and writes sixteen neighbours at a time, has files of their own for what is large, and counts those as next
//! to nothing when it looks what it may keep in memory. Pieces that are small spare it all of that.

use std::io;
use std::iter::Peekable;

use openraft::Entry;
use serde::Serialize;

use super::keys;
use crate::Index;
use crate::disk::{self, Batch, Engine, Pair};
use crate::raft::RaftTypes;

/// A piece has at most so many bytes: with what sled puts in front of it, a little less than allocators round up from.
const PIECE: usize = 8 * 1024 - 64;

/// Adds an entry to a batch; answers with how many bytes it takes.
pub(super) fn write<T: Serialize>(batch: &mut Batch, index: Index, entry: &T) -> io::Result<usize> {
    let bytes = disk::pack(entry)?;
    for (number, piece) in (0..).zip(bytes.chunks(PIECE)) {
        let key = if number == 0 { keys::entry(index) } else { keys::piece(index, number) };
        batch.insert(key, piece.to_vec());
    }
    Ok(bytes.len())
}

/// Reads the entries from one on, up to another.
pub(super) fn read(engine: &dyn Engine, from: Index, to: &[u8]) -> Entries<impl Iterator<Item = io::Result<Pair>>> {
    Entries { pieces: engine.range(&keys::entry(from), to).peekable() }
}

/// Puts entries together.
pub(super) struct Entries<I: Iterator<Item = io::Result<Pair>>> {
    pieces: Peekable<I>,
}

/// An entry, by the index that it is kept under, and how many bytes it takes.
pub(super) struct Read {
    pub(super) index: Index,
    pub(super) entry: Entry<RaftTypes>,
    pub(super) bytes: usize,
}

impl<I: Iterator<Item = io::Result<Pair>>> Entries<I> {
    fn put_together(&mut self, (key, mut bytes): Pair) -> io::Result<Read> {
        let index = keys::entry_of(&key)?;
        let belongs = |pair: &io::Result<Pair>| {
            pair.as_ref().is_ok_and(|(key, _)| keys::entry_of(key).is_ok_and(|of| of == index))
        };
        while let Some(next) = self.pieces.next_if(belongs) {
            bytes.extend(next?.1);
        }
        Ok(Read { index, entry: disk::unpack(&bytes)?, bytes: bytes.len() })
    }
}

impl<I: Iterator<Item = io::Result<Pair>>> Iterator for Entries<I> {
    type Item = io::Result<Read>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.pieces.next()?;
        Some(first.and_then(|first| self.put_together(first)))
    }
}
