//! Whole clusters in one process, on one thread, in time that is only counted: everything that happens follows from a
//! seed, thousands of runs take minutes, and one that fails can be run again.
//!
//! Disks forget what was not synced, messages are lost and late and doubled, ways are cut in one direction or both,
//! nodes lose their power one by one and all at once, come and go. Clients write, swap and read meanwhile; afterwards
//! the history of every key must be that of one register, watches must have seen every change in order, and all nodes
//! must hold the same, whether by replaying the log or by a snapshot.
//!
//! `TURNPIKE_SIMULATION_SEEDS` sets how many seeds are run, from `TURNPIKE_SIMULATION_FIRST` on;
//! `TURNPIKE_SIMULATION_SEED` runs one and says what happens. A seed replays to the letter when tokio's own dice are
//! loaded too, as `tests/run` does: `RUSTFLAGS="--cfg tokio_unstable"`.

mod faults;
mod history;
mod network;
mod watching;
mod workload;
mod world;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::membership::Role;
use crate::raft::Dice;
use crate::read::ReadError;
use crate::transaction::{TransactError, Transaction};
use world::World;

/// Seeds of an ordinary run of the tests.
const SEEDS: u64 = 5;
/// Faults go on for so long, in counted time.
const FAULTS: Duration = Duration::from_secs(20);

/// What a run came to.
#[derive(Debug, Default, Clone, PartialEq)]
struct Report {
    operations: u64,
    unknown: u64,
    cuts: u64,
    changes: u64,
    snapshots: u64,
    /// Follows from everything that clients saw.
    digest: u64,
}

impl Report {
    fn add(&mut self, other: &Self) {
        self.operations += other.operations;
        self.unknown += other.unknown;
        self.cuts += other.cuts;
        self.changes += other.changes;
        self.snapshots += other.snapshots;
    }
}

/// Runs one seed.
fn run(seed: u64, tells: bool) -> Result<Report, String> {
    in_counted_time(seed, simulate(seed, tells))
}

/// Runs something on a runtime whose time is only counted, and whose dice are loaded.
fn in_counted_time<T>(seed: u64, what: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    Dice::load(seed);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    #[cfg(tokio_unstable)]
    builder.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_le_bytes()));
    let runtime = builder.build().map_err(|error| error.to_string())?;
    runtime.block_on(what)
}

async fn simulate(seed: u64, tells: bool) -> Result<Report, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let size = if random.random_bool(0.7) { 3 } else { 5 };
    let world = World::new(random.random(), size, tells);
    world.found().await?;
    let clients: Vec<_> =
        (0..4).map(|client| tokio::spawn(workload::client(Arc::clone(&world), client, random.random()))).collect();
    let faults = faults::cause(Arc::clone(&world), random.random());
    let _ = tokio::time::timeout(FAULTS, faults).await;
    world.tell(|| "the faults are over".to_owned());
    world.recover().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.end();
    for client in clients {
        client.await.map_err(|error| error.to_string())?;
    }
    world.check().await
}

/// The seeds of this run, spread over the machine's processors.
fn run_all(seeds: std::ops::Range<u64>) -> Result<(u64, Report), Vec<String>> {
    let next = AtomicU64::new(seeds.start);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let results: Vec<(u64, Report, Vec<String>)> = std::thread::scope(|scope| {
        let working = || {
            let (mut count, mut sum, mut failed) = (0, Report::default(), Vec::new());
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    return (count, sum, failed);
                }
                match std::panic::catch_unwind(|| run(seed, false)) {
                    Ok(Ok(report)) => {
                        count += 1;
                        sum.add(&report);
                    }
                    Ok(Err(why)) => failed.push(format!("seed {seed}: {why}")),
                    Err(_) => failed.push(format!("seed {seed}: a panic")),
                }
            }
        };
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(working)).collect();
        handles.into_iter().map(|handle| handle.join().unwrap_or_default()).collect()
    });
    let mut sum = (0, Report::default());
    let mut failed = Vec::new();
    for (count, report, failures) in results {
        sum.0 += count;
        sum.1.add(&report);
        failed.extend(failures);
    }
    if failed.is_empty() { Ok(sum) } else { Err(failed) }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
#[expect(clippy::print_stderr, reason = "the count of runs is what this is for")]
fn nothing_that_was_acknowledged_is_lost() {
    if let Some(seed) = variable("TURNPIKE_SIMULATION_SEED") {
        match run(seed, true) {
            Ok(report) => eprintln!("seed {seed}: {report:?}"),
            Err(why) => panic!("seed {seed}: {why}"),
        }
        return;
    }
    let first = variable("TURNPIKE_SIMULATION_FIRST").unwrap_or(0);
    let seeds = variable("TURNPIKE_SIMULATION_SEEDS").unwrap_or(SEEDS);
    match run_all(first..first + seeds) {
        Ok((count, report)) => eprintln!("simulation: {count} seeds, {report:?}"),
        Err(failed) => {
            panic!("{} seeds failed; TURNPIKE_SIMULATION_SEED=… shows one of them\n{}", failed.len(), failed.join("\n"))
        }
    }
}

#[test]
fn a_leader_without_room_gives_the_lead_away_and_nobody_is_refused() {
    let moves = async {
        let world = World::new(1, 3, false);
        world.found().await?;
        let place = |leads: bool| {
            let is_it = |at: &usize| world.node(*at).is_some_and(|node| (node.metrics().role == Role::Leader) == leads);
            world.wanted().into_iter().find(is_it).ok_or("no such node")
        };
        let (leader, other) = (place(true)?, place(false)?);
        world.set_free(leader, 0);
        let write = || Transaction::new().put("key", "value");
        let node = |at| world.node(at).ok_or("it runs");
        node(other)?.transact(write()).await.map_err(|error| error.to_string())?;
        assert_ne!(node(other)?.metrics().leader, Some(node(leader)?.id()));
        // The one without room takes nothing, and follows.
        assert!(matches!(node(leader)?.transact(write()).await, Err(TransactError::NoSpace(_))));
        for at in world.wanted() {
            world.set_free(at, 0);
        }
        assert!(matches!(node(other)?.transact(write()).await, Err(TransactError::NoSpace(_))));
        Ok(())
    };
    in_counted_time(1, moves).expect("it goes well");
}

#[test]
fn readers_do_not_wait_for_a_node_whose_raft_waits_for_its_disk() {
    let reads = async {
        let world = World::new(1, 3, false);
        world.found().await?;
        let follows = |at: &usize| world.node(*at).is_some_and(|node| node.metrics().role == Role::Follower);
        let follower = world.wanted().into_iter().find(follows).ok_or("nobody follows")?;
        let node = world.node(follower).ok_or("it runs")?;
        world.set_delay(follower, Duration::from_secs(3600));
        // Raft keeps its vote before it does anything else.
        node.inner.raft().trigger().elect().await.map_err(|error| error.to_string())?;
        let read = tokio::time::timeout(Duration::from_secs(10), node.fresh()).await;
        let read = read.map_err(|_| "the reader waits for the disk")?;
        assert!(matches!(read, Err(ReadError::Unavailable { .. })));
        Ok(())
    };
    in_counted_time(1, reads).expect("it goes well");
}

/// Holds where tokio's dice can be loaded.
#[cfg(tokio_unstable)]
#[test]
fn a_seed_replays() {
    for seed in [3, 4] {
        assert_eq!(run(seed, false), run(seed, false));
    }
}
