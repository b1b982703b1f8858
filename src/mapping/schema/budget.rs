//! What judging a body may cost.

/// A body that costs more to judge than any may.
#[derive(Debug, PartialEq)]
pub(super) struct Exhausted;

/// The checks that are left: one is a schema applied to a value, or what costs as much.
#[derive(Debug)]
pub(super) struct Budget(pub(super) u64);

impl Budget {
    /// Takes so many checks.
    pub(super) fn spend(&mut self, checks: u64) -> Result<(), Exhausted> {
        self.0 = self.0.checked_sub(checks).ok_or(Exhausted)?;
        Ok(())
    }
}
