//! A run of neighbouring documents as bytes: their keys without what they share with the one before, then all of it
//! compressed, where that makes it smaller.

use std::sync::Arc;

use bytes::Bytes;

use super::Document;
use crate::Index;

/// A document that was written, or a key whose document was removed.
pub(super) type Entry = (Arc<str>, Option<Document>);

/// Documents in the order of their keys. Never changed, only replaced.
#[derive(Clone, Default)]
pub(super) struct Run {
    bytes: Bytes,
    /// Bytes before they were compressed; none where they were not.
    unpacked: Option<u32>,
    /// A hash of each key: most keys that are not here are known by it not to be.
    marks: Arc<[u16]>,
    /// The latest commit that wrote one of the documents.
    newest: Index,
}

impl Run {
    /// A run that is read rarely: compressed.
    pub(super) fn pack(entries: &[Entry]) -> Self {
        let mut run = Self::write(entries);
        let packed = lz4_flex::block::compress(&run.bytes);
        if packed.len() < run.bytes.len() {
            run.unpacked = u32::try_from(run.bytes.len()).ok();
            run.bytes = packed.into_boxed_slice().into();
        }
        run
    }

    /// A run that is soon written again.
    pub(super) fn write(entries: &[Entry]) -> Self {
        let mut bytes = Vec::new();
        let (mut before, mut revision) = ("", 0);
        for (key, document) in entries {
            let shared = key.bytes().zip(before.bytes()).take_while(|(one, other)| one == other).count();
            number(&mut bytes, shared as u64);
            text(&mut bytes, &key.as_bytes()[shared..]);
            match document {
                // Neighbours are often written together.
                Some(Document { revision: own, value }) => {
                    let change = own.wrapping_sub(revision) as i64;
                    number(&mut bytes, ((change << 1) ^ (change >> 63)) as u64 + 1);
                    text(&mut bytes, value);
                    revision = *own;
                }
                None => number(&mut bytes, 0),
            }
            before = key;
        }
        let newest = entries.iter().filter_map(|(_, document)| Some(document.as_ref()?.revision)).max();
        Self {
            bytes: bytes.into_boxed_slice().into(),
            unpacked: None,
            marks: entries.iter().map(|(key, _)| mark(key)).collect(),
            newest: newest.unwrap_or_default(),
        }
    }

    /// Reads all of it. Values share the bytes that they were read from.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut input = Input { bytes: self.unpack(), at: 0 };
        let mut entries: Vec<Entry> = Vec::with_capacity(self.marks.len());
        let (mut key, mut revision) = (Vec::new(), 0_u64);
        for _ in 0..self.marks.len() {
            key.truncate(input.number() as usize);
            key.extend_from_slice(&input.text());
            let document = input.number().checked_sub(1).map(|change| {
                revision = revision.wrapping_add(((change >> 1) ^ (change & 1).wrapping_neg()) as Index);
                Document { revision, value: input.text() }
            });
            let text = std::str::from_utf8(&key).expect("keys that were texts are texts");
            entries.push((Arc::from(text), document));
        }
        entries
    }

    fn unpack(&self) -> Bytes {
        match self.unpacked {
            Some(size) => {
                let bytes = lz4_flex::block::decompress(&self.bytes, size as usize);
                bytes.expect("what was compressed can be decompressed").into()
            }
            None => self.bytes.clone(),
        }
    }

    /// How many entries it has.
    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }

    /// Bytes of keys and values, about.
    pub(super) fn size(&self) -> usize {
        self.unpacked.map_or(self.bytes.len(), |size| size as usize)
    }

    /// The latest commit that wrote one of the documents.
    pub(super) fn newest(&self) -> Index {
        self.newest
    }

    /// Whether it may have this key; if not, it has not.
    pub(super) fn may_have(&self, key: &str) -> bool {
        self.marks.contains(&mark(key))
    }
}

fn mark(key: &str) -> u16 {
    crc32fast::hash(key.as_bytes()) as u16
}

/// Seven bits a byte, the lowest ones first.
fn number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn text(bytes: &mut Vec<u8>, text: &[u8]) {
    number(bytes, text.len() as u64);
    bytes.extend_from_slice(text);
}

/// Reads what [`number`] and [`text`] wrote.
struct Input {
    bytes: Bytes,
    at: usize,
}

impl Input {
    fn number(&mut self) -> u64 {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.bytes[self.at];
            self.at += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    }

    fn text(&mut self) -> Bytes {
        let length = self.number() as usize;
        self.at += length;
        self.bytes.slice(self.at - length..self.at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(key: &str, document: Option<(Index, Vec<u8>)>) -> Entry {
        (Arc::from(key), document.map(|(revision, value)| Document { revision, value: value.into() }))
    }

    #[test]
    fn neighbours_that_are_alike_are_small() {
        let entries: Vec<Entry> = (0..100)
            .map(|number| {
                entry(&format!("documents/{number:06}"), Some((7, br#"{"name":"a name","enabled":true}"#.to_vec())))
            })
            .collect();
        let (plain, packed) = (Run::write(&entries), Run::pack(&entries));
        assert!(packed.bytes.len() * 5 < plain.bytes.len(), "{} of {}", packed.bytes.len(), plain.bytes.len());
        assert_eq!((packed.size(), packed.newest()), (plain.size(), 7));
        assert_eq!(packed.entries(), entries);
    }

    #[test]
    fn most_keys_that_are_not_there_are_known_not_to_be() {
        let entries: Vec<Entry> = (0..100).map(|number| entry(&format!("{number}"), Some((1, vec![])))).collect();
        let run = Run::pack(&entries);
        assert!(entries.iter().all(|(key, _)| run.may_have(key)));
        let wrong = (100..10_100).filter(|number| run.may_have(&format!("{number}"))).count();
        assert!(wrong < 100, "{wrong}");
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            all in proptest::collection::btree_map(
                "[a-c/\u{fc}]{0,12}", proptest::option::of((any::<Index>(), proptest::collection::vec(any::<u8>(), 0..300))), 0..40,
            ),
        ) {
            let entries: Vec<Entry> = all.into_iter().map(|(key, document)| entry(&key, document)).collect();
            prop_assert_eq!(&Run::write(&entries).entries(), &entries);
            prop_assert_eq!(&Run::pack(&entries).entries(), &entries);
        }
    }
}
