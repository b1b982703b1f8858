//! What is too large for a document: the cluster's blobs, each known by the SHA-256 of its bytes.

use std::io::Read;

use bytes::Bytes;
use turnpike_cluster::{Blob, BlobError, BlobId};

use super::Catalog;

impl Catalog {
    /// Keeps a blob: when this returns a majority of voters has it on disk.
    pub async fn keep_blob(&self, bytes: Bytes) -> Result<BlobId, BlobError> {
        self.cluster.keep_blob(std::io::Cursor::new(bytes)).await
    }

    /// Opens a blob; one that this node does not have yet it gets from another first.
    pub async fn blob(&self, id: BlobId) -> Result<Blob, BlobError> {
        self.cluster.blob(id).await
    }

    /// Reads a blob whole, if it has at most so many bytes.
    pub async fn read_blob(&self, id: BlobId, limit: u64) -> Result<Bytes, BlobError> {
        let blob = self.cluster.blob(id).await?;
        if blob.size() > limit {
            return Err(BlobError::TooLarge);
        }
        let reading = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            blob.take(limit).read_to_end(&mut bytes).map(|_| bytes)
        });
        let bytes = reading.await.map_err(|_| BlobError::Stopped)??;
        Ok(bytes.into())
    }

    /// Lets a blob go.
    pub async fn forget_blob(&self, id: BlobId) -> Result<(), BlobError> {
        self.cluster.forget_blob(id).await
    }

    /// The blobs that are kept.
    pub fn blobs(&self) -> Vec<BlobId> {
        self.cluster.blobs()
    }
}
