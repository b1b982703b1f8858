//! Documents that come in the order of their keys, as from a disk: each page is packed once.

use std::sync::Arc;

use super::{Documents, Found, page};

/// Documents in the making.
#[derive(Default)]
pub(crate) struct Builder {
    documents: Documents,
    /// What will be the next page, and its bytes.
    part: Vec<Found>,
    bytes: usize,
    /// The last key of the pages so far.
    last: Option<Arc<str>>,
}

impl Builder {
    /// Adds a document. One that is out of order costs more than others.
    pub(crate) fn push(&mut self, found: Found) {
        if self.part.last().is_some_and(|(last, _)| *last >= found.0) || self.bytes >= page::SIZE {
            self.close();
        }
        if self.last.as_ref().is_some_and(|last| *last >= found.0) {
            self.documents.insert(&found.0, found.1);
            return;
        }
        self.bytes += page::size(std::slice::from_ref(&found));
        self.part.push(found);
    }

    /// All of them.
    pub(crate) fn finish(mut self) -> Documents {
        self.close();
        self.documents
    }

    fn close(&mut self) {
        let part = std::mem::take(&mut self.part);
        self.bytes = 0;
        if let Some((first, _)) = part.first() {
            self.documents.len += part.len();
            self.documents.add(Arc::clone(first), &part);
            self.last = part.last().map(|(last, _)| Arc::clone(last));
        }
    }
}
