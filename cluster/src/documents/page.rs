//! A page: documents that are neighbours, most of them packed.
//!
//! What is written goes into a small run beside the packed one, and both become one when there is enough of it: packing
//! anew for each document would cost more than everything else.

use std::sync::Arc;

use super::run::{Entry, Run};
use super::{Document, Found};
use crate::Index;

/// A page has about so many bytes of keys and values: more is packed better, and takes longer to be unpacked for one
/// document.
pub(super) const SIZE: usize = 16 * 1024;
/// So many bytes are written before they are packed with the others.
const FRESH: usize = SIZE / 8;

/// Neighbouring documents.
#[derive(Clone, Default)]
pub(super) struct Page {
    /// Names what is packed: no other page has, or had, the same.
    pub(super) number: u64,
    packed: Run,
    /// What was written and removed since.
    fresh: Run,
    len: usize,
}

impl Page {
    /// A page of these documents, packed.
    pub(super) fn pack(number: u64, documents: &[Found]) -> Self {
        let entries: Vec<Entry> =
            documents.iter().map(|(key, document)| (Arc::clone(key), Some(document.clone()))).collect();
        Self { number, packed: Run::pack(&entries), fresh: Run::default(), len: entries.len() }
    }

    /// How many documents it has.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of keys and values, about.
    pub(super) fn size(&self) -> usize {
        self.packed.size() + self.fresh.size()
    }

    /// Whether none of its documents was written after this commit. Where it says no, one may have been.
    pub(super) fn is_older(&self, than: Index) -> bool {
        self.packed.newest() <= than && self.fresh.newest() <= than
    }

    /// Whether enough was written to be packed.
    pub(super) fn is_due(&self) -> bool {
        // What was removed is small, and hides what is not.
        self.fresh.size() >= FRESH || self.fresh.len() >= self.packed.len() / 2 + 16
    }

    /// A document. `unpacked` gives what is packed.
    pub(super) fn get(&self, key: &str, unpacked: impl FnOnce(&Self) -> Arc<[Found]>) -> Option<Document> {
        if self.fresh.may_have(key) {
            let entries = self.fresh.entries();
            if let Ok(at) = entries.binary_search_by(|(known, _)| (**known).cmp(key)) {
                return entries[at].1.clone();
            }
        }
        if !self.packed.may_have(key) {
            return None;
        }
        let documents = unpacked(self);
        let at = documents.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
        Some(documents[at].1.clone())
    }

    /// Writes a document, or removes it; `existed` says whether it is there.
    pub(super) fn set(&mut self, key: &Arc<str>, document: Option<Document>, existed: bool) {
        self.len = self.len + usize::from(document.is_some()) - usize::from(existed);
        let mut entries = self.fresh.entries();
        let is_packed = self.packed.may_have(key);
        match entries.binary_search_by(|(known, _)| known.cmp(key)) {
            // There is nothing that would have to be hidden.
            Ok(at) if document.is_none() && !is_packed => drop(entries.remove(at)),
            Ok(at) => entries[at].1 = document,
            Err(_) if document.is_none() && !is_packed => return,
            Err(at) => entries.insert(at, (Arc::clone(key), document)),
        }
        self.fresh = Run::write(&entries);
    }

    /// What is packed, in the order of keys.
    pub(super) fn packed(&self) -> Arc<[Found]> {
        self.packed.entries().into_iter().filter_map(|(key, document)| Some((key, document?))).collect()
    }

    /// All documents, in the order of keys. `unpacked` gives what is packed.
    pub(super) fn all(&self, unpacked: impl FnOnce(&Self) -> Arc<[Found]>) -> Arc<[Found]> {
        let packed = if self.packed.len() == 0 { Arc::default() } else { unpacked(self) };
        if self.fresh.len() == 0 {
            return packed;
        }
        let mut all = Vec::with_capacity(self.len);
        let mut packed = packed.iter().peekable();
        for (key, document) in self.fresh.entries() {
            while let Some(before) = packed.next_if(|(packed, _)| *packed < key) {
                all.push(before.clone());
            }
            packed.next_if(|(packed, _)| *packed == key);
            all.extend(document.map(|document| (key, document)));
        }
        all.extend(packed.cloned());
        all.into()
    }
}

/// Bytes of keys and values.
pub(super) fn size(documents: &[Found]) -> usize {
    documents.iter().map(|(key, document)| key.len() + document.value.len()).sum()
}

/// Parts of about a page's size each. A document that is larger than that is alone in one.
pub(super) fn divide(documents: &[Found]) -> Vec<&[Found]> {
    let mut left = size(documents);
    let mut wanted = share(left);
    let (mut parts, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (at, found) in documents.iter().enumerate() {
        let next = size(std::slice::from_ref(found));
        let is_large = next >= SIZE || (at == begin + 1 && bytes >= SIZE);
        if at > begin && (bytes >= wanted || is_large) {
            parts.push(&documents[begin..at]);
            left -= bytes;
            (begin, bytes, wanted) = (at, 0, share(left));
        }
        bytes += next;
    }
    if begin < documents.len() {
        parts.push(&documents[begin..]);
    }
    parts
}

/// What a part should have of so many bytes.
fn share(bytes: usize) -> usize {
    bytes.div_ceil(((bytes + SIZE / 2) / SIZE).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_about_as_large_as_a_page() {
        let documents = |sizes: &[usize]| -> Vec<Found> {
            let found = |(number, size): (usize, &usize)| {
                (Arc::from(format!("{number:04}")), Document { revision: 1, value: vec![0; *size].into() })
            };
            sizes.iter().enumerate().map(found).collect()
        };
        for (sizes, expected) in [
            (vec![], vec![]),
            (vec![100; 10], vec![10]),
            (vec![1020; 16], vec![16]),
            (vec![1020; 23], vec![23]),
            (vec![1020; 24], vec![12, 12]),
            (vec![1020; 64], vec![16, 16, 16, 16]),
            (vec![10, 10 * SIZE, 10, 10], vec![1, 1, 2]),
            (vec![10 * SIZE; 2], vec![1, 1]),
        ] {
            let documents = documents(&sizes);
            let parts: Vec<usize> = divide(&documents).iter().map(|part| part.len()).collect();
            assert_eq!(parts, expected);
        }
    }
}
