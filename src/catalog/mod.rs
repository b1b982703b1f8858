//! What the cluster has agreed on: typed documents over the replicated store; read, edit, watch.
//!
//! Both planes meet here and nowhere else. A control plane reads, decides, and commits an [`Edit`]; the data
//! plane watches and compiles. Reads are local; [`Catalog::fresh`] makes the next ones linearizable.

mod blobs;
mod document;
mod edit;
mod follower;
mod held;
pub mod keys;
mod sealed;
#[cfg(test)]
mod trial;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use turnpike_cluster::{Cluster, NoSpace, Settled, TransactError, View, Watch};

pub use document::{Document, Packed, Stored};
pub use edit::Edit;
pub use follower::Follower;
pub use held::Held;
pub use keys::{Key, Prefix};
pub use sealed::Sealed;
#[cfg(test)]
pub use trial::{Proposal, Trial};

use crate::model::id::{ApiId, StageName};

/// The catalog, a cheap handle.
#[derive(Clone)]
pub struct Catalog {
    cluster: Cluster,
}

/// Why the catalog could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A document that the edit relies on has changed meanwhile: read again and decide again.
    #[error("{key} was changed at the same time")]
    Conflict {
        /// The document's key.
        key: String,
    },
    /// Nothing was changed; another try may succeed.
    #[error("the cluster can't agree on anything at the moment")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// A backup is being restored. Nothing was changed.
    #[error("a backup is being restored")]
    Restoring(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// A node's disk is full, or nearly. Nothing was changed.
    #[error(transparent)]
    NoSpace(NoSpace),
    /// The edit may or may not have been made.
    #[error("it is not known whether the change was made")]
    Unknown(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The edit is larger than one transaction may be.
    #[error("the change is too large")]
    TooLarge(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// A document is not what its key says; a bug or a damaged disk.
    #[error("the document {key} can't be read")]
    Corrupt {
        /// The document's key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// What it means for an edit that its transaction was not made.
    fn of(error: TransactError) -> Self {
        match error {
            TransactError::Conflict { key, .. } => Self::Conflict { key },
            TransactError::NoSpace(why) => Self::NoSpace(why),
            error @ (TransactError::TooLarge { .. } | TransactError::NoPrefix) => Self::TooLarge(Arc::new(error)),
            error @ TransactError::Restoring => Self::Restoring(Arc::new(error)),
            error @ TransactError::Unknown { .. } => Self::Unknown(Arc::new(error)),
            error @ (TransactError::Unavailable { .. } | TransactError::Stopped) => Self::Unavailable(Arc::new(error)),
        }
    }
}

/// A consistent look at the documents, all as of one commit.
pub struct Documents<'a> {
    view: &'a View<'a>,
}

impl Catalog {
    /// Opens the catalog that this cluster keeps.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }

    /// Waits until local reads see everything that was committed, on any node, before this call.
    pub async fn fresh(&self) -> Result<(), Error> {
        self.cluster.fresh().await.map(|_| ()).map_err(|error| Error::Unavailable(Arc::new(error)))
    }

    /// Reads, all as of one commit. `look` runs under a lock that writers wait for: it must be quick.
    pub fn read<T>(&self, look: impl FnOnce(&Documents<'_>) -> T) -> T {
        self.cluster.read(|view| look(&Documents { view }))
    }

    /// Makes all of an edit's changes, or none; answers with the commit's index.
    pub async fn commit(&self, edit: Edit) -> Result<u64, Error> {
        let transaction = edit.into_transaction()?;
        self.cluster.transact(transaction).await.map(|committed| committed.index).map_err(Error::of)
    }

    /// Waits until every live node has dealt with all changes up to `index`.
    pub async fn settled(&self, index: u64, within: Duration) -> Settled {
        self.cluster.settled(index, within).await
    }

    /// Follows the changes after `index`.
    pub fn watch(&self, after: u64) -> Watch {
        self.cluster.watch(after)
    }

    /// Says that this node has dealt with all changes up to `index`.
    pub fn processed(&self, index: u64) {
        self.cluster.processed(index);
    }

    /// Locks a secret so that only nodes of this cluster can open it.
    pub fn seal(&self, secret: &[u8]) -> Sealed {
        Sealed::lock(&self.sealing_key(), secret)
    }

    /// Opens what [`Catalog::seal`] locked; nothing if it was made in another cluster or damaged.
    pub fn unseal(&self, sealed: &Sealed) -> Option<Vec<u8>> {
        sealed.open(&self.sealing_key())
    }

    /// Locks the value of an API key.
    pub fn seal_value(&self, value: &str) -> Vec<u8> {
        sealed::lock(&self.sealing_key(), value.as_bytes())
    }

    /// Opens the value of an API key; nothing if it was sealed in another cluster or damaged.
    pub fn unseal_value(&self, sealed: &[u8]) -> Option<String> {
        String::from_utf8(sealed::open(&self.sealing_key(), sealed)?).ok()
    }

    /// Whether this cluster can open the values of its API keys: not if they came with another one's backup. The first key
    /// speaks for all.
    pub fn opens_api_keys(&self) -> Result<bool, Error> {
        let first = self.read(|documents| documents.piece(&keys::api_keys(), None, 1));
        let Some(first) = first.first() else { return Ok(true) };
        Ok(self.unseal_value(&first.read()?.value).is_some())
    }

    /// What a secret is found by: the same text for the same secret, in this cluster only.
    pub fn fingerprint(&self, secret: &[u8]) -> String {
        sealed::fingerprint(&self.cluster.derive_key("catalog/fingerprint/1"), secret)
    }

    fn sealing_key(&self) -> [u8; 32] {
        self.cluster.derive_key("catalog/sealed/1")
    }
}

impl Documents<'_> {
    /// The commit that these documents are as of.
    pub fn index(&self) -> u64 {
        self.view.index()
    }

    /// One document, if it exists.
    pub fn get<T: Document>(&self, key: &Key<T>) -> Result<Option<Stored<T>>, Error> {
        self.view.get(key.as_str()).map(|document| Stored::read(key.as_str(), &document)).transpose()
    }

    /// One document as bytes, to be read outside the lock.
    pub fn pick<T: Document>(&self, key: &Key<T>) -> Option<Packed<T>> {
        self.view.get(key.as_str()).map(|document| Packed::new(key.as_str(), document))
    }

    /// All stages of all REST APIs.
    pub fn stage_keys(&self) -> HashSet<(ApiId, StageName)> {
        let all = keys::rest_apis();
        let apis = self.view.children(all.as_str());
        let apis: Vec<ApiId> = apis.filter_map(|(key, _)| key.strip_prefix(all.as_str()).map(ApiId::new)).collect();
        let stages = apis.iter().flat_map(|api| {
            let prefix = keys::stages(api);
            let stages = self.view.children(prefix.as_str());
            stages.filter_map(|(key, _)| keys::parse_stage(&key)).collect::<Vec<_>>()
        });
        stages.collect()
    }

    /// All stages of all APIs, of whichever kind.
    pub fn all_stage_keys(&self) -> HashSet<(ApiId, StageName)> {
        let all = keys::apis();
        let apis = self.view.children(all.as_str());
        let apis = apis.filter_map(|(key, _)| key.strip_prefix(all.as_str()).map(ApiId::new)).collect::<Vec<_>>();
        let stages = apis.iter().flat_map(|api| {
            let prefix = keys::api_stages(api);
            let stages = self.view.children(prefix.as_str());
            stages.filter_map(|(key, _)| keys::parse_api_stage(&key)).collect::<Vec<_>>()
        });
        self.stage_keys().into_iter().chain(stages).collect()
    }

    /// Whether a document exists.
    pub fn exists<T>(&self, key: &Key<T>) -> bool {
        self.view.get(key.as_str()).is_some()
    }

    /// All documents directly under a prefix, in the order of their keys.
    pub fn list<T: Document>(&self, prefix: &Prefix<T>) -> Result<Vec<Stored<T>>, Error> {
        self.view.children(prefix.as_str()).map(|(key, document)| Stored::read(&key, &document)).collect()
    }

    /// As [`Documents::list`], but at most so many, those behind the one that has the name `after` under the prefix, and as
    /// bytes: a piece of a list that is too long to be read under the lock.
    pub fn piece<T: Document>(&self, prefix: &Prefix<T>, after: Option<&str>, limit: usize) -> Vec<Packed<T>> {
        let children = self.view.children_after(prefix.as_str(), after.unwrap_or_default());
        children.take(limit).map(|(key, document)| Packed::new(&key, document)).collect()
    }

    /// How many documents there are under a prefix, however deep.
    pub fn count<T>(&self, prefix: &Prefix<T>) -> u64 {
        self.view.count(prefix.as_str())
    }
}
