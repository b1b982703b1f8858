//! The documents of a node, in memory: ordered by their keys, and packed where nobody touches them.
//!
//! Most documents of a large catalog are alike, and read seldom. So neighbours are kept together in pages, compressed;
//! a page is unpacked when something in it is read, and the ones that were read last stay unpacked as well.

mod builder;
mod cursor;
mod page;
mod run;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

pub(crate) use builder::Builder;
pub(crate) use cursor::{Cursor, Listing};
use page::{Page, divide, size};

use crate::Index;

/// What is unpacked takes at most so many bytes, about.
const UNPACKED: u64 = 8 * 1024 * 1024;
/// A page that has shrunk to this part of its size joins the one before it.
const SMALL: usize = page::SIZE / 4;
/// What a document costs beside its key and value while it is unpacked, in bytes.
const COST: usize = 96;

/// A document as of one commit. Cheap to clone; a few bytes of it may keep some kilobytes of its neighbours in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The commit that wrote it.
    pub revision: Index,
    /// What it says.
    pub value: Bytes,
}

/// A document with its key.
pub(crate) type Found = (Arc<str>, Document);

/// All documents.
pub(crate) struct Documents {
    /// By where they begin: each reaches to the next one.
    pages: BTreeMap<Arc<str>, Page>,
    len: usize,
    numbers: u64,
    unpacked: Cache<u64, Arc<[Found]>, Weight>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<u64, Arc<[Found]>> for Weight {
    fn weight(&self, _: &u64, documents: &Arc<[Found]>) -> u64 {
        let bytes = documents.iter().map(|(key, document)| key.len() + document.value.len() + COST);
        bytes.sum::<usize>().max(1) as u64
    }
}

impl Default for Documents {
    fn default() -> Self {
        let unpacked = Cache::with_weighter(UNPACKED as usize / (2 * page::SIZE), UNPACKED, Weight);
        Self { pages: BTreeMap::new(), len: 0, numbers: 0, unpacked }
    }
}

impl Documents {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// One document.
    pub(crate) fn get(&self, key: &str) -> Option<Document> {
        let (_, page) = self.page(key)?;
        page.get(key, |page| self.unpack(page))
    }

    /// Writes a document.
    pub(crate) fn insert(&mut self, key: &Arc<str>, document: Document) {
        self.set(key, Some(document));
    }

    /// Removes a document; whether there was one.
    pub(crate) fn remove(&mut self, key: &Arc<str>) -> bool {
        self.set(key, None)
    }

    /// All documents whose keys start so, in the order of their keys.
    pub(crate) fn under(&self, prefix: &str) -> impl Iterator<Item = Found> + use<'_> {
        let prefix = prefix.to_owned();
        let cursor = Cursor::at(self, Bound::Included(&prefix));
        cursor.take_while(move |(key, _)| key.starts_with(&prefix))
    }

    /// How many documents there are whose keys start so.
    pub(crate) fn count(&self, prefix: &str) -> u64 {
        let counts = self.pages_under(prefix).map(|(page, is_whole)| match is_whole {
            true => page.len() as u64,
            false => self.all(page).iter().filter(|(key, _)| key.starts_with(prefix)).count() as u64,
        });
        counts.sum()
    }

    /// How many documents there are whose keys start so, if none of them was written after this commit.
    pub(crate) fn unchanged(&self, prefix: &str, since: Index) -> Option<u64> {
        let mut count = 0;
        for (page, is_whole) in self.pages_under(prefix) {
            if is_whole && page.is_older(since) {
                count += page.len() as u64;
                continue;
            }
            for (_, document) in self.all(page).iter().filter(|(key, _)| key.starts_with(prefix)) {
                if document.revision > since {
                    return None;
                }
                count += 1;
            }
        }
        Some(count)
    }

    /// A copy, which shares what is packed.
    pub(crate) fn freeze(&self) -> Listing {
        Listing::new(self.pages.values().cloned().collect(), self.len)
    }

    fn set(&mut self, key: &Arc<str>, document: Option<Document>) -> bool {
        let existed = self.get(key).is_some();
        if document.is_none() && !existed {
            return false;
        }
        self.len = self.len + usize::from(document.is_some()) - usize::from(existed);
        let begin = match self.page(key) {
            Some((begin, _)) => Arc::clone(begin),
            // It comes before all others.
            None => Arc::from(""),
        };
        let page = self.pages.entry(Arc::clone(&begin)).or_default();
        page.set(key, document, existed);
        if page.len() == 0 || page.is_due() {
            self.pack(&begin);
        }
        existed
    }

    /// Packs a page anew: as several where it has grown, with the one before it where it is small, not at all where
    /// nothing is left.
    fn pack(&mut self, begin: &Arc<str>) {
        let Some(page) = self.pages.remove(begin) else { return };
        let mut begin = Arc::clone(begin);
        let mut documents = self.all(&page);
        self.unpacked.remove(&page.number);
        if size(&documents) < SMALL
            && let Some((before, small)) = self.page_before(&begin)
            && small.size() < page::SIZE / 2
        {
            let before = Arc::clone(before);
            if let Some(small) = self.pages.remove(&before) {
                documents = self.all(&small).iter().chain(&*documents).cloned().collect();
                self.unpacked.remove(&small.number);
                begin = before;
            }
        }
        for (at, part) in divide(&documents).into_iter().enumerate() {
            let begin = if at == 0 { Arc::clone(&begin) } else { Arc::clone(&part[0].0) };
            self.add(begin, part);
        }
    }

    /// Adds a page of these documents.
    fn add(&mut self, begin: Arc<str>, documents: &[Found]) {
        self.numbers += 1;
        self.pages.insert(begin, Page::pack(self.numbers, documents));
    }

    /// The page that has a key, if any has, and where it begins.
    fn page(&self, key: &str) -> Option<(&Arc<str>, &Page)> {
        self.pages.range::<str, _>((Bound::Unbounded, Bound::Included(key))).next_back()
    }

    fn page_before(&self, begin: &str) -> Option<(&Arc<str>, &Page)> {
        self.pages.range::<str, _>((Bound::Unbounded, Bound::Excluded(begin))).next_back()
    }

    /// The pages that may have documents whose keys start so, and whether all keys of one do.
    fn pages_under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a Page, bool)> {
        let first = self.page(prefix).map_or("", |(begin, _)| begin);
        let mut pages = self.pages.range::<str, _>((Bound::Included(first), Bound::Unbounded)).peekable();
        std::iter::from_fn(move || {
            let (begin, page) = pages.next().filter(|(begin, _)| &***begin <= prefix || begin.starts_with(prefix))?;
            // All that is between two keys which start so does as well.
            let is_whole = begin.starts_with(prefix) && pages.peek().is_some_and(|(next, _)| next.starts_with(prefix));
            Some((page, is_whole))
        })
    }

    /// All documents of a page.
    fn all(&self, page: &Page) -> Arc<[Found]> {
        page.all(|page| self.unpack(page))
    }

    /// What is packed in a page.
    fn unpack(&self, page: &Page) -> Arc<[Found]> {
        if let Some(documents) = self.unpacked.get(&page.number) {
            return documents;
        }
        let documents = page.packed();
        self.unpacked.insert(page.number, Arc::clone(&documents));
        documents
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").field("len", &self.len).field("pages", &self.pages.len()).finish()
    }
}
