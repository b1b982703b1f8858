//! Making a backup: the documents are taken at one moment, and spelled out piece by piece while commits go on.

use std::io;

use super::{FORMAT, Header, MAGIC, MARKER, Part};
use crate::cluster::Cluster;
use crate::documents::Listing;
use crate::frames;
use crate::read::ReadError;

/// A backup in the making: yields the file's bytes, in pieces of about 256 KiB or one large document.
///
/// It holds on to the documents as they were, shared with the node's own copy for as long as they are the same.
pub struct Backup {
    header: Header,
    documents: Listing,
    next: Next,
}

/// What comes next.
enum Next {
    Header,
    Documents,
    Nothing,
}

/// No backup can be made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// What was committed last is not known.
    #[error("can't make a backup")]
    Read(#[from] ReadError),
    /// What is there is not whole.
    #[error("a restore is going on, or was cut short: there is nothing whole to back up until it is finished")]
    Restoring,
}

impl Cluster {
    /// Makes a backup of everything that was committed before this call, on any node; `made` is the time, in seconds
    /// since 1970.
    pub async fn backup(&self, made: u64) -> Result<Backup, BackupError> {
        self.fresh().await?;
        let cluster = self.cluster();
        self.read(|view| {
            if view.get(MARKER).is_some() {
                return Err(BackupError::Restoring);
            }
            // Documents are shared, not copied, so that the lock is held briefly.
            let documents = view.state.documents().freeze();
            let header = Header {
                cluster,
                index: view.index(),
                documents: documents.len() as u64,
                made,
                release: env!("CARGO_PKG_VERSION").to_owned(),
            };
            Ok(Backup::new(header, documents))
        })
    }
}

impl Backup {
    pub(super) fn new(header: Header, documents: Listing) -> Self {
        Self { header, documents, next: Next::Header }
    }

    /// What it is of.
    pub fn header(&self) -> &Header {
        &self.header
    }
}

impl Iterator for Backup {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = Vec::new();
        let written = match self.next {
            Next::Header => {
                self.next = Next::Documents;
                bytes.extend_from_slice(MAGIC);
                bytes.extend_from_slice(&FORMAT.to_le_bytes());
                frames::write(&mut bytes, &self.header)
            }
            Next::Documents if self.documents.len() > 0 => {
                frames::write(&mut bytes, &Part::Documents(frames::group(&mut self.documents)))
            }
            Next::Documents => {
                self.next = Next::Nothing;
                frames::write(&mut bytes, &Part::End)
            }
            Next::Nothing => return None,
        };
        if written.is_err() {
            self.next = Next::Nothing;
        }
        Some(written.map(|()| bytes))
    }
}
