//! What `commits` found, as tables and as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use crate::kv::load::Tally;
use crate::load::histogram::Histogram;
use crate::system;
use crate::table;
use crate::values::{Spread, round};

/// One measurement.
pub(super) struct Run {
    name: String,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu_us: f64,
}

impl Run {
    pub(super) fn new(name: &str, tally: &Tally, cpu: Duration) -> Run {
        Run {
            name: name.to_owned(),
            per_second: tally.rate(),
            p50_ms: tally.milliseconds(0.5),
            p99_ms: tally.milliseconds(0.99),
            cpu_us: cpu.as_secs_f64() * 1e6 / (tally.answered as f64).max(1.0),
        }
    }
}

/// All measurements.
pub(super) struct Report {
    clients: u32,
    connections: u32,
    bytes: u32,
    within: Duration,
    pub(super) commits: Vec<Run>,
    pub(super) reads: Vec<Run>,
    /// The bare disk's.
    pub(super) syncs: Histogram,
}

/// The name of ours.
const OURS: &str = "turnpike";

impl Report {
    pub(super) fn new(clients: u32, connections: u32, bytes: u32, within: Duration) -> Report {
        Report {
            clients,
            connections,
            bytes,
            within,
            commits: Vec::new(),
            reads: Vec::new(),
            syncs: Histogram::default(),
        }
    }

    pub(super) fn table(&self) -> String {
        let mut rows = Vec::new();
        for (what, runs) in self.kinds() {
            for name in names(runs) {
                let of = |figure: fn(&Run) -> f64| spread(runs, name, figure);
                let per_second = of(|run| run.per_second);
                rows.push(vec![
                    what.to_owned(),
                    name.to_owned(),
                    format!("{:.0}", per_second.median),
                    format!("{:.0} to {:.0}", per_second.min, per_second.max),
                    format!("{:.2}", of(|run| run.p50_ms).median),
                    format!("{:.2}", of(|run| run.p99_ms).median),
                    format!("{:.0}", of(|run| run.cpu_us).median),
                ]);
            }
        }
        let head = ["", "three nodes of", "per second", "rounds from", "p50 ms", "p99 ms", "CPU µs each, all nodes"];
        let mut ratios = Vec::new();
        for (what, ratio) in self.ratios() {
            let range = format!("{:.2} to {:.2}", ratio.min, ratio.max);
            ratios.push(vec![what, format!("{:.2}", ratio.median), range]);
        }
        format!(
            "{} clients on {} connections, values of {} bytes, runs of {} s; {}\nthe bare disk, 4 KiB written and synced: p50 {:.2} ms, \
             p99 {:.2} ms\n\n{}\n{}",
            self.clients,
            self.connections,
            self.bytes,
            self.within.as_secs(),
            system::machine(),
            self.sync_ms(0.5),
            self.sync_ms(0.99),
            table::render(&head, &rows),
            table::render(&["ratio", "median", "rounds from"], &ratios),
        )
    }

    pub(super) fn document(&self) -> Value {
        let kinds = self.kinds().map(|(what, runs)| {
            let systems = names(runs).into_iter().map(|name| {
                let of = |figure: fn(&Run) -> f64| spread(runs, name, figure).to_json();
                json!({
                    "name": name,
                    "per_second": of(|run| run.per_second),
                    "p50_ms": of(|run| run.p50_ms),
                    "p99_ms": of(|run| run.p99_ms),
                    "cpu_us": of(|run| run.cpu_us),
                })
            });
            (what.to_owned(), systems.collect::<Value>())
        });
        let mut document = json!({
            "machine": system::machine(),
            "clients": self.clients,
            "connections": self.connections,
            "value_bytes": self.bytes,
            "disk_sync_ms": { "p50": round(self.sync_ms(0.5)), "p99": round(self.sync_ms(0.99)) },
            "ratios": self.ratios().into_iter().map(|(what, ratio)| (what, ratio.to_json())).collect::<Value>(),
        });
        for (what, systems) in kinds {
            document[what] = systems;
        }
        document
    }

    fn kinds(&self) -> [(&'static str, &[Run]); 2] {
        [("commits", &self.commits), ("reads", &self.reads)]
    }

    fn sync_ms(&self, q: f64) -> f64 {
        self.syncs.quantile(q).as_secs_f64() * 1000.0
    }

    /// Ours to the peer's, and reads to commits; each within its round.
    fn ratios(&self) -> Vec<(String, Spread)> {
        let mut ratios = Vec::new();
        for (what, runs) in self.kinds() {
            for peer in names(runs).into_iter().filter(|name| *name != OURS) {
                ratios.push((format!("{what}, {OURS} / {peer}"), ratio(runs, OURS, runs, peer)));
            }
        }
        for name in names(&self.commits) {
            ratios.push((format!("{name}, reads / commits"), ratio(&self.reads, name, &self.commits, name)));
        }
        ratios
    }
}

/// The names of those who were measured, in their first order.
fn names(runs: &[Run]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for run in runs {
        if !names.contains(&run.name.as_str()) {
            names.push(&run.name);
        }
    }
    names
}

fn spread(runs: &[Run], name: &str, figure: impl Fn(&Run) -> f64) -> Spread {
    Spread::of(runs.iter().filter(|run| run.name == name).map(figure))
}

fn ratio(over: &[Run], name: &str, under: &[Run], other: &str) -> Spread {
    let rates = |runs: &[Run], name: &str| -> Vec<f64> {
        runs.iter().filter(|run| run.name == name).map(|run| run.per_second).collect()
    };
    Spread::of(rates(over, name).into_iter().zip(rates(under, other)).map(|(over, under)| over / under))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_each_round() {
        let run =
            |name: &str, per_second| Run { name: name.to_owned(), per_second, p50_ms: 1.0, p99_ms: 2.0, cpu_us: 3.0 };
        let mut report = Report::new(64, 64, 200, Duration::from_secs(5));
        report.commits = vec![run("turnpike", 100.0), run("etcd", 50.0), run("etcd", 100.0), run("turnpike", 300.0)];
        report.reads = vec![run("turnpike", 600.0), run("turnpike", 1500.0)];
        let document = report.document();
        assert_eq!(document["ratios"]["commits, turnpike / etcd"]["min"], 2.0);
        assert_eq!(document["ratios"]["commits, turnpike / etcd"]["max"], 3.0);
        assert_eq!(document["ratios"]["turnpike, reads / commits"]["median"], 5.5);
        assert_eq!(document["commits"][1]["name"], "etcd");
        assert!(report.table().contains("| commits | turnpike "), "{}", report.table());
    }
}
