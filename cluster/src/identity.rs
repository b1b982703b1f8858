//! Who a node is, kept beside the engine: losing it, or mixing it up, could let one node vote twice.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::NodeId;
use crate::config::Secret;
use crate::disk::{self, Disk};

const IDENTITY: &str = "identity";
const SECRET: &str = "cluster.secret";

/// Who a node is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// 0 while it was not given one.
    pub(crate) node: NodeId,
    /// 0 while the cluster has not let the node in.
    pub(crate) cluster: u128,
    /// Tells two machines with one number apart.
    pub(crate) instance: u128,
    pub(crate) learner: bool,
    /// Whether bootstrap or joining came to their end; until then a restart takes them up again.
    pub(crate) member: bool,
    /// Whether the cluster has let it go: it is none any more.
    pub(crate) removed: bool,
}

impl Identity {
    /// A node that nobody has heard of yet.
    pub(crate) fn anew(learner: bool) -> Self {
        Self { node: 0, cluster: 0, instance: rand::random(), learner, member: false, removed: false }
    }

    /// Who the node on this disk is; `None` on a fresh one.
    pub(crate) fn read(disk: &dyn Disk) -> io::Result<Option<Self>> {
        disk::read(disk, IDENTITY)
    }

    pub(crate) fn write(&self, disk: &dyn Disk) -> io::Result<()> {
        disk::write(disk, IDENTITY, self)
    }
}

/// The secret that was made on this disk, or got for a join token, if one was.
pub(crate) fn secret(disk: &dyn Disk) -> io::Result<Option<Secret>> {
    let Some(mut file) = disk.open(SECRET)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Secret::new(bytes).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Makes a secret and keeps it.
pub(crate) fn make_secret(disk: &dyn Disk) -> io::Result<Secret> {
    let text: String = rand::random::<[u8; 32]>().iter().map(|byte| format!("{byte:02x}")).collect();
    let secret = Secret::new(text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    keep_secret(disk, &secret)?;
    Ok(secret)
}

/// Keeps a secret, so that the next start finds it. Like all files here it is its owner's alone.
pub(crate) fn keep_secret(disk: &dyn Disk, secret: &Secret) -> io::Result<()> {
    let mut file = disk.create(SECRET)?;
    file.write_all(secret.bytes())?;
    disk.keep(file)
}
