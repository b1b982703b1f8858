//! The data directory: who this node is, which cluster it belongs to, and that only one process uses it.
//!
//! ```text
//! identity        node id, cluster id, instance, address
//! vote            the last vote, beside the store's own copy
//! cluster.secret  only where the cluster's secret was made at bootstrap
//! lock            held while a process runs
//! store/          sled
//! snapshots/      the last snapshot
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::Secret;
use crate::{NodeId, codec};

const MAGIC: &[u8; 4] = b"TPDF";
const FORMAT: u32 = 1;
/// No such file is longer than this.
const MAX_FILE: u64 = 1024 * 1024;

/// A node's data directory, locked.
pub(crate) struct Directory {
    path: PathBuf,
    /// Held for its lock alone.
    _lock: File,
}

/// Who a node is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) node: NodeId,
    /// 0 while the cluster has not let the node in.
    pub(crate) cluster: u128,
    /// Tells two machines with one number apart.
    pub(crate) instance: u128,
    pub(crate) learner: bool,
    /// Whether bootstrap or joining came to their end; until then a restart takes them up again.
    pub(crate) member: bool,
}

impl Directory {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::ResourceBusy, "another process is using this data directory")
            }
            fs::TryLockError::Error(error) => error,
        })?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path.join("store")
    }

    pub(crate) fn snapshots(&self) -> PathBuf {
        self.path.join("snapshots")
    }

    pub(crate) fn vote(&self) -> PathBuf {
        self.path.join("vote")
    }

    /// Who this node is; `None` in a fresh directory.
    pub(crate) fn identity(&self) -> io::Result<Option<Identity>> {
        read(&self.path.join("identity"))
    }

    pub(crate) fn set_identity(&self, identity: &Identity) -> io::Result<()> {
        write(&self.path.join("identity"), identity)
    }

    /// The secret that was made here, if one was.
    pub(crate) fn secret(&self) -> io::Result<Option<Secret>> {
        match fs::read(self.path.join("cluster.secret")) {
            Ok(bytes) => {
                Secret::new(bytes).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a secret and keeps it for its owner alone.
    pub(crate) fn make_secret(&self) -> io::Result<Secret> {
        use std::os::unix::fs::OpenOptionsExt;
        let text: String = rand::random::<[u8; 32]>().iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.path.join("cluster.secret");
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        sync_directory(&self.path)?;
        Secret::new(text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

/// Writes a small file so that after a power cut there is the old one or the new one, whole.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    write_bytes(path, &codec::encode(value)?)
}

/// As [`write()`], for bytes: magic, format, checksum, then the bytes.
pub(crate) fn write_bytes(path: &Path, payload: &[u8]) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.write_all(MAGIC)?;
    file.write_all(&FORMAT.to_le_bytes())?;
    file.write_all(&crc32fast::hash(payload).to_le_bytes())?;
    file.write_all(payload)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_directory(parent)
}

/// Reads what [`write()`] wrote; `None` if there is no such file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match read_bytes(path, MAX_FILE)? {
        Some(payload) => Ok(Some(codec::decode(&payload)?)),
        None => Ok(None),
    }
}

/// Reads what [`write_bytes`] wrote.
pub(crate) fn read_bytes(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(limit).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged", path.display()));
    let (head, payload) = bytes.split_at_checked(12).ok_or_else(damaged)?;
    let expected = [MAGIC.as_slice(), &FORMAT.to_le_bytes(), &crc32fast::hash(payload).to_le_bytes()].concat();
    if head != expected {
        return Err(damaged());
    }
    Ok(Some(payload.to_vec()))
}

pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_told_from_a_missing_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        assert_eq!(read::<u64>(&path).expect("no error"), None);
        write(&path, &7_u64).expect("written");
        assert_eq!(read::<u64>(&path).expect("no error"), Some(7));
        let mut bytes = fs::read(&path).expect("bytes");
        bytes[13] ^= 1;
        fs::write(&path, bytes).expect("written");
        assert!(read::<u64>(&path).is_err());
    }

    #[test]
    fn a_directory_serves_one_process() {
        let directory = tempfile::tempdir().expect("a directory");
        let held = Directory::open(directory.path()).expect("free");
        assert!(Directory::open(directory.path()).is_err());
        drop(held);
        assert!(Directory::open(directory.path()).is_ok());
    }
}
