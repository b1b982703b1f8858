//! What a caller gets when a function has no answer, in the words of AWS's runtimes.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

/// An error as Lambda itself reports it.
pub(super) fn payload(kind: &str, message: &str) -> Bytes {
    json!({"errorType": kind, "errorMessage": message}).to_string().into()
}

/// A process could not be started.
pub(super) fn invalid_entrypoint(request: &str, why: &str) -> Bytes {
    payload("Runtime.InvalidEntrypoint", &format!("RequestId: {request} Error: {why}"))
}

/// How a process ended, in the runtime's words.
pub(super) fn exit(status: Option<ExitStatus>, killed: bool) -> String {
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
pub(super) fn kind_of(payload: &[u8]) -> String {
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
            assert_eq!(exit(status, killed), expected);
        }
        assert_eq!(kind_of(br#"{"errorType": "ValueError", "errorMessage": "x"}"#), "ValueError");
        assert_eq!(kind_of(b"odd"), "Runtime.Unknown");
    }
}
