//! What a worker remembers of the keys that it has seen: nobody else looks, so nothing is locked.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use super::account::Seat;
use super::register::Register;
use crate::catalog;
use crate::model::id::{ApiId, StageName};

/// A worker remembers so many keys, at most.
const MAX_KEYS: usize = 100_000;

/// One worker's view of the register.
pub struct Desk {
    register: Register,
    known: RefCell<HashMap<String, Vec<Remembered>>>,
}

struct Remembered {
    api: ApiId,
    stage: StageName,
    seat: Arc<Seat>,
}

impl Desk {
    /// A desk that remembers nobody yet.
    pub fn new(register: Register) -> Self {
        Self { register, known: RefCell::default() }
    }

    /// The seat that a key's value has at a stage; none if it has none.
    pub fn seat(&self, value: &str, api: &ApiId, stage: &StageName) -> Result<Option<Arc<Seat>>, catalog::Error> {
        let mut known = self.known.borrow_mut();
        let is_there = |one: &&Remembered| one.stage == *stage && one.api == *api;
        let found = known.get(value).and_then(|all| all.iter().find(is_there));
        if let Some(found) = found.filter(|found| found.seat.is_good()) {
            return Ok(Some(Arc::clone(&found.seat)));
        }
        let seat = self.register.look_up(value, api, stage)?;
        let Some(seat) = seat else { return Ok(None) };
        if known.len() >= MAX_KEYS && !known.contains_key(value) {
            tidy(&mut known);
        }
        let all = known.entry(value.to_owned()).or_default();
        all.retain(|one| one.seat.is_good() && !(one.stage == *stage && one.api == *api));
        all.push(Remembered { api: api.clone(), stage: stage.clone(), seat: Arc::clone(&seat) });
        Ok(Some(seat))
    }
}

/// Makes room: for what is no longer good, or else for everything.
fn tidy(known: &mut HashMap<String, Vec<Remembered>>) {
    known.retain(|_, all| all.iter().any(|one| one.seat.is_good()));
    if known.len() > MAX_KEYS / 2 {
        known.clear();
    }
}
