//! What the operating system knows about processes and the machine: CPU time, memory, names.

use std::time::Duration;

use anyhow::Context as _;

/// The unit of CPU times in `/proc`: Linux shows user space hundredths of a second, whatever the kernel's own tick.
const TICK: Duration = Duration::from_millis(10);

/// The CPU time, user and system, of all threads of a process and of its living descendants.
pub(crate) fn cpu_time(root: u32) -> anyhow::Result<Duration> {
    let mut family = vec![root];
    let mut ticks = 0;
    let processes = processes()?;
    anyhow::ensure!(processes.iter().any(|process| process.pid == root), "process {root} is gone");
    // Descendants are appended while the list is walked, so the whole tree is visited, each process once.
    let mut next = 0;
    while let Some(pid) = family.get(next).copied() {
        ticks += processes.iter().find(|process| process.pid == pid).map_or(0, |process| process.ticks);
        family.extend(processes.iter().filter(|process| process.parent == pid).map(|process| process.pid));
        next += 1;
    }
    Ok(TICK * ticks)
}

/// The resident memory of a process, in bytes.
pub(crate) fn resident(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    resident_of(&status).with_context(|| format!("{path} does not say what is resident"))
}

/// The most memory that was ever resident, in bytes.
pub(crate) fn peak(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    size(&status, "VmHWM:").with_context(|| format!("{path} does not say what was resident"))
}

/// The processor, how many of its cores there are, and the kernel, for the head of a report.
pub(crate) fn machine() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores of {model}, Linux {}", kernel.trim())
}

#[derive(Debug, PartialEq)]
struct Process {
    pid: u32,
    parent: u32,
    ticks: u32,
}

fn processes() -> anyhow::Result<Vec<Process>> {
    let mut processes = Vec::new();
    for entry in std::fs::read_dir("/proc").context("cannot read /proc")? {
        let path = entry.context("cannot read /proc")?.path();
        let numbered = path.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
        // A process may end between the listing and the look at it.
        if numbered && let Ok(line) = std::fs::read_to_string(path.join("stat")) {
            processes.extend(stat(&line));
        }
    }
    Ok(processes)
}

/// Reads `/proc/PID/stat`, see proc_pid_stat(5).
fn stat(line: &str) -> Option<Process> {
    // The name in parentheses may itself contain blanks and parentheses; nothing after it does.
    let (start, rest) = line.rsplit_once(") ")?;
    let (pid, _) = start.split_once(' ')?;
    let fields: Vec<&str> = rest.split(' ').collect();
    // Fields are numbered from 1 there; the state, field 3, is the first of ours.
    let field = |number: usize| fields.get(number - 3)?.parse::<u32>().ok();
    Some(Process { pid: pid.parse().ok()?, parent: field(4)?, ticks: field(14)? + field(15)? })
}

fn resident_of(status: &str) -> Option<u64> {
    size(status, "VmRSS:")
}

/// A size from `/proc/PID/status`.
fn size(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines_may_have_odd_names() {
        let line = "4242 (a (b) c) S 17 4242 4242 0 -1 4194560 900 0 0 0 123 45 7 8 20 0 3 0 99 1 2";
        assert_eq!(stat(line), Some(Process { pid: 4242, parent: 17, ticks: 168 }));
        assert_eq!(stat("4242 (cut"), None);
        assert_eq!(stat("4242 (cut) S 17"), None);
    }

    #[test]
    fn resident_memory_is_in_bytes() {
        assert_eq!(resident_of("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t1\n"), Some(2 * 1024 * 1024));
        assert_eq!(resident_of("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_has_a_time_and_a_size() {
        let pid = std::process::id();
        assert!(cpu_time(pid).is_ok());
        assert!(resident(pid).is_ok_and(|bytes| bytes > 0));
        assert!(cpu_time(u32::MAX).is_err());
    }
}
