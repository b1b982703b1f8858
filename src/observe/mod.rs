//! What happened: the clock, every metric, and the execution log.

pub mod clock;
pub mod execution_log;
pub mod metrics;
pub mod process;
