//! The keeper of one process of a function: a small process of this binary between the node and the function's.
//!
//! It sets the limits that the function's process inherits, starts it, and waits for one of two things. When the process
//! ends, everything that it has left behind is ended, and the keeper ends in the same way. When its standard input ends,
//! which it does when the node lets go of it, and when the node itself ends, however that happens, everything is ended as
//! well. Whatever the function starts becomes the keeper's child when its own parent is gone, so that nothing gets away,
//! not even what makes a session of its own.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group, prlimit,
    set_child_subreaper, setrlimit, setsid, wait,
};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};

use super::figures;

/// The name of the command that is this.
pub const COMMAND: &str = "function-process";
/// Open files: AWS's limit.
const MAX_FILES: u64 = 1024;
/// Beyond its memory a process may reserve so many bytes: interpreters reserve what they never touch.
const RESERVED: u64 = 512 << 20;
/// What survives being killed so often is the kernel's.
const ROUNDS: u32 = 500;
/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(2);

/// What the keeper is told.
#[derive(Debug)]
pub struct Order {
    /// The function's memory, in MB.
    pub memory: u32,
    /// The largest file that it may write, in MB.
    pub file: u32,
    /// The user and group that it runs as.
    pub user: Option<(u32, u32)>,
    /// Where it runs.
    pub directory: PathBuf,
    /// What to run, with its arguments.
    pub program: Vec<String>,
}

/// Runs a process until it ends, or until the node lets go.
pub fn run(order: Order) -> ExitCode {
    match prepare(&order).and_then(|()| start(&order)) {
        Ok(status) => like(status),
        Err(error) => {
            // Standard error is the function's log.
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("can't start {}: {error}\n", order.program.join(" ")).as_bytes(),
            );
            ExitCode::from(127)
        }
    }
}

fn prepare(order: &Order) -> std::io::Result<()> {
    // Signals of the node's terminal are not for functions.
    let _ = setsid();
    set_child_subreaper(Some(getpid()))?;
    // When memory runs out, functions go before the node. Whoever may not say so goes on without.
    let _ = std::fs::write("/proc/self/oom_score_adj", "900");
    let limit = |resource, most: u64| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, MAX_FILES)?;
    limit(Resource::Fsize, u64::from(order.file) << 20)?;
    if let Some((uid, gid)) = order.user {
        // This process has one thread, so what is set for it is set for the process.
        set_thread_groups(&[])?;
        set_thread_gid(rustix::process::Gid::from_raw(gid))?;
        set_thread_uid(rustix::process::Uid::from_raw(uid))?;
    }
    Ok(())
}

fn start(order: &Order) -> std::io::Result<WaitStatus> {
    let [program, arguments @ ..] = order.program.as_slice() else {
        return Err(std::io::Error::other("there is nothing to start"));
    };
    let child = Command::new(program)
        .args(arguments)
        .current_dir(&order.directory)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()?;
    let group = Pid::from_child(&child);
    // A second line: the node looks at what is used, and this holds a process that is faster than its look. It is set from
    // outside, because the keeper's own allocator reserves more than a function may.
    let most = Some((u64::from(order.memory) << 21) + RESERVED);
    let _ = prlimit(Some(group), Resource::Data, Rlimit { current: most, maximum: most });
    std::thread::spawn(move || {
        let mut leash = std::io::stdin();
        let mut nothing = [0; 64];
        while leash.read(&mut nothing).is_ok_and(|count| count > 0) {}
        end_all(group);
        std::process::exit(0);
    });
    // Whatever ends below this process is waited for, lest it stays as a shadow of itself.
    loop {
        match wait(WaitOptions::empty())? {
            Some((pid, status)) if pid == group => {
                end_all(group);
                return Ok(status);
            }
            _ => {}
        }
    }
}

/// Ends everything below this process.
fn end_all(group: Pid) {
    for _ in 0..ROUNDS {
        let _ = kill_process_group(group, Signal::KILL);
        let left = figures::descendants(std::process::id());
        for pid in &left {
            if let Some(pid) = i32::try_from(*pid).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        if left.is_empty() {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Ends as the process did, so that the node learns how.
fn like(status: WaitStatus) -> ExitCode {
    if let Some(signal) = status.terminating_signal().and_then(Signal::from_named_raw) {
        // Of two the first may be taken by a handler of Rust's own, which then takes itself away.
        let _ = kill_process(getpid(), signal);
        let _ = kill_process(getpid(), signal);
    }
    let code =
        status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal)).unwrap_or_default();
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}
