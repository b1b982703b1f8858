//! Documents without a cluster, for tests of what stands on one.

use crate::raft::{Command, Outcome};
use crate::state::State;
use crate::transaction::{Committed, TransactError, Transaction};
use crate::view::View;

/// A node's documents: whoever has it decides what is agreed, and when the node hears of it.
#[derive(Default)]
pub struct Replica {
    state: State,
}

impl Replica {
    /// Looks at the documents.
    pub fn read<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> T {
        look(&View { state: &self.state })
    }

    /// Applies the next transaction, as nodes do.
    pub fn apply(&mut self, transaction: &Transaction) -> Result<Committed, TransactError> {
        let since = self.state.applied();
        let command = Command::Transact { id: u128::from(since), since, transaction: transaction.clone() };
        match self.state.apply(since + 1, &command).0 {
            Outcome::Conflict { condition, key, index } => Err(TransactError::Conflict { condition, key, index }),
            _ => Ok(Committed { index: since + 1 }),
        }
    }
}
