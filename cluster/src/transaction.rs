//! The language of change: conditions on documents, changes of documents, all or nothing.

use serde::{Deserialize, Serialize};

use crate::Index;
use crate::space::NoSpace;

/// A key takes at most so many bytes.
pub(crate) const MAX_KEY: usize = 1024;
/// Keys and values of a transaction take at most so many bytes together.
pub(crate) const MAX_BYTES: usize = 16 * 1024 * 1024;
/// A transaction has at most so many conditions, and at most so many changes: an API with thousands of methods, all
/// that is said of them included, is made by one.
pub(crate) const MAX_PARTS: usize = 64 * 1024;

/// Conditions, and changes that are made if all of them hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transaction {
    /// What must be so, looked at in this order before anything is changed.
    pub conditions: Vec<Condition>,
    /// What is changed, in this order.
    pub changes: Vec<Change>,
}

/// Something that must be so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Condition {
    /// The document exists.
    Exists(String),
    /// The document does not exist.
    Absent(String),
    /// The document exists and was last written by this commit.
    Revision(String, Index),
    /// Nothing under a prefix was written or removed since it was read.
    Unchanged {
        /// The prefix.
        prefix: String,
        /// The index that the reader saw.
        at: Index,
        /// How many documents there were.
        count: u64,
    },
}

/// A change of documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// Writes a document, whether it exists or not.
    Put {
        /// Its key.
        key: String,
        /// What it says.
        #[serde(with = "serde_bytes")]
        value: Vec<u8>,
    },
    /// Removes a document, if it exists.
    Delete {
        /// Its key.
        key: String,
    },
    /// Removes all documents whose keys start so.
    DeletePrefix {
        /// The prefix; not empty.
        prefix: String,
    },
}

/// A transaction was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Where in the agreed order.
    pub index: Index,
}

/// A transaction was not made, or nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum TransactError {
    /// A condition does not hold. Nothing was changed.
    #[error("condition {condition} on {key} did not hold at {index}")]
    Conflict {
        /// Which one, counted from 0.
        condition: usize,
        /// Its key or prefix.
        key: String,
        /// Where in the agreed order it was looked at.
        index: Index,
    },
    /// The transaction is beyond a limit. Nothing was changed.
    #[error("the transaction's {what} is over the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit, in bytes or pieces.
        limit: usize,
    },
    /// The removal of everything under no prefix at all. Nothing was changed.
    #[error("documents are removed under a prefix, and this one is empty")]
    NoPrefix,
    /// A backup is being restored, or that was cut short. Nothing was changed.
    #[error("a restore is going on, or was cut short: nothing else can be changed until it is finished")]
    Restoring,
    /// A disk has no room for it: this node's, or the leader's. Nothing was changed, and nothing will be.
    #[error(transparent)]
    NoSpace(NoSpace),
    /// There was nobody to agree with. Nothing was changed, and nothing will be.
    #[error("no majority of the members agreed within {seconds} s")]
    Unavailable {
        /// How long was waited.
        seconds: u64,
    },
    /// It may have been made, or may still be.
    #[error("it is not known whether the transaction was made; the last answer is missing for {seconds} s")]
    Unknown {
        /// How long was waited.
        seconds: u64,
    },
    /// This node has stopped, or stops.
    #[error("this node has stopped")]
    Stopped,
}

impl Transaction {
    /// One that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition.
    pub fn when(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Adds the writing of a document.
    pub fn put(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.changes.push(Change::Put { key: key.into(), value: value.into() });
        self
    }

    /// Adds the removal of a document.
    pub fn delete(mut self, key: impl Into<String>) -> Self {
        self.changes.push(Change::Delete { key: key.into() });
        self
    }

    /// Adds the removal of all documents whose keys start so.
    pub fn delete_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.changes.push(Change::DeletePrefix { prefix: prefix.into() });
        self
    }

    /// Looks at the limits, before anybody else is bothered.
    pub(crate) fn check(&self) -> Result<(), TransactError> {
        let too_large = |what, limit| Err(TransactError::TooLarge { what, limit });
        if self.conditions.len() > MAX_PARTS || self.changes.len() > MAX_PARTS {
            return too_large("number of parts", MAX_PARTS);
        }
        if self.parts().any(|(key, _)| key.len() > MAX_KEY) {
            return too_large("key", MAX_KEY);
        }
        if self.size() > MAX_BYTES {
            return too_large("size", MAX_BYTES);
        }
        // Everything would be gone: certainly not what was meant.
        let everything = |change: &Change| matches!(change, Change::DeletePrefix { prefix } if prefix.is_empty());
        if self.changes.iter().any(everything) {
            return Err(TransactError::NoPrefix);
        }
        Ok(())
    }

    /// Bytes of all keys and values.
    pub(crate) fn size(&self) -> usize {
        self.parts().map(|(key, value)| key.len() + value).sum()
    }

    fn parts(&self) -> impl Iterator<Item = (&str, usize)> {
        let conditions = self.conditions.iter().map(|condition| (condition.key(), 0));
        conditions.chain(self.changes.iter().map(Change::size))
    }
}

impl Condition {
    /// The key or prefix that it is about.
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Exists(key) | Self::Absent(key) | Self::Revision(key, _) | Self::Unchanged { prefix: key, .. } => key,
        }
    }
}

impl Change {
    fn size(&self) -> (&str, usize) {
        match self {
            Self::Put { key, value } => (key, value.len()),
            Self::Delete { key } | Self::DeletePrefix { prefix: key } => (key, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_looked_at_before_anything_is_sent() {
        let long = "k".repeat(MAX_KEY + 1);
        assert!(Transaction::new().put("k", vec![0; 10]).check().is_ok());
        assert!(Transaction::new().put(long.clone(), "v").check().is_err());
        assert!(Transaction::new().when(Condition::Absent(long)).check().is_err());
        assert!(Transaction::new().put("k", vec![0; MAX_BYTES]).check().is_err());
        assert!(matches!(Transaction::new().delete_prefix("").check(), Err(TransactError::NoPrefix)));
        let many = (0..=MAX_PARTS).fold(Transaction::new(), |many, _| many.delete("k"));
        assert!(many.check().is_err());
    }
}
