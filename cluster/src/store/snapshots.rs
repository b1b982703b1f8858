//! The last snapshot, a file beside sled: written whole and fsynced under a name of its own, then put in place.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::codec;
use crate::directory;
use crate::raft::{LogId, SnapshotMeta};

/// A snapshot's file is at most so large.
const MAX_SNAPSHOT: u64 = 4 * 1024 * 1024 * 1024;

/// What the file holds.
#[derive(Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub(super) meta: SnapshotMeta,
    #[serde(with = "serde_bytes")]
    pub(super) data: Vec<u8>,
}

/// The place of a node's snapshots. One is built here while another may come in from the leader.
pub(crate) struct Snapshots {
    path: PathBuf,
    standing: watch::Sender<Standing>,
}

#[derive(Clone, Copy, Default)]
struct Standing {
    /// The last entry in the snapshot that is on disk.
    saved: Option<LogId>,
    /// Whether one from the leader is on its way.
    coming: bool,
}

impl Snapshots {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&path)?;
        let snapshots = Self { path, standing: watch::channel(Standing::default()).0 };
        let saved = snapshots.read()?.and_then(|snapshot| snapshot.meta.last_log_id);
        snapshots.standing.send_replace(Standing { saved, coming: false });
        Ok(snapshots)
    }

    pub(super) fn read(&self) -> io::Result<Option<Snapshot>> {
        match directory::read_bytes(&self.path.join("current"), MAX_SNAPSHOT)? {
            Some(bytes) => Ok(Some(codec::decode(&bytes)?)),
            None => Ok(None),
        }
    }

    /// Puts a snapshot in place, unless a later one is there.
    pub(super) fn save(&self, snapshot: &Snapshot) -> io::Result<()> {
        let bytes = codec::encode(snapshot)?;
        let mut result = Ok(());
        // Under the channel's own lock, so that of two the later one stays.
        self.standing.send_if_modified(|standing| {
            if snapshot.meta.last_log_id < standing.saved {
                return false;
            }
            result = directory::write_bytes(&self.path.join("current"), &bytes);
            if result.is_ok() {
                standing.saved = snapshot.meta.last_log_id;
            }
            result.is_ok()
        });
        result
    }

    /// Says whether a snapshot from the leader is on its way.
    pub(super) fn set_coming(&self, coming: bool) {
        self.standing.send_modify(|standing| standing.coming = coming);
    }

    /// Waits until a snapshot with this entry is on disk, if one is on its way that may have it.
    pub(super) async fn wait_for(&self, entry: &LogId) -> io::Result<()> {
        let mut news = self.standing.subscribe();
        let here = news.wait_for(|standing| !standing.coming || standing.saved.as_ref() >= Some(entry)).await;
        here.map(drop).map_err(|_| io::Error::other("the store is closed"))
    }
}
