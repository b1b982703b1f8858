//! The repair of a data directory whose store is damaged: it is moved aside, and the node is forgotten.
//!
//! A member that has lost part of its log or its vote must never take part again as who it was: it could confirm once more,
//! and otherwise, what the cluster has agreed on already. It comes back under a new number, with nothing, as a learner.

use std::io;
use std::path::{Path, PathBuf};

use crate::NodeId;
use crate::disk::{self, Directory, Disk};
use crate::identity::{self, Identity};

/// Says that the directory was repaired: a new cluster is not to begin in it by a repeated command.
const MARK: &str = "repaired";
/// What is moved aside. The store first and the identity late: until all is done a start finds the store damaged still.
fn damaged() -> Vec<&'static str> {
    [&disk::STORES[..], &["snapshot", "vote", "identity", "reach"]].concat()
}

/// What a repair has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// Where the damaged store is now.
    pub aside: PathBuf,
    /// The number of the node that there was, if it could still be read.
    pub node: Option<NodeId>,
    /// Whether the directory holds the cluster's secret.
    pub has_secret: bool,
}

/// A directory was not repaired.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// It can't be used: another process may have it.
    #[error("can't repair the data directory {}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// There is nothing to repair.
    #[error("{} holds no node", path.display())]
    NoNode {
        /// Which.
        path: PathBuf,
    },
}

/// Moves the store in a data directory aside and forgets the node: the next start that joins comes in as a new one. What
/// the cluster's nodes share, its secret, stays.
pub fn repair(data: &Path) -> Result<Repaired, RepairError> {
    let failed = |source| RepairError::Directory { path: data.to_owned(), source };
    // Looked at first: to take a directory makes it.
    if !damaged().iter().any(|name| data.join(name).exists()) {
        return Err(RepairError::NoNode { path: data.to_owned() });
    }
    let directory = Directory::open(data).map_err(failed)?;
    // It may be what is damaged.
    let identity = Identity::read(&directory).ok().flatten();
    let node = identity.map(|identity| identity.node).filter(|node| *node != 0);
    disk::write(&directory, MARK, &node).map_err(failed)?;
    let aside = directory.set_aside(&damaged()).map_err(failed)?;
    let has_secret = matches!(identity::secret(&directory), Ok(Some(_)));
    Ok(Repaired { aside: data.join(aside), node, has_secret })
}

/// Whether a directory was repaired.
pub(crate) fn was_made(disk: &dyn Disk) -> io::Result<bool> {
    Ok(disk.open(MARK)?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(data: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(data).expect("a directory");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_damaged_store_is_moved_aside_and_the_secret_stays() {
        let data = tempfile::tempdir().expect("a directory");
        let path = data.path();
        {
            let directory = Directory::open(path).expect("free");
            Identity { node: 7, member: true, ..Identity::anew(false) }.write(&directory).expect("written");
            identity::make_secret(&directory).expect("made");
            disk::write(&directory, "vote", &1_u64).expect("written");
            directory.engine().expect("an engine");
            assert!(repair(path).is_err(), "it is in use");
        }
        let repaired = repair(path).expect("repaired");
        assert_eq!(repaired, Repaired { aside: path.join("damaged-1"), node: Some(7), has_secret: true });
        assert_eq!(holds(path), ["cluster.secret", "damaged-1", "lock", "repaired"]);
        assert_eq!(holds(&path.join("damaged-1")), ["identity", "store", "vote"]);
        assert!(was_made(&Directory::open(path).expect("free")).expect("read"));
        assert!(matches!(repair(path), Err(RepairError::NoNode { .. })), "there is nothing more");
    }

    #[test]
    fn a_second_repair_keeps_what_the_first_has_moved_and_an_unreadable_identity_does_not_matter() {
        let data = tempfile::tempdir().expect("a directory");
        for count in ["damaged-1", "damaged-2"] {
            std::fs::write(data.path().join("identity"), "nonsense").expect("written");
            let repaired = repair(data.path()).expect("repaired");
            assert_eq!(repaired.aside, data.path().join(count));
            assert_eq!(repaired.node, None);
        }
    }

    #[test]
    fn where_there_is_no_node_nothing_is_made() {
        let data = tempfile::tempdir().expect("a directory");
        let nowhere = data.path().join("nowhere");
        assert!(matches!(repair(&nowhere), Err(RepairError::NoNode { .. })));
        assert!(!nowhere.exists());
    }
}
