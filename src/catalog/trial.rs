//! A catalog without a cluster, for tests: they decide what is agreed, and when a node hears of it.

use turnpike_cluster::{Replica, Transaction};

use super::{Documents, Edit, Error};

/// A node's catalog.
#[derive(Default)]
pub struct Trial(Replica);

/// An edit on its way.
#[derive(Clone)]
pub struct Proposal(Transaction);

impl Trial {
    /// Reads, all as of one commit.
    pub fn read<T>(&self, look: impl FnOnce(&Documents<'_>) -> T) -> T {
        self.0.read(|view| look(&Documents { view }))
    }

    /// Applies the next edit in the agreed order.
    pub fn apply(&mut self, proposal: &Proposal) -> Result<u64, Error> {
        self.0.apply(&proposal.0).map(|committed| committed.index).map_err(Error::of)
    }
}

impl Edit {
    /// The edit, to be sent.
    pub fn propose(self) -> Result<Proposal, Error> {
        self.into_transaction().map(Proposal)
    }
}
