//! Counts of durations in buckets whose width grows with the duration: 1 percent exact from nanoseconds to minutes.

use std::time::Duration;

/// Each power of two is divided into so many buckets, as a power of two itself.
const PRECISION: u32 = 7;
const STEPS: usize = 1 << PRECISION;
/// Longer durations, in nanoseconds, count as this one: about two minutes.
const LONGEST: u64 = (1 << 37) - 1;
const BUCKETS: usize = (37 - PRECISION as usize + 1) * STEPS;

/// How often which duration was seen.
pub(crate) struct Histogram {
    counts: Box<[u32]>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: vec![0; BUCKETS].into(), total: 0 }
    }
}

impl Histogram {
    /// Counts a duration.
    pub(crate) fn record(&mut self, duration: Duration) {
        self.counts[bucket(u64::try_from(duration.as_nanos()).unwrap_or(LONGEST))] += 1;
        self.total += 1;
    }

    /// Adds the counts of another.
    pub(crate) fn merge(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
    }

    /// The duration at or below which the fraction `q` of all lies, at the upper end of its bucket; zero if empty.
    pub(crate) fn quantile(&self, q: f64) -> Duration {
        let rank = ((q * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return Duration::from_nanos(upper(bucket));
            }
        }
        Duration::ZERO
    }
}

fn bucket(nanoseconds: u64) -> usize {
    let value = nanoseconds.min(LONGEST);
    // The first two powers need no division: below twice the number of steps every value has a bucket of its own.
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(PRECISION + 1);
    shift as usize * STEPS + (value >> shift) as usize
}

fn upper(bucket: usize) -> u64 {
    let shift = (bucket / STEPS).saturating_sub(1);
    let step = bucket - shift * STEPS;
    ((step as u64 + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gap() {
        let mut lower = 0;
        for index in 0..BUCKETS {
            assert_eq!(bucket(lower), index, "lower end of {index}");
            assert_eq!(bucket(upper(index)), index, "upper end of {index}");
            lower = upper(index) + 1;
        }
        assert_eq!(lower, LONGEST + 1);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_one_percent_exact() {
        let mut histogram = Histogram::default();
        for microseconds in 1..=10_000 {
            histogram.record(Duration::from_micros(microseconds));
        }
        for (q, exact) in [(0.5, 5_000.0), (0.99, 9_900.0), (1.0, 10_000.0), (0.0, 1.0)] {
            let found = histogram.quantile(q).as_nanos() as f64 / 1000.0;
            assert!((found / exact - 1.0).abs() < 0.01, "{q}: {found} for {exact}");
        }
    }

    #[test]
    fn merging_adds() {
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        one.record(Duration::from_nanos(10));
        other.record(Duration::from_nanos(20));
        one.merge(&other);
        assert_eq!(one.quantile(0.5), Duration::from_nanos(10));
        assert_eq!(one.quantile(1.0), Duration::from_nanos(20));
    }

    #[test]
    fn nothing_recorded_is_zero() {
        assert_eq!(Histogram::default().quantile(0.99), Duration::ZERO);
    }
}
