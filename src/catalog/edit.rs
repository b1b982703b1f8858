//! An edit: changes of documents that are made together or not at all, and what they rely on.

use std::sync::Arc;

use turnpike_cluster::{Condition, Transaction};

use super::{Document, Documents, Error, Key, Prefix, Stored};

/// Changes under construction. What can go wrong while it is built shows when it is committed.
#[derive(Default)]
pub struct Edit {
    transaction: Transaction,
    failure: Option<Error>,
}

impl Edit {
    /// An edit that changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a document that must not exist yet.
    pub fn create<T: Document>(self, key: &Key<T>, value: &T) -> Self {
        self.when(Condition::Absent(key.as_str().to_owned())).put(key, value)
    }

    /// Writes a document that must be as `found` was read.
    pub fn update<T: Document>(self, key: &Key<T>, found: &Stored<T>, value: &T) -> Self {
        self.when(Condition::Revision(key.as_str().to_owned(), found.revision)).put(key, value)
    }

    /// Removes a document that must be as `found` was read.
    pub fn delete<T>(self, key: &Key<T>, found: &Stored<T>) -> Self {
        self.when(Condition::Revision(key.as_str().to_owned(), found.revision)).discard(key)
    }

    /// Writes a document whatever was there before.
    pub fn put<T: Document>(mut self, key: &Key<T>, value: &T) -> Self {
        match value.encode() {
            Ok(bytes) => self.transaction = self.transaction.put(key.as_str(), bytes),
            Err(error) => {
                self.failure = Some(Error::Corrupt { key: key.as_str().to_owned(), source: Arc::new(error) });
            }
        }
        self
    }

    /// Removes a document whatever it says, if it is there.
    pub fn discard<T>(mut self, key: &Key<T>) -> Self {
        self.transaction = self.transaction.delete(key.as_str());
        self
    }

    /// Removes everything below a document, at any depth.
    pub fn discard_below<T>(mut self, key: &Key<T>) -> Self {
        self.transaction = self.transaction.delete_prefix(format!("{}/", key.as_str()));
        self
    }

    /// Relies on a document being there.
    pub fn require<T>(self, key: &Key<T>) -> Self {
        self.when(Condition::Exists(key.as_str().to_owned()))
    }

    /// Relies on a document being as it was read.
    pub fn rely_on<T>(self, key: &Key<T>, found: &Stored<T>) -> Self {
        self.when(Condition::Revision(key.as_str().to_owned(), found.revision))
    }

    /// Relies on nothing having been written or removed under a prefix since this look at the documents.
    pub fn unchanged<T>(self, documents: &Documents<'_>, prefix: &Prefix<T>) -> Self {
        let (at, count) = (documents.index(), documents.count(prefix));
        self.when(Condition::Unchanged { prefix: prefix.as_str().to_owned(), at, count })
    }

    /// Both edits as one.
    pub fn and(mut self, other: Self) -> Self {
        self.transaction.conditions.extend(other.transaction.conditions);
        self.transaction.changes.extend(other.transaction.changes);
        self.failure = self.failure.or(other.failure);
        self
    }

    fn when(mut self, condition: Condition) -> Self {
        self.transaction = self.transaction.when(condition);
        self
    }

    pub(super) fn into_transaction(self) -> Result<Transaction, Error> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.transaction),
        }
    }
}
