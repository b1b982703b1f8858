//! The measured gateways, each started the same way: pinned to one core, in front of the same upstream.

pub(crate) mod admin;
pub(crate) mod keys;
pub(crate) mod nginx;
pub(crate) mod turnpike;

use std::time::Duration;

use tempfile::TempDir;

use crate::process::Process;
use crate::system;

/// A gateway that answers.
pub(crate) struct Gateway {
    /// What reports call it.
    pub(crate) name: String,
    /// The URL that leads through it to the upstream.
    pub(crate) url: String,
    // The process comes first, so that it is gone when its directory is removed.
    process: Process,
    _directory: TempDir,
}

impl Gateway {
    /// The CPU time that all its threads and processes used so far.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        system::cpu_time(self.process.pid())
    }
}
