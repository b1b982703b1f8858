//! The commits behind leases: what is read of the catalog, what is decided, what is written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use time::Date;
use tokio::time::Instant;

use super::books::Books;
use super::holding::Holding;
use super::lease::Need;
use super::purse::Day;
use crate::catalog::{self, Documents, Edit, Stored, keys};
use crate::model::id::{ApiKeyId, UsagePlanId};
use crate::model::rest::usage::{Crossed, Record, Window, month};
use crate::model::rest::{Usage, UsagePlan};

/// A commit that is overtaken is tried so many times.
const TRIES: u32 = 30;
/// Whether a lease was taken is asked for so long, where a node that is cut off can't learn it.
const RESOLVING: Duration = Duration::from_secs(60);
/// What is held is given back within this time when the node ends, tried so often.
pub(super) const CLOSING: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(50);
/// So many months before this one are kept: usage is told for ninety days.
const KEPT: u32 = 4;
/// Months are looked for that are up to so old.
const OLDEST: u32 = 12;
/// The first of January 1970, as a Julian day.
const EPOCH: i32 = 2_440_588;

/// Where a plan's leases are written down.
pub(super) struct Ledger<'a, B> {
    pub(super) books: &'a B,
    pub(super) plan: &'a UsagePlanId,
}

/// An account that wants tokens.
pub(super) struct Request {
    pub(super) holding: Arc<Holding>,
    /// Tokens that are spent in a second, where that is known.
    pub(super) demand: Option<f64>,
}

/// What came of asking for tokens.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Renewed {
    /// The account has what it should have.
    Filled,
    /// The quota has nothing left, by what is written down.
    Nothing,
}

/// A change of what is written down as used: leases that are given back, requests that were counted afterwards.
pub(super) struct Posting {
    pub(super) holding: Arc<Holding>,
    pub(super) day: Day,
    pub(super) change: i64,
}

/// Postings that are written down together, each once.
pub(super) struct Batch {
    /// By this number the node knows what of it is written.
    number: u64,
    pages: Vec<Page>,
}

/// What changes of one key's month.
#[derive(Clone)]
struct Page {
    holding: Arc<Holding>,
    month: Date,
    /// By the days of the month.
    days: BTreeMap<u8, i64>,
}

impl Batch {
    /// A batch with this number, which no other of the node has.
    pub(super) fn new(number: u64, postings: Vec<Posting>) -> Self {
        let mut pages: BTreeMap<(ApiKeyId, Date), Page> = BTreeMap::new();
        for Posting { holding, day, change } in postings {
            let Some(day) = date(day) else { continue };
            let place = (holding.key.clone(), month(day));
            let page = pages.entry(place).or_insert_with(|| Page { holding, month: month(day), days: BTreeMap::new() });
            *page.days.entry(day.day()).or_default() += change;
        }
        Self { number, pages: pages.into_values().collect() }
    }
}

/// What a lease would be, decided on what one commit says.
struct Draft {
    edit: Edit,
    lease: u64,
    low: u64,
    /// A share of the quota that is used with it, of which nobody was told in this period.
    crossed: Option<u64>,
    /// What a process of this node that crashed has held at the most.
    stranded: u64,
}

impl<B: Books> Ledger<'_, B> {
    /// Takes leases for all of these accounts in one commit, or, where others come between, in one each.
    pub(super) async fn renew(&self, requests: &[Request], day: Day) -> Result<Vec<Renewed>, catalog::Error> {
        match self.lease(requests, day).await {
            Err(catalog::Error::Conflict { .. }) => {}
            result => return result,
        }
        let mut renewed = Vec::with_capacity(requests.len());
        for request in requests {
            renewed.extend(self.lease_one(request, day).await?);
        }
        Ok(renewed)
    }

    async fn lease_one(&self, request: &Request, day: Day) -> Result<Vec<Renewed>, catalog::Error> {
        for attempt in 1.. {
            self.rest(attempt).await?;
            match self.lease(std::slice::from_ref(request), day).await {
                Err(catalog::Error::Conflict { .. }) if attempt < TRIES => {}
                result => return result,
            }
        }
        Ok(Vec::new())
    }

    async fn lease(&self, requests: &[Request], day: Day) -> Result<Vec<Renewed>, catalog::Error> {
        let Some(today) = date(day) else { return Ok(Vec::new()) };
        let number = self.books.number();
        let terms: Vec<u64> = requests.iter().map(|request| request.holding.terms()).collect();
        let drafts = self.books.read(|documents| {
            let Some(plan) = documents.get(&keys::usage_plan(self.plan))? else { return Ok(None) };
            // Of no other day than the one that is open when the lease is applied.
            let open = documents.get(&keys::open_day())?.filter(|open| open.value.day == day);
            let Some(open) = open else { return Ok(None) };
            let drafts = requests.iter().map(|request| self.draft(documents, &plan, request, (today, day), number));
            Ok(Some((
                Edit::new().rely_on(&keys::open_day(), &open),
                drafts.collect::<Result<Vec<Option<Draft>>, _>>()?,
            )))
        });
        let drafts = drafts.inspect_err(|error: &catalog::Error| report(error))?;
        // Who waits looks again then.
        let Some((mut edit, drafts)) = drafts else { return Ok(Vec::new()) };
        let mut leases = Vec::with_capacity(drafts.len());
        for draft in drafts {
            leases.push(draft.map(|draft| {
                edit = std::mem::take(&mut edit).and(draft.edit);
                (draft.lease, draft.low, draft.crossed, draft.stranded)
            }));
        }
        let taken = leases.iter().position(|lease| lease.is_some_and(|(lease, ..)| lease > 0));
        if let Some(first) = taken.and_then(|first| requests.get(first)) {
            match self.books.commit(edit).await {
                Err(catalog::Error::Unknown(_)) if self.was_taken(&first.holding, today, number).await => {}
                result => {
                    result?;
                }
            }
        }
        let mut renewed = Vec::with_capacity(requests.len());
        for (index, (Request { holding, .. }, terms)) in requests.iter().zip(terms).enumerate() {
            let Some(Some((lease, low, crossed, stranded))) = leases.get(index) else {
                renewed.push(Renewed::Filled);
                continue;
            };
            if *lease > 0 {
                holding.fill(day, *lease, *low, terms);
                holding.is_known.store(true, Ordering::Release);
                holding.limits.load().metrics.leased();
                holding.limits.load().metrics.stranded(*stranded);
            }
            if let Some(percent) = crossed {
                tracing::warn!(plan = %self.plan, key = %holding.key, percent, "a key has used so much of its quota");
                holding.limits.load().metrics.crossed(*percent);
            }
            let has_any = holding.purse.held().1 > 0 || *lease > 0;
            renewed.push(if has_any { Renewed::Filled } else { Renewed::Nothing });
        }
        Ok(renewed)
    }

    /// Decides on one lease; none for an account whose plan has no quota any more.
    fn draft(
        &self,
        documents: &Documents<'_>,
        plan: &Stored<UsagePlan>,
        Request { holding, demand }: &Request,
        (today, day): (Date, Day),
        number: u64,
    ) -> Result<Option<Draft>, catalog::Error> {
        let Some(quota) = plan.value.quota else { return Ok(None) };
        let window = quota.period.window(today);
        let place = keys::usage(self.plan, &holding.key, today);
        let mut edit = Edit::new().rely_on(&keys::usage_plan(self.plan), plan);
        let mut months = Vec::new();
        let mut found: Option<Stored<Usage>> = None;
        for first in (Window { last: today, ..window }).months() {
            let key = keys::usage(self.plan, &holding.key, first);
            let Some(stored) = documents.get(&key)? else { continue };
            months.push((first, stored.value.clone()));
            if first == month(today) {
                found = Some(stored);
            } else {
                edit = edit.rely_on(&key, &stored);
            }
        }
        let told: Vec<Crossed> = months.iter().filter_map(|(_, usage)| usage.crossed).collect();
        let record = Record::new(months);
        let remaining = quota.remaining(&record, today);
        let (of, held) = holding.purse.held();
        let held = if of == day { held } else { 0 };
        let need = Need { limit: quota.allowance(window), remaining, held, demand: *demand, nodes: self.books.nodes() };
        let lease = need.lease();
        let mark = need.mark(lease).filter(|_| lease > 0);
        let mark = mark.map(|percent| Crossed { first: window.first.to_julian_day(), limit: need.limit, percent });
        let is_told = |mark: &Crossed| {
            told.iter().any(|told| Crossed { percent: mark.percent, ..*told } == *mark && told.percent >= mark.percent)
        };
        let crossed = mark.filter(|mark| !is_told(mark));
        let mut usage = found.as_ref().map(|found| found.value.clone()).unwrap_or_default();
        usage.days.entry(today.day()).or_default().used += lease;
        usage.crossed = crossed.or(usage.crossed);
        usage.leased.insert(self.books.node(), number);
        let before = usage.held.insert(self.books.node(), held + lease).unwrap_or_default();
        let stranded = if holding.is_known.load(Ordering::Acquire) { 0 } else { before };
        if lease > 0 {
            edit = match &found {
                Some(found) => edit.update(&place, found, &usage),
                None => self.without_old(edit.create(&place, &usage), &holding.key, today),
            };
        }
        Ok(Some(Draft { edit, lease, low: need.low(lease), crossed: crossed.map(|mark| mark.percent), stranded }))
    }

    /// Where a month begins, those go that nobody is told of any more.
    fn without_old(&self, mut edit: Edit, key: &ApiKeyId, today: Date) -> Edit {
        let mut first = month(today);
        for age in 1..=OLDEST {
            first = month(first.previous_day().unwrap_or(first));
            if age > KEPT {
                edit = edit.discard(&keys::usage(self.plan, key, first));
            }
        }
        edit
    }

    /// Writes a batch down; whether all of it is. What is not stays in it, to be tried again: each part is written once,
    /// even if it could not be learned at first whether it was.
    pub(super) async fn post(&self, batch: &mut Batch) -> bool {
        for attempt in 1..=TRIES {
            if batch.pages.is_empty() {
                return true;
            }
            if self.rest(attempt).await.is_err() {
                return false;
            }
            // All at once, and one by one where others come between.
            let size = if attempt == 1 { batch.pages.len() } else { 1 };
            let mut left = Vec::new();
            let mut is_open = true;
            for part in batch.pages.chunks(size) {
                let written = if is_open { self.write(part, batch.number).await.map(|()| true) } else { Ok(false) };
                match written {
                    Ok(true) => continue,
                    Ok(false) | Err(catalog::Error::Conflict { .. } | catalog::Error::Unknown(_)) => {}
                    Err(error) => {
                        report(&error);
                        is_open = false;
                    }
                }
                left.extend(part.iter().cloned());
            }
            batch.pages = left;
            if !is_open {
                return false;
            }
        }
        batch.pages.is_empty()
    }

    /// Writes the last batches of a node that ends, one after the other; whether all of them could be written in time.
    pub(super) async fn post_last(&self, batches: Vec<Batch>) -> bool {
        let deadline = Instant::now() + CLOSING;
        for mut batch in batches {
            while !self.post(&mut batch).await {
                if Instant::now() > deadline {
                    return false;
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
        true
    }

    async fn write(&self, pages: &[Page], number: u64) -> Result<(), catalog::Error> {
        let edit = self.books.read(|documents| {
            // Usage that nobody can ask for any more is not written.
            let Some(plan) = documents.get(&keys::usage_plan(self.plan))? else { return Ok(None) };
            let mut edit = Edit::new().rely_on(&keys::usage_plan(self.plan), &plan);
            let mut is_empty = true;
            for Page { holding, month, days } in pages {
                let key = keys::usage(self.plan, &holding.key, *month);
                let found: Option<Stored<Usage>> = documents.get(&key)?;
                let mut usage = found.as_ref().map(|found| found.value.clone()).unwrap_or_default();
                if usage.posted.insert(self.books.node(), number) == Some(number) {
                    continue;
                }
                is_empty = false;
                match holding.purse.held().1 {
                    0 => usage.held.remove(&self.books.node()),
                    held => usage.held.insert(self.books.node(), held),
                };
                for (day, change) in days {
                    let used = &mut usage.days.entry(*day).or_default().used;
                    *used = used.saturating_add_signed(*change);
                }
                edit = match &found {
                    Some(found) => edit.update(&key, found, &usage),
                    None => self.without_old(edit.create(&key, &usage), &holding.key, *month),
                };
            }
            Ok::<_, catalog::Error>((!is_empty).then_some(edit))
        })?;
        match edit {
            Some(edit) => self.books.commit(edit).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// Whether a lease was taken of which that could not be learned at first.
    async fn was_taken(&self, holding: &Holding, today: Date, number: u64) -> bool {
        let deadline = Instant::now() + RESOLVING;
        for attempt in (2..TRIES).chain(std::iter::repeat(TRIES)) {
            if self.rest(attempt).await.is_ok() {
                let place = keys::usage(self.plan, &holding.key, today);
                let found: Result<Option<Stored<Usage>>, _> = self.books.read(|documents| documents.get(&place));
                return found.is_ok_and(|found| {
                    found.is_some_and(|found| found.value.leased.get(&self.books.node()) == Some(&number))
                });
            }
            if Instant::now() > deadline {
                break;
            }
        }
        tracing::warn!(plan = %self.plan, key = %holding.key, "it can't be learned whether a lease was taken: it may be lost");
        false
    }

    /// Before another try: what others have written must be here, and whoever met once should not meet again.
    async fn rest(&self, attempt: u32) -> Result<(), catalog::Error> {
        if attempt > 1 {
            // A number of this node's alone, scattered.
            let scattered = self.books.number().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let pause = scattered % (3 * u64::from(attempt) + 1);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            self.books.fresh().await?;
        }
        Ok(())
    }
}

fn date(day: Day) -> Option<Date> {
    Date::from_julian_day(EPOCH.checked_add(i32::try_from(day).ok()?)?).ok()
}

fn report(error: &catalog::Error) {
    tracing::warn!(%error, "quotas can't be read or written at the moment");
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use time::macros::date as on;

    use super::*;
    use crate::catalog::Trial;
    use crate::model::rest::usage::OpenDay;
    use crate::model::rest::{Quota, QuotaPeriod};
    use crate::traffic::usage::calendar::Reading;
    use crate::traffic::usage::leases::{Leases, begin_anew};
    use crate::traffic::usage::limits::{Limits, trial_plan};
    use crate::traffic::usage::opening::Heard;

    const TODAY: Day = 20_782;

    /// Books in which a plan changes as soon as a lease is taken.
    struct Hasty {
        catalog: RefCell<Trial>,
        holding: Arc<Holding>,
        number: Cell<u64>,
        is_changing: Cell<bool>,
    }

    impl Books for Hasty {
        fn node(&self) -> u64 {
            1
        }

        fn nodes(&self) -> u64 {
            1
        }

        fn number(&self) -> u64 {
            self.number.replace(self.number.get() + 1)
        }

        fn read<T>(&self, look: impl FnOnce(&Documents<'_>) -> T) -> T {
            self.catalog.borrow().read(look)
        }

        async fn fresh(&self) -> Result<(), catalog::Error> {
            Ok(())
        }

        async fn commit(&self, edit: Edit) -> Result<u64, catalog::Error> {
            let committed = self.catalog.borrow_mut().apply(&edit.propose()?)?;
            if self.is_changing.take() {
                assert!(begin_anew(&self.holding).is_none(), "nothing is there to be given back yet");
            }
            Ok(committed)
        }

        async fn recall(&self, _: &UsagePlanId, _: &[&ApiKeyId]) -> bool {
            false
        }

        async fn ask_clocks(&self, _: Reading) -> Heard {
            Heard { told: Vec::new(), members: 1 }
        }
    }

    #[tokio::test]
    async fn nobody_spends_a_lease_of_a_plan_that_has_changed_meanwhile() {
        let quota = Quota { limit: 100, offset: 0, period: QuotaPeriod::Day, since: 0 };
        let plan = trial_plan(quota);
        let holding = Arc::new(Holding::new(ApiKeyId::new("key"), Arc::new(Limits::new(plan.clone()))));
        let books = Hasty {
            catalog: RefCell::default(),
            holding: Arc::clone(&holding),
            number: Cell::new(1),
            is_changing: Cell::new(false),
        };
        let made = Edit::new().create(&keys::usage_plan(&plan.id), &plan);
        books.commit(made.create(&keys::open_day(), &OpenDay { day: TODAY })).await.expect("a plan");
        let used = || {
            let place = keys::usage(&plan.id, &holding.key, date(TODAY).expect("a day"));
            let found: Option<Stored<Usage>> = books.read(|documents| documents.get(&place)).expect("usage");
            found.map(|found| found.value.days.values().map(|day| day.used).sum::<u64>())
        };
        let ledger = Ledger { books: &books, plan: &plan.id };
        let request = [Request { holding: Arc::clone(&holding), demand: None }];
        books.is_changing.set(true);
        assert_eq!(ledger.renew(&request, TODAY).await.expect("leases"), [Renewed::Filled]);
        assert!(used().is_some_and(|used| used > 0), "a lease was taken");
        assert_eq!(holding.purse.held().1, 0, "nobody has it");
        // It is given back with the next look.
        let mut leases = Leases::default();
        leases.add(Arc::clone(&holding));
        let mut batch = Batch::new(books.number(), leases.look(TODAY));
        assert!(ledger.post(&mut batch).await);
        assert_eq!(used(), Some(0));
        // And by the new terms there are others.
        assert_eq!(ledger.renew(&request, TODAY).await.expect("leases"), [Renewed::Filled]);
        assert_eq!(Some(holding.purse.held().1), used());
        assert!(holding.purse.held().1 > 0);
    }

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(date(0), Some(on!(1970 - 01 - 01)));
        assert_eq!(date(20_782), Some(on!(2026 - 11 - 25)));
        assert_eq!(date(u32::MAX), None);
    }
}
