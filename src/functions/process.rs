//! A process of a function, from the node's side: its keeper, its leash, and what it prints.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::Instant;

use super::figures::{self, Use};
use super::keeper::{self, Order};

/// This binary, even after its file was replaced.
const SELF: &str = "/proc/self/exe";
/// A keeper that was let go is waited for so long; then it is killed.
const END_WITHIN: Duration = Duration::from_secs(5);
/// What is printed is taken in pieces of at most so many bytes,
const PIECE: usize = 32 * 1024;
/// and so many bytes in a window of time: who prints more waits.
const FLOOD: usize = 512 * 1024;
/// That window.
const WINDOW: Duration = Duration::from_millis(100);

/// A process that runs.
pub(super) struct Process {
    child: Child,
    /// The keeper ends everything when this is dropped.
    leash: Option<ChildStdin>,
    output: Output,
    /// The function's own process, once it is known.
    own: Option<u32>,
    /// The most memory that was seen.
    peak: u64,
}

/// What a process prints, standard output and standard error together.
struct Output {
    pipe: pipe::Receiver,
    window: Instant,
    taken: usize,
    ended: bool,
    buffer: Vec<u8>,
}

impl Process {
    /// Starts a process with an environment and nothing else of the node's.
    pub(super) fn start(order: &Order, environment: &BTreeMap<String, String>) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(SELF);
        command.arg0("turnpike").arg(keeper::COMMAND);
        command.args(["--memory", &order.memory.to_string(), "--file", &order.file.to_string()]);
        if let Some((uid, gid)) = order.user {
            command.args(["--user", &format!("{uid}:{gid}")]);
        }
        command.arg("--directory").arg(&order.directory).arg("--").args(&order.program);
        command.env_clear().envs(environment);
        command.stdin(Stdio::piped()).stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn()?;
        let leash = child.stdin.take();
        let pipe = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
        let output = Output { pipe, window: Instant::now(), taken: 0, ended: false, buffer: vec![0; PIECE] };
        Ok(Self { child, leash, output, own: None, peak: 0 })
    }

    /// What has been printed and not been taken yet, as far as it is there.
    pub(super) fn print_rest(&mut self, mut take: impl FnMut(&[u8])) {
        let mut left = FLOOD;
        while left > 0 && !self.output.ended {
            match self.output.pipe.try_read(&mut self.output.buffer) {
                Ok(0) => self.output.ended = true,
                Ok(count) => {
                    take(&self.output.buffer[..count]);
                    left = left.saturating_sub(count);
                }
                Err(_) => return,
            }
        }
    }

    /// Waits until the process has ended; may be dropped at any time.
    pub(super) async fn ended(child: &mut Child) -> io::Result<ExitStatus> {
        child.wait().await
    }

    /// The process and what it prints, to be waited for side by side.
    pub(super) fn parts(&mut self) -> (&mut Child, Printing<'_>) {
        (&mut self.child, Printing(&mut self.output))
    }

    /// What the process and all that it started use.
    pub(super) fn usage(&mut self) -> Use {
        let used = self.child.id().map(figures::below).unwrap_or_default();
        self.peak = self.peak.max(used.memory);
        used
    }

    /// The most memory that it has used, in bytes.
    pub(super) fn peak(&mut self) -> u64 {
        if self.own.is_none() {
            self.own = self.child.id().and_then(|keeper| figures::descendants(keeper).first().copied());
        }
        self.peak = self.peak.max(self.own.and_then(figures::peak).unwrap_or_default());
        self.peak
    }

    /// Ends the process and all that it started.
    pub(super) async fn end(mut self) {
        drop(self.leash.take());
        if tokio::time::timeout(END_WITHIN, self.child.wait()).await.is_err() {
            tracing::warn!("the process of a function does not end; its keeper is killed");
            let _ = self.child.kill().await;
        }
    }
}

/// What a process prints, apart from the process.
pub(super) struct Printing<'a>(&'a mut Output);

impl Printing<'_> {
    /// Waits until the process has printed something; never ends when it can't print any more. May be dropped at any time.
    pub(super) async fn next(&mut self) -> &[u8] {
        self.0.next().await
    }
}

impl Output {
    async fn next(&mut self) -> &[u8] {
        loop {
            if self.ended {
                return std::future::pending().await;
            }
            if self.window.elapsed() >= WINDOW {
                (self.window, self.taken) = (Instant::now(), 0);
            }
            if self.taken >= FLOOD {
                tokio::time::sleep_until(self.window + WINDOW).await;
                continue;
            }
            if self.pipe.readable().await.is_err() {
                self.ended = true;
                continue;
            }
            match self.pipe.try_read(&mut self.buffer) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.taken += count;
                    // The buffer is borrowed again, which the loop would not let it be.
                    return &self.buffer[..count];
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => self.ended = true,
            }
        }
    }
}
