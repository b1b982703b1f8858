//! Going through documents in the order of their keys: those that there are, or those that there were.

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use super::page::Page;
use super::{Documents, Found};

/// A place among the documents.
pub(crate) struct Cursor<'a> {
    documents: &'a Documents,
    /// The page that it is in, and the next document of it.
    page: Arc<[Found]>,
    at: usize,
    /// Where that page begins and ends; nowhere at first, and without an end if it is the last one.
    begin: Option<&'a str>,
    end: Option<&'a str>,
}

impl<'a> Cursor<'a> {
    /// A cursor before the first document from there on.
    pub(crate) fn at(documents: &'a Documents, start: Bound<&str>) -> Self {
        let mut cursor = Self { documents, page: Arc::default(), at: 0, begin: None, end: None };
        cursor.seek(start);
        cursor
    }

    /// Goes to before the first document from there on.
    pub(crate) fn seek(&mut self, start: Bound<&str>) {
        let (key, is_behind) = match start {
            Bound::Included(key) => (key, false),
            Bound::Excluded(key) => (key, true),
            Bound::Unbounded => ("", false),
        };
        let is_here = self.begin.is_some_and(|begin| begin <= key) && self.end.is_none_or(|end| key < end);
        if !is_here {
            let begin = self.documents.page(key).map(|(begin, _)| &**begin);
            let first = || self.documents.pages.first_key_value().map(|(begin, _)| &**begin);
            self.turn(begin.or_else(first));
        }
        self.at = self.page.partition_point(|(known, _)| if is_behind { **known <= *key } else { **known < *key });
    }

    /// Opens the page that begins there.
    fn turn(&mut self, begin: Option<&'a str>) {
        let from = |begin| self.documents.pages.range::<str, _>((Bound::Included(begin), Bound::Unbounded));
        let mut pages = begin.map(from).into_iter().flatten();
        let page = pages.next();
        self.page = page.map_or_else(Arc::default, |(_, page)| self.documents.all(page));
        self.begin = page.map(|(begin, _)| &**begin);
        self.end = pages.next().map(|(begin, _)| &**begin);
        self.at = 0;
    }
}

impl Iterator for Cursor<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        while self.at == self.page.len() {
            let end = self.end?;
            self.turn(Some(end));
        }
        self.at += 1;
        Some(self.page[self.at - 1].clone())
    }
}

/// All documents as they were at one moment, in the order of their keys.
#[derive(Clone)]
pub(crate) struct Listing {
    pages: std::vec::IntoIter<Page>,
    page: Arc<[Found]>,
    at: usize,
    left: usize,
}

impl Listing {
    pub(super) fn new(pages: Vec<Page>, len: usize) -> Self {
        Self { pages: pages.into_iter(), page: Arc::default(), at: 0, left: len }
    }
}

impl Iterator for Listing {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        while self.at == self.page.len() {
            self.page = self.pages.next()?.all(Page::packed);
            self.at = 0;
        }
        self.at += 1;
        self.left -= 1;
        Some(self.page[self.at - 1].clone())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Listing {}

impl PartialEq for Listing {
    fn eq(&self, other: &Self) -> bool {
        self.clone().eq(other.clone())
    }
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
