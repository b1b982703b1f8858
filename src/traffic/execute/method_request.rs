//! Fourth phase: is the request what the method asks for. No method has a validator yet, so every one is.

use super::access::Admitted;
use super::journal;
use super::outcome::Outcome;
use super::route::Routed;
use crate::traffic::message::Refusal;

/// A request that the method takes.
pub(super) struct Accepted(pub(super) Routed);

pub(super) fn accept(admitted: Admitted, outcome: &mut Outcome) -> Result<Accepted, Refusal> {
    journal::request(outcome, &admitted.0);
    Ok(Accepted(admitted.0))
}
