//! What the processes of a function use, as the kernel tells it in `/proc`.

use std::fs;
use std::str::FromStr;

/// A process that has more descendants than these is not looked at further.
const MAX_LOOKED_AT: usize = 4096;
/// The size of a page in which `/proc/{pid}/statm` counts.
const PAGE: u64 = 4096;

/// What a process and all that it started use.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Use {
    /// Bytes of memory.
    pub(super) memory: u64,
    /// Processes and threads.
    pub(super) tasks: usize,
}

/// Everything below a process, children before their own.
pub(super) fn descendants(pid: u32) -> Vec<u32> {
    let mut found = children(pid);
    let mut at = 0;
    while at < found.len() && found.len() < MAX_LOOKED_AT {
        found.extend(children(found[at]));
        at += 1;
    }
    found
}

fn children(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for task in tasks(pid) {
        if let Ok(text) = fs::read_to_string(format!("/proc/{pid}/task/{task}/children")) {
            found.extend(text.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
    }
    found
}

fn tasks(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// What everything below a process uses. Memory that is shared, as code is, counts once.
pub(super) fn below(pid: u32) -> Use {
    let (mut own, mut shared, mut count) = (0, 0, 0);
    for pid in descendants(pid) {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/statm")) else { continue };
        let pages: Vec<u64> = text.split_ascii_whitespace().filter_map(|field| u64::from_str(field).ok()).collect();
        if let [_, resident, of_files, ..] = pages.as_slice() {
            own += resident.saturating_sub(*of_files) * PAGE;
            shared = shared.max(of_files * PAGE);
        }
        count += tasks(pid).len();
    }
    Use { memory: own + shared, tasks: count }
}

/// The most memory that a process has had at once, in bytes.
pub(super) fn peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_process_is_found_and_counted() {
        let mut shell = std::process::Command::new("sh")
            .args(["-c", "sleep 60 & read line"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("a shell");
        let own = std::process::id();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let sleeper = loop {
            if let [sleeper] = descendants(shell.id()).as_slice() {
                break *sleeper;
            }
            assert!(std::time::Instant::now() < deadline, "the shell starts nothing");
            std::thread::yield_now();
        };
        assert!(descendants(own).contains(&shell.id()) && descendants(own).contains(&sleeper));
        let used = below(shell.id());
        assert!(used.tasks == 1 && used.memory > 0, "{used:?}");
        assert!(peak(own).is_some_and(|peak| peak > 1024 * 1024));
        drop(shell.stdin.take());
        shell.wait().expect("ended");
        let _ = std::process::Command::new("kill").arg(sleeper.to_string()).status();
    }
}
