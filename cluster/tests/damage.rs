//! Stores that can't be used: told from those that can, and within a time.

mod sandbox;

use std::process::Command;
use std::time::{Duration, Instant};

use sandbox::Sandbox;
use turnpike_cluster::{Start, StartError, TransactError, Transaction};

/// The data directory of a node that has stopped.
async fn stopped() -> Sandbox {
    let mut sandbox = Sandbox::one_node().await;
    let node = sandbox.nodes.remove(0);
    node.transact(Transaction::new().put("a", "1")).await.expect("committed");
    node.stop().await;
    // Until the last task of the node has gone with its lock.
    let again = sandbox.restart(1, Start::Resume).await;
    again.stop().await;
    sandbox
}

#[tokio::test]
async fn a_store_that_never_opens_is_given_up_in_time() {
    let sandbox = stopped().await;
    let conf = sandbox.path(1).join("store/conf");
    std::fs::remove_file(&conf).expect("removed");
    // Whoever opens this to read waits for somebody who writes.
    assert!(Command::new("mkfifo").arg(&conf).status().expect("mkfifo").success());
    let mut config = sandbox.config(1, Start::Resume);
    config.timing.open = Duration::from_millis(300);
    let begun = Instant::now();
    let why = loop {
        match turnpike_cluster::Cluster::start(config.clone()).await.err().expect("refused") {
            // The tasks of the node before are still going.
            StartError::Directory { .. } | StartError::Store { .. } => {
                tokio::time::sleep(Duration::from_millis(20)).await
            }
            why => break why,
        }
    };
    assert!(
        matches!(&why, StartError::Damaged { source, .. } if source.kind() == std::io::ErrorKind::TimedOut),
        "{why}"
    );
    assert!(why.to_string().contains("turnpike cluster repair --data"), "{why}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    // Lets the thread that was left behind go on.
    std::fs::write(&conf, "").expect("written");
}

#[tokio::test]
async fn a_node_without_room_on_its_disk_says_so_and_writes_nothing() {
    let sandbox = stopped().await;
    // It starts with the eighth part, as every machine that runs this has.
    let mut config = sandbox.config(1, Start::Resume);
    config.reserve = 1 << 62;
    let refused = turnpike_cluster::Cluster::start(config.clone()).await.err().expect("refused");
    assert!(matches!(refused, StartError::NoSpace { .. } | StartError::Directory { .. }), "{refused}");
    let free = sandbox.restart(1, Start::Resume).await;
    config.reserve = free.metrics().free_bytes.saturating_mul(4);
    free.stop().await;
    let node = sandbox.restart_as(config).await;
    match node.transact(Transaction::new().put("b", "1")).await {
        Err(TransactError::NoSpace(why)) => {
            assert_eq!(why.node, 1);
            assert_eq!(why.directory, sandbox.path(1).display().to_string());
            assert!(why.free < why.wanted);
        }
        other => panic!("expected a refusal, got {other:?}"),
    }
    assert!(node.read(|view| view.get("a")).is_some());
    node.fresh().await.expect("reads go on");
}
