//! What a caller gets when a function has no answer, in the words of AWS's runtimes.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::payload::MAX_ANSWER;
use super::plan::Plan;
use super::report;

/// Why a call has no answer.
pub(super) struct Fault {
    pub(super) payload: Bytes,
    /// AWS's name of the kind of error.
    pub(super) kind: String,
    /// What the log says of it.
    pub(super) line: Option<String>,
    /// Whether the process goes on.
    pub(super) well: bool,
    /// The word for it in the report.
    pub(super) status: &'static str,
}

impl Fault {
    /// What a runtime has reported.
    pub(super) fn reported(payload: Bytes, kind: Option<String>, well: bool) -> Self {
        let kind = kind.unwrap_or_else(|| kind_of(&payload));
        Self { payload, kind, line: None, well, status: "error" }
    }

    /// The process has ended, or was ended because it used too much.
    pub(super) fn exit(request: &str, status: Option<ExitStatus>, killed: bool) -> Self {
        let why = ended(status.filter(|_| !killed), killed);
        let message = format!("RequestId: {request} Error: {why}");
        let kind = "Runtime.ExitError";
        Self {
            payload: payload(kind, &message),
            kind: if killed { "Runtime.OutOfMemory" } else { kind }.to_owned(),
            line: Some(format!("{message}\n{kind}")),
            well: false,
            status: "error",
        }
    }

    /// The call took too long.
    pub(super) fn timeout(request: &str, plan: &Plan) -> Self {
        let message = report::timed_out(request, plan.timeout());
        let line =
            format!("{} {request} Task timed out after {:.2} seconds", plan.stamp(), plan.timeout().as_secs_f64());
        Self {
            payload: payload("Sandbox.Timedout", &message),
            kind: "Sandbox.Timedout".to_owned(),
            line: Some(line),
            well: false,
            status: "timeout",
        }
    }

    /// The answer was too large.
    pub(super) fn too_large() -> Self {
        let kind = "Function.ResponseSizeTooLarge";
        let message = format!("Response payload size exceeded maximum allowed payload size ({MAX_ANSWER} bytes).");
        Self {
            payload: json!({"errorMessage": message, "errorType": kind}).to_string().into(),
            kind: kind.to_owned(),
            line: Some(message),
            well: true,
            status: "error",
        }
    }
}

/// An error as Lambda itself reports it.
fn payload(kind: &str, message: &str) -> Bytes {
    json!({"errorType": kind, "errorMessage": message}).to_string().into()
}

/// A process could not be started.
pub(super) fn invalid_entrypoint(request: &str, why: &str) -> Bytes {
    payload("Runtime.InvalidEntrypoint", &format!("RequestId: {request} Error: {why}"))
}

/// How a process ended, in the runtime's words.
fn ended(status: Option<ExitStatus>, killed: bool) -> String {
    let by_signal = status.and_then(|status| status.signal());
    match (status.and_then(|status| status.code()), by_signal) {
        _ if killed => "Runtime exited with error: signal: killed".to_owned(),
        (Some(0), _) | (None, None) => "Runtime exited without providing a reason".to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(signal)) => format!("Runtime exited with error: signal: {}", named(signal)),
    }
}

/// The names that Go's library, in which AWS's supervisor is written, has for signals.
fn named(signal: i32) -> String {
    let name = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reported {
    error_type: String,
}

/// The kind of an error that a runtime has reported.
fn kind_of(payload: &[u8]) -> String {
    serde_json::from_slice(payload).map_or_else(|_| "Runtime.Unknown".to_owned(), |error: Reported| error.error_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_processes_are_told_as_aws_tells_them() {
        let raw = |raw| Some(ExitStatus::from_raw(raw));
        for (status, killed, expected) in [
            (raw(0), false, "Runtime exited without providing a reason"),
            (raw(1 << 8), false, "Runtime exited with error: exit status 1"),
            (raw(9), false, "Runtime exited with error: signal: killed"),
            (raw(11), false, "Runtime exited with error: signal: segmentation fault"),
            (None, true, "Runtime exited with error: signal: killed"),
        ] {
            assert_eq!(ended(status, killed), expected);
        }
        assert_eq!(kind_of(br#"{"errorType": "ValueError", "errorMessage": "x"}"#), "ValueError");
        assert_eq!(kind_of(b"odd"), "Runtime.Unknown");
    }
}
