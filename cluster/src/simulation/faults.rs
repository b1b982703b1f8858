//! What goes wrong, and when: one thing after the other, as a seed says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::network::Weather;
use super::world::World;

/// Causes faults for as long as it is asked to.
pub(super) async fn cause(world: Arc<World>, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    loop {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..1500))).await;
        match random.random_range(0..12) {
            0 => one_loses_power(&world, &mut random).await,
            1 => all_lose_power(&world, &mut random).await,
            2 => leader_loses_power(&world, &mut random).await,
            3 => halves(&world, &mut random),
            4 => one_way(&world, &mut random),
            5 => leader_alone(&world, &mut random),
            6 => flapping(&world, &mut random).await,
            7 => storm(&world, &mut random),
            8 => stop_and_start(&world, &mut random).await,
            9 => replaced(&world, &mut random).await,
            _ => {
                world.tell(|| "the network is well".to_owned());
                world.net.heal();
            }
        }
        // Whoever is down comes back at some time.
        for at in world.wanted() {
            if random.random_bool(0.5) {
                world.switch_on(at);
            }
        }
    }
}

fn some(world: &World, random: &mut StdRng) -> usize {
    let wanted = world.wanted();
    wanted[random.random_range(0..wanted.len())]
}

fn leader(world: &World) -> Option<usize> {
    world.wanted().into_iter().find(|at| world.node(*at).is_some_and(|node| node.inner.leads()))
}

async fn one_loses_power(world: &Arc<World>, random: &mut StdRng) {
    let at = some(world, random);
    world.cut_power(at);
    tokio::time::sleep(Duration::from_millis(random.random_range(0..2000))).await;
    world.switch_on(at);
}

async fn leader_loses_power(world: &Arc<World>, random: &mut StdRng) {
    if let Some(at) = leader(world) {
        world.cut_power(at);
        tokio::time::sleep(Duration::from_millis(random.random_range(0..2000))).await;
        world.switch_on(at);
    }
}

async fn all_lose_power(world: &Arc<World>, random: &mut StdRng) {
    for at in world.wanted() {
        world.cut_power(at);
    }
    tokio::time::sleep(Duration::from_millis(random.random_range(0..500))).await;
    for at in world.wanted() {
        world.switch_on(at);
    }
}

fn apart(world: &World, ours: &[SocketAddr], theirs: &[SocketAddr], both_ways: bool) {
    for one in ours {
        for other in theirs {
            world.net.cut(*one, *other);
            if both_ways {
                world.net.cut(*other, *one);
            }
        }
    }
}

fn halves(world: &World, random: &mut StdRng) {
    let mut addresses = world.addresses();
    addresses.shuffle(random);
    let (ours, theirs) = addresses.split_at(random.random_range(1..addresses.len()));
    world.tell(|| format!("{ours:?} and {theirs:?} are apart"));
    apart(world, ours, theirs, true);
}

fn one_way(world: &World, random: &mut StdRng) {
    let mut addresses = world.addresses();
    addresses.shuffle(random);
    let (ours, theirs) = addresses.split_at(random.random_range(1..addresses.len()));
    world.tell(|| format!("nothing comes from {ours:?} to {theirs:?}"));
    apart(world, ours, theirs, false);
}

fn leader_alone(world: &World, random: &mut StdRng) {
    let Some(at) = leader(world) else { return };
    let Some(address) = world.node(at).map(|node| node.address()) else { return };
    let others: Vec<_> = world.addresses().into_iter().filter(|other| *other != address).collect();
    world.tell(|| format!("the leader {address} is alone"));
    match random.random_range(0..3) {
        0 => apart(world, &[address], &others, false),
        1 => apart(world, &others, &[address], false),
        _ => apart(world, &[address], &others, true),
    }
}

async fn flapping(world: &Arc<World>, random: &mut StdRng) {
    for _ in 0..random.random_range(2..6) {
        halves(world, random);
        tokio::time::sleep(Duration::from_millis(random.random_range(50..600))).await;
        world.net.heal();
        tokio::time::sleep(Duration::from_millis(random.random_range(50..600))).await;
    }
}

fn storm(world: &World, random: &mut StdRng) {
    let weather = Weather {
        loss: random.random_range(0.0..0.3),
        doubling: random.random_range(0.0..0.3),
        lateness: random.random_range(0.0..0.3),
    };
    world.tell(|| format!("{weather:?}"));
    world.net.set_weather(weather);
}

async fn stop_and_start(world: &Arc<World>, random: &mut StdRng) {
    let at = some(world, random);
    world.stop(at).await;
    tokio::time::sleep(Duration::from_millis(random.random_range(0..500))).await;
    world.switch_on(at);
}

/// One node goes for good and another comes in its place.
async fn replaced(world: &Arc<World>, random: &mut StdRng) {
    // The first one is the one that a new cluster begins with: it stays.
    let goes: Vec<_> = world.wanted().into_iter().filter(|at| *at != 0).collect();
    if goes.len() < 2 {
        return;
    }
    let at = goes[random.random_range(0..goes.len())];
    let Some(leaving) = world.node(at) else { return };
    let Some(asked) = world.some_node(random) else { return };
    // It may be gone or not, until there is an answer: then it is asked for again at the end.
    world.doubt(at, leaving.id());
    let removed = tokio::time::timeout(Duration::from_secs(5), asked.remove(leaving.id())).await;
    world.tell(|| format!("node {} is removed: {removed:?}", leaving.id()));
    if !matches!(removed, Ok(Ok(()))) {
        return;
    }
    world.forget(at);
    world.moves.fetch_add(1, Ordering::Relaxed);
    let new = world.add_host();
    world.switch_on(new);
}
