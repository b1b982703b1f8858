//! Clients: each calls one node after the other, one operation at a time, and records what it asked and got.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::history::{Asked, Got, Operation, Value};
use super::world::World;
use crate::cluster::Cluster;
use crate::transaction::{Condition, TransactError, Transaction};

/// Registers.
const KEYS: u32 = 5;

/// Calls until the world is over.
pub(super) async fn client(world: Arc<World>, number: u64, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut written = number << 32;
    while !world.is_over() {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..150))).await;
        let Some(node) = world.some_node(&mut random) else { continue };
        let key = format!("register/{}", random.random_range(0..KEYS));
        written += 1;
        match random.random_range(0..10) {
            0..4 => {
                read(&world, &node, &key).await;
            }
            4..7 => write(&world, &node, &key, Some(written)).await,
            7 => write(&world, &node, &key, None).await,
            _ => swap(&world, &node, &key, written).await,
        }
    }
}

fn record(world: &World, key: &str, asked: Asked, got: Got, called: u64) {
    let operation = Operation { asked, got, called, returned: world.now() };
    world.tell(|| format!("{key} {operation:?}"));
    world.histories.lock().entry(key.to_owned()).or_default().push(operation);
}

fn value_of(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// A linearizable read, with the revision that was read.
async fn read(world: &World, node: &Cluster, key: &str) -> Option<(Value, u64)> {
    let called = world.now();
    node.fresh().await.ok()?;
    let twin = format!("twin of {key}");
    let (value, revision, other) = node.read(|view| {
        let document = view.get(key);
        let other = view.get(&twin).and_then(|twin| value_of(&twin.value));
        (
            document.as_ref().and_then(|document| value_of(&document.value)),
            document.map_or(0, |one| one.revision),
            other,
        )
    });
    // Every transaction writes both: one without the other is half a transaction.
    if value != other {
        world.broken.lock().push(format!("{key} holds {value:?} and its twin {other:?}"));
    }
    record(world, key, Asked::Read, Got::Read(value), called);
    Some((value, revision))
}

async fn write(world: &World, node: &Cluster, key: &str, value: Value) {
    let called = world.now();
    let got = match node.transact(put(Transaction::new(), key, value)).await {
        Ok(_) => Got::Done,
        Err(TransactError::Unknown { .. } | TransactError::Stopped) => Got::Unknown,
        // It was not made: there is nothing to explain.
        Err(TransactError::Unavailable { .. }) => return,
        Err(error) => return world.broken.lock().push(format!("a write was answered {error}")),
    };
    record(world, key, Asked::Write(value), got, called);
}

async fn swap(world: &World, node: &Cluster, key: &str, new: u64) {
    let Some((old, revision)) = read(world, node, key).await else { return };
    let called = world.now();
    let condition = match old {
        Some(_) => Condition::Revision(key.to_owned(), revision),
        None => Condition::Absent(key.to_owned()),
    };
    let got = match node.transact(put(Transaction::new().when(condition), key, Some(new))).await {
        Ok(_) => Got::Done,
        Err(TransactError::Conflict { .. }) => Got::Refused,
        Err(TransactError::Unknown { .. } | TransactError::Stopped) => Got::Unknown,
        Err(TransactError::Unavailable { .. }) => return,
        Err(error) => return world.broken.lock().push(format!("a swap was answered {error}")),
    };
    record(world, key, Asked::Swap(old, Some(new)), got, called);
}

fn put(transaction: Transaction, key: &str, value: Value) -> Transaction {
    let twin = format!("twin of {key}");
    match value {
        Some(value) => transaction.put(key, value.to_string()).put(twin, value.to_string()),
        None => transaction.delete(key).delete(twin),
    }
}
