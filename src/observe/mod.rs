//! What happened: the clock, every metric, the execution log, and stories of requests.

pub mod clock;
pub mod execution_log;
pub mod metrics;
pub mod process;
pub mod stories;
