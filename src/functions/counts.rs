//! The figures of functions, as metrics.

use std::time::Duration;

use metrics::{counter, histogram};

use crate::model::function::FunctionName;
use crate::observe::metrics as list;

/// Counts a call that was carried out.
pub(super) fn called(name: &FunctionName, took: Duration, failed: bool) {
    counter!(list::FUNCTION_INVOCATIONS.name, "function" => name.to_string()).increment(1);
    histogram!(list::FUNCTION_DURATION.name, "function" => name.to_string()).record(took);
    if failed {
        counter!(list::FUNCTION_ERRORS.name, "function" => name.to_string()).increment(1);
    }
}

/// Counts a call that was refused because of a limit.
pub(super) fn throttled(name: &FunctionName) {
    counter!(list::FUNCTION_THROTTLES.name, "function" => name.to_string()).increment(1);
}

/// Counts a process that was started.
pub(super) fn started(name: &FunctionName, took: Duration) {
    counter!(list::FUNCTION_COLD_STARTS.name, "function" => name.to_string()).increment(1);
    histogram!(list::FUNCTION_INIT.name, "function" => name.to_string()).record(took);
}

/// Shows how many processes there are.
pub(super) fn processes(count: usize) {
    list::level(list::FUNCTION_PROCESSES).set(count as f64);
}
