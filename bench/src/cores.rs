//! Which cores this process may use, and commands that stay on some of them.

use std::path::Path;

use anyhow::Context as _;
use tokio::process::Command;

/// The core of the measured gateways, and the cores of everything else.
pub(crate) struct Cores {
    /// Where every measured gateway runs, as `taskset` spells it.
    pub(crate) gateway: String,
    /// Where load generators and upstream run, as `taskset` spells it.
    pub(crate) load: String,
}

impl Cores {
    /// Takes the cores that were asked for, else the first allowed core for gateways and the others for the load.
    pub(crate) fn choose(gateway: Option<u32>, load: Option<String>) -> anyhow::Result<Cores> {
        let allowed = allowed()?;
        let gateway = gateway.or_else(|| allowed.first().copied()).context("no core is allowed to this process")?;
        let load = load.unwrap_or_else(|| {
            let others = allowed.iter().filter(|core| **core != gateway).map(u32::to_string);
            others.collect::<Vec<_>>().join(",")
        });
        let shared = list(&load).is_none_or(|cores| cores.is_empty() || cores.contains(&gateway));
        anyhow::ensure!(!shared, "the load needs a core other than the gateway's ({gateway}), not {load:?}");
        Ok(Cores { gateway: gateway.to_string(), load })
    }
}

/// A command that runs on these cores only. It becomes the program itself, so the child's pid is the program's.
pub(crate) fn pinned(program: &Path, cores: &str) -> Command {
    let mut command = Command::new("taskset");
    command.arg("--cpu-list").arg(cores).arg(program);
    command
}

fn allowed() -> anyhow::Result<Vec<u32>> {
    let status = std::fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    line.and_then(list).context("/proc/self/status does not say which cores are allowed")
}

/// Reads a list such as `0-3,6`.
fn list(text: &str) -> Option<Vec<u32>> {
    let mut cores = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cores.extend(first.parse::<u32>().ok()?..=last.parse().ok()?);
    }
    Some(cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_ranges_and_single_cores() {
        assert_eq!(list("\t0-2,6\n"), Some(vec![0, 1, 2, 6]));
        assert_eq!(list("1"), Some(vec![1]));
        assert_eq!(list(""), Some(vec![]));
        assert_eq!(list("a-b"), None);
    }

    #[test]
    fn load_never_shares_the_gateways_core() {
        assert!(Cores::choose(Some(0), Some("0-1".into())).is_err());
        assert!(Cores::choose(Some(0), Some("nonsense".into())).is_err());
        assert!(Cores::choose(Some(0), Some("1".into())).is_ok());
    }
}
