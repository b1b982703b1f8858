//! Quotas of usage plans, as they are asked for: in parts, of which some may come later.

use crate::control::wire::Error;
use crate::model::rest::{Quota, QuotaPeriod};

/// What is known of a quota.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct QuotaParts {
    pub(super) limit: Option<u64>,
    pub(super) offset: Option<u64>,
    pub(super) period: Option<QuotaPeriod>,
}

impl QuotaParts {
    /// What a quota is, if there is one.
    pub(super) fn of(quota: Option<&Quota>) -> Self {
        let parts =
            |quota: &Quota| Self { limit: Some(quota.limit), offset: Some(quota.offset), period: Some(quota.period) };
        quota.map(parts).unwrap_or_default()
    }

    /// A quota as a caller asks for it.
    pub(super) fn asked_for(limit: Option<i64>, offset: Option<i64>, period: Option<&str>) -> Result<Self, Error> {
        let number = |number: Option<i64>, what: &str| {
            let number = number.map(u64::try_from).transpose();
            number.map_err(|_| Error::bad_request(format!("Usage Plan quota {what} must not be negative")))
        };
        let period = match period {
            None => None,
            Some(text) => Some(QuotaPeriod::parse(text).ok_or_else(bad_period)?),
        };
        let parts = Self { limit: number(limit, "limit")?, offset: number(offset, "offset")?, period };
        // Something was asked for, if only an empty quota: what is missing is told.
        Ok(Self { offset: parts.offset.or(Some(0)), ..parts })
    }

    /// The quota, if there is any part of one. Its first period is that in which it was first what it is.
    pub(super) fn complete(self, before: Option<&Quota>, now: i64) -> Result<Option<Quota>, Error> {
        if self == Self::default() {
            return Ok(None);
        }
        let missing = |what: &str| Error::bad_request(format!("Usage Plan quota {what} must be specified"));
        let limit = self.limit.ok_or_else(|| missing("limit"))?;
        let period = self.period.ok_or_else(|| missing("period"))?;
        let offset = self.offset.unwrap_or_default();
        if limit == 0 {
            return Err(Error::bad_request("Usage Plan quota limit must be greater than zero"));
        }
        match period {
            QuotaPeriod::Day if offset != 0 => {
                return Err(Error::bad_request("Usage Plan quota offset must be zero in the DAY period"));
            }
            QuotaPeriod::Week if offset > 6 => return Err(offset_beyond(6, period)),
            QuotaPeriod::Month if offset > 27 => return Err(offset_beyond(27, period)),
            QuotaPeriod::Day | QuotaPeriod::Week | QuotaPeriod::Month => {}
        }
        let same = before.filter(|before| before.offset == offset && before.period == period);
        Ok(Some(Quota { limit, offset, period, since: same.map_or(now, |before| before.since) }))
    }
}

fn offset_beyond(last: u64, period: QuotaPeriod) -> Error {
    Error::bad_request(format!("Usage Plan quota offset must be between 0 and {last} inclusive in the {period} period"))
}

pub(super) fn bad_period() -> Error {
    Error::bad_request("Invalid Usage Plan quota period specified. Valid options are DAY,WEEK,MONTH")
}
