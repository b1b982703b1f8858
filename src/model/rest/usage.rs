//! What a key has used of a plan, day by day, and what is left: the arithmetic of quotas.
//!
//! Days are kept, not periods: a quota whose period is changed counts what was used before just as well.
//! Sources: the API reference on `QuotaSettings` for the offset, `GetUsage` and `UpdateUsage`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::{Date, Duration, OffsetDateTime};

use super::{Quota, QuotaPeriod};

const SECONDS_OF_DAY: i64 = 86_400;

/// A month of one key's usage of one plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Day of the month → what happened that day; days without anything are not there.
    pub days: BTreeMap<u8, Day>,
    /// What each node wrote down last, by the node's number: it knows by that what it has written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub posted: BTreeMap<u64, u64>,
    /// The same of leases.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub leased: BTreeMap<u64, u64>,
    /// What each node held after its last lease or return: the most that is lost if it has crashed since.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held: BTreeMap<u64, u64>,
    /// Which share of the quota's use was told of last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crossed: Option<Crossed>,
}

/// A share of a quota that was used, of which operators were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossed {
    /// The first day of the quota's period, as a Julian day.
    pub first: i32,
    /// Requests of the period.
    pub limit: u64,
    /// The share, in percent.
    pub percent: u64,
}

/// A day of usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Day {
    /// Requests that were let through, or promised to a node that may let them through.
    pub used: u64,
    /// Requests that were added to the quota of the period that this day is in; fewer than none were taken away.
    #[serde(default)]
    pub granted: i64,
}

/// The day whose quotas are open: the cluster agrees on it, so that no node opens another one by its own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenDay {
    /// The day in universal time, counted from the first of 1970.
    pub day: u32,
}

/// The days of one of a quota's periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first day.
    pub first: Date,
    /// The last day, which is part of it.
    pub last: Date,
}

/// Several months of usage, by their first days.
#[derive(Clone, Debug, Default)]
pub struct Record(BTreeMap<Date, Usage>);

impl QuotaPeriod {
    /// The period that a day is in.
    pub fn window(self, day: Date) -> Window {
        match self {
            Self::Day => Window { first: day, last: day },
            Self::Week => {
                let first = day.saturating_sub(Duration::days(day.weekday().number_days_from_sunday().into()));
                Window { first, last: first.saturating_add(Duration::days(6)) }
            }
            Self::Month => {
                let first = month(day);
                Window {
                    first,
                    last: first.saturating_add(Duration::days(i64::from(day.month().length(day.year())) - 1)),
                }
            }
        }
    }
}

impl Quota {
    /// How many requests the quota alone allows in a period: in the first one the offset is taken off.
    pub fn allowance(&self, window: Window) -> u64 {
        let is_first = window.contains(date(self.since));
        if is_first { self.limit.saturating_sub(self.offset) } else { self.limit }
    }

    /// How many requests are left at the end of a day, with all that was used and granted in its period until then.
    pub fn remaining(&self, record: &Record, day: Date) -> u64 {
        let window = self.period.window(day);
        let so_far = Window { last: day, ..window };
        let (used, granted) = record.sum(so_far);
        let allowed = i128::from(self.allowance(window)) + granted;
        u64::try_from(allowed - used).unwrap_or(if allowed < used { 0 } else { u64::MAX })
    }

    /// What has to be granted on a day, beside what was, so that so many requests are left.
    pub fn grant_for(&self, record: &Record, day: Date, remaining: u64) -> i64 {
        let window = self.period.window(day);
        let (used, granted) = record.sum(Window { last: day, ..window });
        let missing = i128::from(remaining) - (i128::from(self.allowance(window)) + granted - used);
        i64::try_from(missing).unwrap_or(if missing < 0 { i64::MIN } else { i64::MAX })
    }
}

impl OpenDay {
    /// This clock's time in seconds since 1970, if it is in the day; else the day's first second.
    pub fn time(self, clock: i64) -> i64 {
        let first = i64::from(self.day) * SECONDS_OF_DAY;
        if (first..first + SECONDS_OF_DAY).contains(&clock) { clock } else { first }
    }
}

impl Window {
    /// Whether a day is one of these.
    pub fn contains(self, day: Date) -> bool {
        (self.first..=self.last).contains(&day)
    }

    /// All days, in order.
    pub fn days(self) -> impl Iterator<Item = Date> {
        let next = move |day: &Date| day.next_day().filter(|next| *next <= self.last);
        std::iter::successors((self.first <= self.last).then_some(self.first), next)
    }

    /// The first days of all months that have a day of these.
    pub fn months(self) -> impl Iterator<Item = Date> {
        let next = move |first: &Date| {
            let last = first.saturating_add(Duration::days(i64::from(first.month().length(first.year())) - 1));
            last.next_day().filter(|next| *next <= self.last)
        };
        std::iter::successors((self.first <= self.last).then(|| month(self.first)), next)
    }
}

impl Record {
    /// A record of these months, by their first days.
    pub fn new(months: impl IntoIterator<Item = (Date, Usage)>) -> Self {
        Self(months.into_iter().collect())
    }

    /// What happened on a day.
    pub fn day(&self, day: Date) -> Day {
        let month = self.0.get(&month(day));
        month.and_then(|month| month.days.get(&day.day())).copied().unwrap_or_default()
    }

    /// Adds to what was used on a day, or takes off it.
    pub fn correct(&mut self, day: Date, change: i64) {
        let used = &mut self.0.entry(month(day)).or_default().days.entry(day.day()).or_default().used;
        *used = used.saturating_add_signed(change);
    }

    /// What was used and granted on all of these days.
    fn sum(&self, window: Window) -> (i128, i128) {
        let days = window.days().map(|day| self.day(day));
        days.fold((0, 0), |(used, granted), day| (used + i128::from(day.used), granted + i128::from(day.granted)))
    }
}

/// The day, in universal time, of a moment in seconds since 1970.
pub fn date(seconds: i64) -> Date {
    OffsetDateTime::from_unix_timestamp(seconds).map_or(Date::MIN, OffsetDateTime::date)
}

/// The first day of a day's month.
pub fn month(day: Date) -> Date {
    day.replace_day(1).expect("every month has a first day")
}

#[cfg(test)]
mod tests {
    use time::macros::date as on;

    use super::*;

    const NOON_OF_NOVEMBER_10: i64 = 1_794_312_000;

    #[test]
    fn periods_begin_at_midnight_on_sundays_and_on_the_first() {
        for (period, day, first, last) in [
            (QuotaPeriod::Day, on!(2026 - 11 - 10), on!(2026 - 11 - 10), on!(2026 - 11 - 10)),
            (QuotaPeriod::Week, on!(2026 - 11 - 10), on!(2026 - 11 - 08), on!(2026 - 11 - 14)),
            (QuotaPeriod::Week, on!(2026 - 11 - 08), on!(2026 - 11 - 08), on!(2026 - 11 - 14)),
            (QuotaPeriod::Week, on!(2026 - 11 - 07), on!(2026 - 11 - 01), on!(2026 - 11 - 07)),
            (QuotaPeriod::Week, on!(2027 - 01 - 01), on!(2026 - 12 - 27), on!(2027 - 01 - 02)),
            (QuotaPeriod::Month, on!(2026 - 11 - 10), on!(2026 - 11 - 01), on!(2026 - 11 - 30)),
            (QuotaPeriod::Month, on!(2028 - 02 - 29), on!(2028 - 02 - 01), on!(2028 - 02 - 29)),
            (QuotaPeriod::Month, on!(2026 - 12 - 31), on!(2026 - 12 - 01), on!(2026 - 12 - 31)),
        ] {
            assert_eq!(period.window(day), Window { first, last }, "{period} of {day}");
        }
    }

    #[test]
    fn days_and_months_of_a_window_are_all_of_them() {
        let window = Window { first: on!(2026 - 12 - 30), last: on!(2027 - 02 - 01) };
        assert_eq!(window.days().count(), 34);
        let months: Vec<_> = window.months().collect();
        assert_eq!(months, [on!(2026 - 12 - 01), on!(2027 - 01 - 01), on!(2027 - 02 - 01)]);
        let none = Window { first: on!(2026 - 12 - 30), last: on!(2026 - 12 - 29) };
        assert_eq!((none.days().count(), none.months().count()), (0, 0));
    }

    #[test]
    fn what_is_left_follows_from_limit_offset_use_and_grants() {
        assert_eq!(date(NOON_OF_NOVEMBER_10), on!(2026 - 11 - 10));
        let quota = |period, limit, offset| Quota { limit, offset, period, since: NOON_OF_NOVEMBER_10 };
        let day = |used, granted| Day { used, granted };
        let november = Usage {
            days: BTreeMap::from([(8, day(3, 0)), (9, day(4, 5)), (10, day(1, 0)), (30, day(9, -2))]),
            ..Usage::default()
        };
        let record = Record::new([(on!(2026 - 11 - 01), november)]);
        for (quota, day, expected) in [
            (quota(QuotaPeriod::Day, 10, 0), on!(2026 - 11 - 07), 10),
            (quota(QuotaPeriod::Day, 10, 0), on!(2026 - 11 - 08), 7),
            (quota(QuotaPeriod::Day, 10, 0), on!(2026 - 11 - 09), 11),
            (quota(QuotaPeriod::Week, 10, 0), on!(2026 - 11 - 10), 7),
            // The offset counts in the first week and in no other.
            (quota(QuotaPeriod::Week, 10, 2), on!(2026 - 11 - 10), 5),
            (quota(QuotaPeriod::Week, 10, 2), on!(2026 - 11 - 15), 10),
            (quota(QuotaPeriod::Month, 100, 0), on!(2026 - 11 - 30), 86),
            (quota(QuotaPeriod::Month, 100, 0), on!(2026 - 12 - 01), 100),
            // A limit below what is used leaves nothing, and not less.
            (quota(QuotaPeriod::Month, 1, 0), on!(2026 - 11 - 30), 0),
            (quota(QuotaPeriod::Month, 1, 27), on!(2026 - 11 - 01), 0),
        ] {
            assert_eq!(quota.remaining(&record, day), expected, "{quota:?} {day}");
        }
    }

    #[test]
    fn a_wrong_clock_is_put_into_the_open_day() {
        let open = OpenDay { day: 2 };
        for (clock, expected) in [(172_799, 172_800), (172_800, 172_800), (259_199, 259_199), (259_200, 172_800)] {
            assert_eq!(open.time(clock), expected, "{clock}");
        }
    }

    #[test]
    fn a_grant_leaves_what_was_asked_for() {
        let quota = Quota { limit: 10, offset: 0, period: QuotaPeriod::Week, since: NOON_OF_NOVEMBER_10 };
        let used = BTreeMap::from([(9, Day { used: 25, granted: 0 })]);
        for wanted in [0, 3, 10, 50, 1_000_000] {
            let record = |days| Record::new([(on!(2026 - 11 - 01), Usage { days, ..Usage::default() })]);
            let today = on!(2026 - 11 - 10);
            let granted = quota.grant_for(&record(used.clone()), today, wanted);
            let mut days = used.clone();
            days.insert(10, Day { used: 0, granted });
            assert_eq!(quota.remaining(&record(days), today), wanted);
        }
    }
}
