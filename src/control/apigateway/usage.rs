//! Usage: GetUsage, UpdateUsage. What it is made of is in [`model::rest::usage`](crate::model::rest::usage).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use time::Date;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::{Target, api_keys, usage_plans};
use crate::catalog::{self, Documents, Edit, Stored, keys};
use crate::control::Control;
use crate::control::wire::{Answer, Call, Error, Input, Members, Op, Operation, any_of, operations};
use crate::model::id::{ApiKeyId, UsagePlanId};
use crate::model::rest::usage::{Record, Window, date, month};
use crate::model::rest::{Quota, Usage, UsagePlan};

/// Usage is told for at most so many days.
const MAX_DAYS: i64 = 90;
const DATE: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]");
const SECONDS_OF_DAY: i64 = 86_400;
/// A key, and what it used and had left, day by day.
type Told = (ApiKeyId, Vec<(u64, i64)>);

/// What is left of a plan without a quota.
const UNLIMITED: i64 = -1;

impl Target<'_> {
    pub(super) async fn get_usage(&self, plan: &str) -> Result<Answer, Error> {
        let id = UsagePlanId::new(plan);
        let days = days(self.call.parameter("startDate"), self.call.parameter("endDate"))?;
        let (told, position) = self.told(&id, days).await?;
        let values = told.into_iter().map(|(key, pairs)| (key.to_string(), json!(pairs))).collect();
        Ok(Answer::json(200, members(&id, days, values).some("position", position)))
    }

    /// What a page of a plan's keys, or the one that is asked for, have used on these days and had left.
    async fn told(&self, id: &UsagePlanId, days: Window) -> Result<(Vec<Told>, Option<String>), Error> {
        let plan = self.control.catalog.read(|documents| usage_plans::find(documents, id))?.value;
        let (keys, position) = match self.call.parameter("keyId").filter(|key| !key.is_empty()) {
            Some(key) => (vec![ApiKeyId::new(key)], None),
            None => {
                let prefix = keys::usage_plan_keys(id);
                self.page(&prefix, |joined| joined.key.as_str(), |joined| Ok(Some(joined.key))).await?
            }
        };
        let unwritten = self.control.catalog.unwritten(id, &keys).await;
        let mut all = Vec::new();
        for key in keys {
            let (is_in, record) = self.control.catalog.read(|documents| {
                let is_in = documents.exists(&keys::usage_plan_key(id, &key));
                Ok::<_, Error>((is_in, record(documents, &plan, &key, days)?))
            })?;
            let record = settled(record, &key, &unwritten);
            let told: Vec<(u64, i64)> = days.days().map(|day| pair(plan.quota.as_ref(), &record, day)).collect();
            // A key that has left the plan is told of for as long as it has used something.
            if is_in || told.iter().any(|(used, _)| *used > 0) {
                all.push((key, told));
            }
        }
        Ok((all, position))
    }

    pub(super) async fn update_usage(&self, plan: &str, key: &str) -> Result<Answer, Error> {
        let (id, key) = (UsagePlanId::new(plan), ApiKeyId::new(key));
        let operations = operations(self.body, "updateUsageInput")?;
        let mut remaining = None;
        for operation in &operations {
            patch(&mut remaining, operation)?;
        }
        if remaining.is_some() {
            // From the commit on, exactly so many are left: nobody spends what was leased before.
            self.control.catalog.withdraw(&id, &key).await?;
        }
        let today = date(self.control.quota_time()?);
        let days = Window { first: today, last: today };
        let (plan, found, record) = self.control.catalog.read(|documents| {
            let plan = usage_plans::find(documents, &id)?;
            if !documents.exists(&keys::usage_plan_key(&id, &key)) {
                return Err(Error::not_found(api_keys::MISSING));
            }
            let found: Option<Stored<Usage>> = documents.get(&keys::usage(&id, &key, today))?;
            let record = record(documents, &plan.value, &key, days)?;
            Ok((plan, found, record))
        })?;
        let Some(quota) = plan.value.quota else {
            return Err(Error::bad_request(format!("Usage Plan {id} does not have a quota")));
        };
        let unwritten = self.control.catalog.unwritten(&id, std::slice::from_ref(&key)).await;
        let record = settled(record, &key, &unwritten);
        let mut told = pair(Some(&quota), &record, today);
        if let Some(remaining) = remaining {
            let mut changed = found.as_ref().map(|found| found.value.clone()).unwrap_or_default();
            let granted = &mut changed.days.entry(today.day()).or_default().granted;
            *granted = granted.saturating_add(quota.grant_for(&record, today, remaining));
            let document = keys::usage(&id, &key, today);
            let edit = Edit::new().rely_on(&keys::usage_plan(&id), &plan).require(&keys::usage_plan_key(&id, &key));
            let edit = match &found {
                Some(found) => edit.update(&document, found, &changed),
                None => edit.create(&document, &changed),
            };
            let index = self.control.catalog.commit(edit).await?;
            self.control.settle(index).await?;
            told.1 = i64::try_from(remaining).unwrap_or(i64::MAX);
        }
        let values = Map::from_iter([(key.to_string(), json!([told]))]);
        Ok(Answer::json(200, members(&id, days, values)))
    }
}

impl Control {
    /// The time in seconds since 1970, for quotas: in the day that the cluster agrees on, whatever this node's clock says.
    pub(super) fn quota_time(&self) -> Result<i64, Error> {
        let clock = self.clock.seconds();
        let open = self.catalog.read(|documents| documents.get(&keys::open_day()))?;
        Ok(open.map_or(clock, |open| open.value.time(clock)))
    }

    /// What a page of a plan's keys has used, with what is known of the keys: beyond AWS, for bills.
    pub async fn usage_report(&self, call: &Call, plan: &str) -> Result<Answer, Error> {
        self.catalog.fresh().await?;
        let body = Input::default();
        let target = Target { control: self, call, body: &body };
        let days = days(call.parameter("startDate"), call.parameter("endDate"))?;
        let (told, position) = target.told(&UsagePlanId::new(plan), days).await?;
        let mut all = Vec::with_capacity(told.len());
        for (id, pairs) in told {
            let key = self.catalog.read(|documents| documents.get(&keys::api_key(&id)))?.map(|found| found.value);
            let mut row = json!({"id": id.as_str(), "days": pairs});
            // Of a key that is gone no more is known.
            if let Some(key) = key {
                row["name"] = json!(key.name);
                row["customerId"] = json!(key.customer_id);
                row["labels"] = json!(key.labels);
                row["tags"] = json!(key.tags);
            }
            all.push(row);
        }
        Ok(Answer::json(200, json!({"keys": all, "position": position})))
    }
}

/// What a key has used on these days, and in the periods that they are in.
fn record(documents: &Documents<'_>, plan: &UsagePlan, key: &ApiKeyId, days: Window) -> Result<Record, catalog::Error> {
    let first = plan.quota.map_or(days.first, |quota| quota.period.window(days.first).first);
    let mut months = Vec::new();
    for first in (Window { first, ..days }).months() {
        let found = documents.get(&keys::usage(&plan.id, key, first))?;
        months.extend(found.map(|found| (month(first), found.value)));
    }
    Ok(Record::new(months))
}

/// A record with what nodes have not written down yet, or have written down and not spent.
fn settled(mut record: Record, key: &ApiKeyId, unwritten: &BTreeMap<(String, u32), i64>) -> Record {
    for ((of, day), change) in unwritten {
        let day = i64::from(*day) * SECONDS_OF_DAY;
        if of == key.as_str() {
            record.correct(date(day), *change);
        }
    }
    record
}

/// What was used on a day, and what was left at its end.
fn pair(quota: Option<&Quota>, record: &Record, day: Date) -> (u64, i64) {
    let remaining = quota.map(|quota| i64::try_from(quota.remaining(record, day)).unwrap_or(i64::MAX));
    (record.day(day).used, remaining.unwrap_or(UNLIMITED))
}

fn members(plan: &UsagePlanId, days: Window, values: Map<String, Value>) -> Members {
    let text = |day: Date| day.format(DATE).unwrap_or_else(|_| day.to_string());
    Members::new()
        .set("usagePlanId", plan.as_str())
        .set("startDate", text(days.first))
        .set("endDate", text(days.last))
        .set("values", Value::Object(values))
}

/// The days that are asked for, both ends included.
fn days(start: Option<String>, end: Option<String>) -> Result<Window, Error> {
    let read = |text: Option<String>, name: &str| {
        let text = text.unwrap_or_default();
        Date::parse(&text, DATE).map_err(|_| {
            Error::bad_request(format!("Invalid {name} '{text}' specified. Must be in the format YYYY-MM-DD"))
        })
    };
    let days = Window { first: read(start, "startDate")?, last: read(end, "endDate")? };
    if days.last < days.first {
        return Err(Error::bad_request("Invalid date range specified: endDate is before startDate"));
    }
    if (days.last - days.first).whole_days() >= MAX_DAYS {
        return Err(Error::bad_request(format!("Invalid date range specified: it can be at most {MAX_DAYS} days")));
    }
    Ok(days)
}

/// What of usage can be patched, and how.
fn patch(remaining: &mut Option<u64>, operation: &Operation) -> Result<(), Error> {
    match (operation.op, operation.parts().as_slice()) {
        (Op::Replace, ["remaining"]) => {
            let number = operation.text().trim().parse().ok().filter(|number| *number <= i64::MAX as u64);
            *remaining = Some(number.ok_or_else(|| {
                Error::bad_request(format!("Invalid value '{}' specified for path '/remaining'", operation.text()))
            })?);
            Ok(())
        }
        _ => Err(any_of(operation, &["/remaining"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_bounded() {
        let read = |start: &str, end: &str| days(Some(start.to_owned()), Some(end.to_owned()));
        for (start, end, expected) in [
            ("2026-01-01", "2026-01-01", Some(1)),
            ("2026-01-01", "2026-03-31", Some(90)),
            ("2026-01-01", "2026-04-01", None),
            ("2026-01-02", "2026-01-01", None),
            ("2026-02-30", "2026-03-01", None),
            ("2026-1-1", "2026-01-01", None),
            ("", "2026-01-01", None),
        ] {
            assert_eq!(read(start, end).ok().map(|days| days.days().count()), expected, "{start} {end}");
        }
        assert!(days(None, None).is_err());
    }

    #[test]
    fn without_a_quota_nothing_limits() {
        let day = date(0);
        assert_eq!(pair(None, &Record::default(), day), (0, UNLIMITED));
    }
}
