//! What happened: the clock, and every metric.

pub mod clock;
pub mod metrics;
pub mod process;
