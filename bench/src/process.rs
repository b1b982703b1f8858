//! Child processes: none outlives this one, and the first line of each says where it listens.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// A running program, killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    pid: u32,
    output: Option<Lines<BufReader<ChildStdout>>>,
}

impl Process {
    /// Starts a command. What it writes to standard error goes to the file `log`.
    pub(crate) fn spawn(mut command: Command, log: &Path) -> anyhow::Result<Process> {
        let name = format!("{:?}", command.as_std());
        let errors = std::fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let pid = child.id().with_context(|| format!("{name} ended at once"))?;
        let output = child.stdout.take().map(|output| BufReader::new(output).lines());
        Ok(Process { child, pid, output })
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for the first line of output that starts with `start`, and returns what follows.
    pub(crate) async fn announced(&mut self, start: &str, patience: Duration) -> anyhow::Result<String> {
        let mut lines = self.output.take().context("the output was read before")?;
        let search = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(rest) = line.strip_prefix(start) {
                    return Ok(Some(rest.to_owned()));
                }
            }
            std::io::Result::Ok(None)
        };
        let found = timeout(patience, search).await;
        let found = found.with_context(|| format!("no line {start:?} within {patience:?}"))?;
        let found = found.context("cannot read the output")?.with_context(|| format!("ended without {start:?}"))?;
        // A pipe that nobody empties would stop a talkative program some day.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(found)
    }

    /// Kills the process, as a power cut or the kernel would, and waits until it is gone.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.with_context(|| format!("cannot kill process {}", self.pid))
    }

    /// Has the process stand still until it [goes on](Process::go_on).
    pub(crate) async fn pause(&self) -> anyhow::Result<()> {
        self.signal("-STOP").await
    }

    /// Has a process that was paused go on.
    pub(crate) async fn go_on(&self) -> anyhow::Result<()> {
        self.signal("-CONT").await
    }

    async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let sent = Command::new("kill").arg(signal).arg(self.pid.to_string()).status().await;
        anyhow::ensure!(sent.context("cannot run kill")?.success(), "cannot signal process {}", self.pid);
        Ok(())
    }

    /// Asks the process to end, by SIGTERM, and waits until it did.
    pub(crate) async fn stop(mut self, patience: Duration) -> anyhow::Result<()> {
        self.signal("-TERM").await?;
        let ended = timeout(patience, self.child.wait()).await;
        ended.with_context(|| format!("process {} did not end within {patience:?}", self.pid))??;
        Ok(())
    }
}

/// The last lines of a log, to be shown beside an error.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.get(lines.len().saturating_sub(10)..).unwrap_or_default();
    if last.is_empty() { "it wrote nothing to standard error".to_owned() } else { last.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn announcement_is_found_and_the_end_is_awaited() {
        let log = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut command = Command::new("sh");
        command.args(["-c", "echo noise; echo ready here; echo trouble >&2; exec sleep 60"]);
        let mut process = Process::spawn(command, log.path()).expect("sh starts");
        let found = process.announced("ready ", Duration::from_secs(10)).await.expect("the line is there");
        assert_eq!(found, "here");
        process.stop(Duration::from_secs(10)).await.expect("it ends");
        assert_eq!(tail(log.path()), "trouble");
    }

    #[tokio::test]
    async fn a_program_that_says_nothing_is_an_error() {
        let log = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut process = Process::spawn(Command::new("true"), log.path()).expect("true starts");
        assert!(process.announced("ready ", Duration::from_secs(10)).await.is_err());
    }
}
