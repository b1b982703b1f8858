//! What happened: the clock, every metric, the execution log, access logs, and stories of requests.

pub mod access_log;
pub mod clock;
pub mod connection_metrics;
pub mod execution_log;
pub mod metrics;
pub mod plan_metrics;
pub mod process;
pub mod route_metrics;
pub mod stories;
