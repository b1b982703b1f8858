//! The lines that Lambda writes around a call: `START`, `END`, `REPORT`, and what went wrong.
//!
//! Source: the Lambda developer guide, "Using CloudWatch Logs with Lambda" and "Understanding the execution environment
//! lifecycle".

use std::fmt::Write;
use std::time::Duration;

/// What a `REPORT` line says.
pub(super) struct Report<'a> {
    pub(super) request: &'a str,
    pub(super) took: Duration,
    pub(super) memory: u32,
    /// The most memory that was used, in bytes.
    pub(super) used: u64,
    /// How long the environment took to be ready, if this is its first call.
    pub(super) init: Option<Duration>,
    /// How it ended, if not well: AWS's word, and what is known of the error.
    pub(super) status: Option<(&'static str, Option<&'a str>)>,
}

pub(super) fn start(request: &str, version: &str) -> String {
    format!("START RequestId: {request} Version: {version}")
}

pub(super) fn end(request: &str) -> String {
    format!("END RequestId: {request}")
}

impl Report<'_> {
    /// The line; tabs end its parts, as AWS writes it.
    pub(super) fn line(&self) -> String {
        let millis = milliseconds(self.took);
        let mut line = format!(
            "REPORT RequestId: {}\tDuration: {millis:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: \
             {} MB\t",
            self.request,
            (millis + self.init.map_or(0.0, milliseconds)).ceil(),
            self.memory,
            self.used.div_ceil(1024 * 1024),
        );
        if let Some(init) = self.init {
            let _ = write!(line, "Init Duration: {:.2} ms\t", milliseconds(init));
        }
        if let Some((status, kind)) = self.status {
            let _ = write!(line, "Status: {status}\t");
            if let Some(kind) = kind {
                let _ = write!(line, "Error Type: {kind}\t");
            }
        }
        line
    }
}

/// What a function that ran out of time is answered with.
pub(super) fn timed_out(request: &str, after: Duration) -> String {
    format!("RequestId: {request} Error: Task timed out after {:.2} seconds", after.as_secs_f64())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_those_of_aws() {
        let report = |init, status| {
            let took = Duration::from_micros(12_345);
            Report { request: "r", took, memory: 128, used: 35 * 1024 * 1024 + 1, init, status }.line()
        };
        let plain = "REPORT RequestId: r\tDuration: 12.35 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: \
                     36 MB\t";
        assert_eq!(report(None, None), plain);
        assert_eq!(
            report(Some(Duration::from_millis(100)), Some(("error", Some("Runtime.ExitError")))),
            plain.replace("Billed Duration: 13", "Billed Duration: 113")
                + "Init Duration: 100.00 ms\tStatus: error\tError Type: Runtime.ExitError\t"
        );
        assert_eq!(timed_out("r", Duration::from_secs(3)), "RequestId: r Error: Task timed out after 3.00 seconds");
    }
}
