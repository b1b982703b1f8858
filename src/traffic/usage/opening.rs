//! Which day's quotas are open: a document of the catalog says it, and every lease relies on that document.
//!
//! No node opens a day by its own clock. A node whose calendar says another day than the document asks all others, and changes
//! the document to what a majority of the members says. So a node whose clock is wrong, be it the leader, takes its leases of
//! the same day as all others, whenever its clock was set and however long ago it was compared: a lease of another day fails
//! when it is applied, by what is in the log alone. A new day begins a moment after midnight, when the first node has asked.
//!
//! Where too few are right for a majority, the day that is open stays. Where a majority is wrong in the same way, quotas follow
//! it, early or late; no day is given out twice even then, because what was used of a day stays written down.

use std::sync::atomic::{AtomicU32, Ordering};

use super::books::Books;
use super::calendar::Calendar;
use super::clocks::{self, Offset};
use super::purse::Day;
use crate::catalog::{self, Edit, keys};
use crate::model::rest::usage::OpenDay;

/// The open day as this node knows it. Read without a lock.
#[derive(Debug, Default)]
pub(super) struct Opening {
    /// Zero while it is not known.
    day: AtomicU32,
    /// The day that the own calendar said when others were asked last.
    asked: AtomicU32,
}

/// What other nodes say of the time.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// How far each clock is ahead of what was read of this node's, and which day its node says it is.
    pub(super) told: Vec<(Offset, Day)>,
    /// How many nodes there are, whether they answered or not.
    pub(super) members: usize,
}

impl Opening {
    pub(super) fn day(&self) -> Day {
        self.day.load(Ordering::Acquire)
    }

    /// This is what the document says.
    pub(super) fn see(&self, open: Option<OpenDay>) {
        self.day.store(open.map_or(0, |open| open.day), Ordering::Release);
    }

    /// Whether the open day is known, and is the own one, or most others have been asked about the difference.
    pub(super) fn is_settled(&self, own: Day) -> bool {
        let day = self.day();
        day != 0 && (day == own || self.asked.load(Ordering::Acquire) == own)
    }
}

/// Compares clocks with the other nodes, follows the right time, and opens the day that it is. How far the right time is
/// ahead of this node's clock, as far as enough others answer.
pub(super) async fn compare<B: Books>(books: &B, calendar: &Calendar) -> Result<Option<Offset>, catalog::Error> {
    let reading = calendar.read();
    let heard = books.ask_clocks(reading).await;
    let offsets = heard.told.iter().map(|(offset, _)| *offset).chain([0]).collect();
    let Some(ahead) = clocks::right(offsets, heard.members, Some(0)) else { return Ok(None) };
    calendar.follow(reading, ahead);
    let own = calendar.today();
    let days = heard.told.iter().map(|(_, day)| *day).chain([own]).collect();
    open(books, days, heard.members).await?;
    calendar.opening.see(look(books)?.map(|found| found.value));
    calendar.opening.asked.store(own, Ordering::Release);
    Ok(Some(ahead))
}

/// Opens the day that most nodes say it is, where another one is open.
async fn open<B: Books>(books: &B, days: Vec<Day>, members: usize) -> Result<(), catalog::Error> {
    let found = look(books)?;
    let known = found.as_ref().map(|found| found.value.day);
    let Some(day) = clocks::right(days, members, known).filter(|day| known != Some(*day)) else { return Ok(()) };
    let place = keys::open_day();
    let edit = match &found {
        Some(found) => Edit::new().update(&place, found, &OpenDay { day }),
        None => Edit::new().create(&place, &OpenDay { day }),
    };
    match books.commit(edit).await {
        // Another node was faster.
        Ok(_) | Err(catalog::Error::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn look<B: Books>(books: &B) -> Result<Option<catalog::Stored<OpenDay>>, catalog::Error> {
    books.read(|documents| documents.get(&keys::open_day()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_lease_is_taken_before_others_were_asked_about_another_day() {
        let opening = Opening::default();
        assert!(!opening.is_settled(0) && !opening.is_settled(7));
        opening.see(Some(OpenDay { day: 7 }));
        assert_eq!([6, 7, 8].map(|own| opening.is_settled(own)), [false, true, false]);
        opening.asked.store(8, Ordering::Release);
        assert_eq!([6, 7, 8].map(|own| opening.is_settled(own)), [false, true, true]);
        opening.see(None);
        assert!(!opening.is_settled(8));
    }
}
