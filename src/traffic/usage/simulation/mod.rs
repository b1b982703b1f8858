//! Nodes that take leases of one plan's quotas, in a world that goes wrong in every way: simulated, each run from one
//! seed.
//!
//! What is simulated is the world: the agreed order of commits, answers that get lost or come late, partitions, crashes,
//! clocks. What is tested is real: what leases are taken, how they are written down and given back, the documents, the
//! conditions of commits, and the calendar. After every step no more was let through than the quota allows; after a
//! peaceful end, exactly so much. The plan changes, clocks of less than half of the nodes are wrong from the start, are set
//! at any moment, or stand still; no day is opened before it has begun, and no lease is taken of another one than is open.

mod node;
mod world;

use std::env;
use std::rc::Rc;
use std::time::Duration;

use rand::Rng;
use tokio::task::LocalSet;
use world::{Mood, World};

/// So many seeds are run, unless `TURNPIKE_SIMULATION_SEEDS` says how many;
const SEEDS: u64 = 100;
/// and so many steps with each.
const STEPS: u32 = 400;
/// All has ended within this time, of the simulated.
const END: Duration = Duration::from_secs(3600);

#[test]
fn no_quota_is_exceeded_whatever_happens_and_none_is_lost_in_peace() {
    let setting = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let first = setting("TURNPIKE_SIMULATION_FIRST").unwrap_or_default();
    let seeds = setting("TURNPIKE_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let mut seen = world::Seen::default();
    for seed in first..first + seeds {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let run = || LocalSet::new().block_on(&runtime.expect("a runtime"), run(seed));
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
            Ok(of) => seen.add(&of),
            Err(_) => {
                panic!("seed {seed}: run it again with TURNPIKE_SIMULATION_FIRST={seed} TURNPIKE_SIMULATION_SEEDS=1")
            }
        }
    }
    // A world in which nothing happens would prove nothing.
    if seeds >= SEEDS {
        assert!(seen.is_all(), "{seen:?}");
    }
}

async fn run(seed: u64) -> world::Seen {
    let world = World::new(seed);
    tokio::select! {
        ended = tokio::time::timeout(END, live(&world)) => assert!(ended.is_ok(), "it does not end"),
        () = world.broken() => panic!("a task has failed"),
    }
    world.seen()
}

async fn live(world: &Rc<World>) {
    for _ in 0..STEPS {
        world.demand();
        world.misfortune();
        let pause = world.random(|random| random.random_range(0..40));
        tokio::time::sleep(Duration::from_millis(pause)).await;
        world.check();
    }
    finish(world).await;
}

/// All is well again, and everybody asks until there is nothing left. Then all end in peace.
async fn finish(world: &Rc<World>) {
    world.heal().await;
    let mut quiet = 0;
    for _ in 0..3000 {
        world.demand_all();
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.check();
        quiet = if world.is_used_up() && world.is_right() { quiet + 1 } else { 0 };
        if quiet == 30 {
            break;
        }
    }
    assert_eq!(quiet, 30, "somebody still waits");
    world.end_all().await;
    world.check();
    let (lost, most) = world.lost();
    assert!(lost <= most, "{lost} tokens are lost, and {most} may be");
    assert!(world.mood != Mood::Peaceful || lost == 0, "{lost} tokens are lost in peace");
}
