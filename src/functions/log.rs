//! What functions print, and what Lambda says between it: kept per function for whoever asks, and per call for its tail.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::model::function::FunctionName;
use crate::observe::clock::Clock;

/// Of a function so many lines are kept,
const MAX_LINES: usize = 2_000;
/// with so many bytes in all.
const MAX_BYTES: usize = 256 * 1024;
/// Lines of at most so many functions are kept: those that printed something last.
const MAX_FUNCTIONS: usize = 250;
/// A line has at most so many bytes; a longer one is cut.
const MAX_LINE: usize = 16 * 1024;
/// The tail of a call: AWS's 4 KB.
const TAIL: usize = 4096;

/// A line of a function's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// When, in milliseconds since 1970.
    pub timestamp: u64,
    /// Which execution environment.
    pub stream: String,
    /// The line.
    pub message: String,
}

/// The lines of all functions of a node. Cheap to clone.
#[derive(Clone)]
pub(super) struct Logs {
    kept: Arc<Mutex<HashMap<FunctionName, Kept>>>,
    clock: Clock,
}

#[derive(Default)]
struct Kept {
    lines: VecDeque<Line>,
    bytes: usize,
}

impl Logs {
    pub(super) fn new(clock: Clock) -> Self {
        Self { kept: Arc::default(), clock }
    }

    /// The lines of a function, the latest last.
    pub(super) fn of(&self, name: &FunctionName) -> Vec<Line> {
        self.kept.lock().get(name).map(|kept| kept.lines.iter().cloned().collect()).unwrap_or_default()
    }

    fn add(&self, name: &FunctionName, stream: &str, message: String) {
        let timestamp = u64::try_from(self.clock.since_epoch().as_millis()).unwrap_or(u64::MAX);
        let mut all = self.kept.lock();
        if all.len() >= MAX_FUNCTIONS && !all.contains_key(name) {
            let last = |kept: &Kept| kept.lines.back().map_or(0, |line| line.timestamp);
            if let Some(oldest) = all.iter().min_by_key(|(_, kept)| last(kept)).map(|(name, _)| name.clone()) {
                all.remove(&oldest);
            }
        }
        let kept = all.entry(name.clone()).or_default();
        kept.bytes += message.len();
        kept.lines.push_back(Line { timestamp, stream: stream.to_owned(), message });
        while kept.lines.len() > MAX_LINES || kept.bytes > MAX_BYTES {
            let Some(gone) = kept.lines.pop_front() else { break };
            kept.bytes -= gone.message.len();
        }
    }
}

/// Where one execution environment writes.
pub(super) struct Writer {
    logs: Logs,
    name: FunctionName,
    stream: String,
    /// What was printed of a line that has not ended.
    unfinished: Vec<u8>,
    tail: VecDeque<u8>,
}

impl Writer {
    pub(super) fn new(logs: Logs, name: FunctionName, stream: String) -> Self {
        Self { logs, name, stream, unfinished: Vec::new(), tail: VecDeque::with_capacity(TAIL) }
    }

    /// Says something between what the function prints: a line of its own.
    pub(super) fn say(&mut self, line: String) {
        self.finish();
        self.take_tail(line.as_bytes());
        self.take_tail(b"\n");
        self.logs.add(&self.name, &self.stream, line);
    }

    /// Takes what the function printed.
    pub(super) fn print(&mut self, printed: &[u8]) {
        self.take_tail(printed);
        for piece in printed.split_inclusive(|byte| *byte == b'\n') {
            let room = MAX_LINE.saturating_sub(self.unfinished.len());
            self.unfinished.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    /// Ends a line that the function left unfinished.
    fn finish(&mut self) {
        if !self.unfinished.is_empty() {
            self.take_tail(b"\n");
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.unfinished);
        let line = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).into_owned();
        self.logs.add(&self.name, &self.stream, line);
    }

    fn take_tail(&mut self, text: &[u8]) {
        let text = &text[text.len().saturating_sub(TAIL)..];
        let over = (self.tail.len() + text.len()).saturating_sub(TAIL);
        self.tail.drain(..over);
        self.tail.extend(text);
    }

    /// Begins the tail of a call anew.
    pub(super) fn begin_tail(&mut self) {
        self.finish();
        self.tail.clear();
    }

    /// The last of what was written since the tail was begun.
    pub(super) fn tail(&self) -> Bytes {
        self.tail.iter().copied().collect::<Vec<u8>>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> (Logs, Writer, FunctionName) {
        let (logs, name) = (Logs::new(Clock::fixed(1)), FunctionName::new("f"));
        (logs.clone(), Writer::new(logs, name.clone(), "s".to_owned()), name)
    }

    #[test]
    fn lines_are_lines_however_they_arrive() {
        let (logs, mut writer, name) = writer();
        writer.begin_tail();
        writer.say("START".to_owned());
        for piece in ["a", "b\nc", "\n\nunfinished"] {
            writer.print(piece.as_bytes());
        }
        writer.say("END".to_owned());
        let lines: Vec<String> = logs.of(&name).into_iter().map(|line| line.message).collect();
        assert_eq!(lines, ["START", "ab", "c", "", "unfinished", "END"]);
        assert_eq!(writer.tail(), "START\nab\nc\n\nunfinished\nEND\n");
    }

    #[test]
    fn a_flood_leaves_the_last_of_it() {
        let (logs, mut writer, name) = writer();
        for number in 0..10_000 {
            writer.print(format!("{number}{}\n", "x".repeat(1000)).as_bytes());
        }
        writer.print(&vec![b'y'; 10 * MAX_LINE]);
        writer.say("END".to_owned());
        let lines = logs.of(&name);
        assert!(lines.len() <= MAX_LINES && lines.iter().map(|line| line.message.len()).sum::<usize>() <= MAX_BYTES);
        assert_eq!(lines[lines.len() - 2].message.len(), MAX_LINE);
        assert_eq!(writer.tail().len(), TAIL);
        assert!(writer.tail().ends_with(b"yy\nEND\n"));
    }

    #[test]
    fn the_number_of_functions_is_bounded() {
        let logs = Logs::new(Clock::fixed(1));
        for number in 0..MAX_FUNCTIONS + 5 {
            Writer::new(logs.clone(), FunctionName::new(number.to_string()), "s".to_owned()).say("x".to_owned());
        }
        assert_eq!(logs.kept.lock().len(), MAX_FUNCTIONS);
    }
}
