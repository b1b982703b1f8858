//! Backups of real nodes: consistent while writes go on, restored whole, and found out when they were not.

mod sandbox;

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

use sandbox::{Sandbox, eventually};
use turnpike_cluster::backup::{self, BackupError, RestoreError};
use turnpike_cluster::{Cluster, TransactError, Transaction};

const MADE: u64 = 1_767_225_600;

fn is_own(key: &str) -> bool {
    key == "own"
}

async fn bytes_of(node: &Cluster) -> Vec<u8> {
    let backup = node.backup(MADE).await.expect("a leader");
    backup.map(|piece| piece.expect("written")).collect::<Vec<_>>().concat()
}

fn documents(node: &Cluster) -> BTreeMap<String, Vec<u8>> {
    node.read(|view| view.scan("").map(|(key, document)| (key.to_string(), document.value.to_vec())).collect())
}

/// More than one transaction holds, and more than one frame.
async fn fill(node: &Cluster) {
    for number in 0..7 {
        let large = Transaction::new().put(format!("large/{number}"), vec![number; 1024 * 1024]);
        node.transact(large).await.expect("committed");
    }
    let many = (0..3000).fold(Transaction::new(), |many, number| many.put(format!("small/{number}"), "x"));
    node.transact(many).await.expect("committed");
    node.transact(Transaction::new().put("own", "the first cluster's")).await.expect("committed");
}

#[tokio::test]
async fn a_backup_under_writes_has_everything_before_it_and_nothing_by_half() {
    let sandbox = Sandbox::three_nodes().await;
    let over = Arc::new(AtomicBool::new(false));
    let acknowledged: Vec<Arc<AtomicU64>> = (0..3).map(|_| Arc::default()).collect();
    let writers: Vec<_> = (0..3_usize)
        .map(|writer| {
            let (node, over) = (sandbox.nodes[writer].clone(), Arc::clone(&over));
            let acknowledged = Arc::clone(&acknowledged[writer]);
            tokio::spawn(async move {
                for number in 1.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let text = number.to_string();
                    let write = Transaction::new()
                        .put(format!("left/{writer}/{number}"), text.clone())
                        .put(format!("right/{writer}/{number}"), text.clone())
                        .put(format!("last/{writer}"), text);
                    node.transact(write).await.expect("committed");
                    acknowledged.store(number, Ordering::Release);
                }
            })
        })
        .collect();
    let progress = |by: u64| acknowledged.iter().all(|known| known.load(Ordering::Acquire) >= by);
    for round in 1..=3 {
        eventually("writes", || async { progress(round * 20) }).await;
        let before: Vec<u64> = acknowledged.iter().map(|known| known.load(Ordering::Acquire)).collect();
        let node = &sandbox.nodes[round as usize % 3];
        let backup = node.backup(MADE).await.expect("a leader");
        // What is committed from here on must not be in it.
        eventually("more writes", || async { progress(round * 20 + 10) }).await;
        let bytes: Vec<u8> = backup.flat_map(|piece| piece.expect("written")).collect();
        let summary = backup::verify(&bytes[..]).expect("whole");
        assert_eq!((summary.header.cluster, summary.header.made), (node.cluster(), MADE));
        let fresh = Sandbox::one_node().await;
        let restored = fresh.nodes[0].restore(Cursor::new(bytes), is_own).await.expect("restored");
        let found = documents(&fresh.nodes[0]);
        assert_eq!((restored.documents, restored.left_out), (summary.header.documents, 0));
        assert_eq!(found.len() as u64, summary.header.documents);
        for (writer, before) in before.into_iter().enumerate() {
            let last = String::from_utf8(found[&format!("last/{writer}")].clone()).expect("text");
            let last: u64 = last.parse().expect("a number");
            assert!(last >= before, "{last} of at least {before} that were acknowledged");
            for number in 1..=last {
                let value = number.to_string().into_bytes();
                assert_eq!(found[&format!("left/{writer}/{number}")], value);
                assert_eq!(found[&format!("right/{writer}/{number}")], value);
            }
            assert!(!found.contains_key(&format!("left/{writer}/{}", last + 1)), "by half");
        }
    }
    over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("no panic");
    }
}

#[tokio::test]
async fn only_a_cluster_without_documents_is_restored_into_and_it_keeps_its_own() {
    let (first, second) = (Sandbox::one_node().await, Sandbox::one_node().await);
    let (from, to) = (&first.nodes[0], &second.nodes[0]);
    fill(from).await;
    let bytes = bytes_of(from).await;
    match from.restore(Cursor::new(bytes.clone()), is_own).await {
        Err(RestoreError::NotEmpty { documents: 3007, example }) => assert_eq!(example, "large/0"),
        other => panic!("{other:?}"),
    }
    to.transact(Transaction::new().put("own", "the second cluster's")).await.expect("committed");
    let mut damaged = bytes.clone();
    let at = damaged.len() / 2;
    damaged[at] ^= 1;
    assert!(matches!(to.restore(Cursor::new(damaged), is_own).await, Err(RestoreError::Backup(_))));
    assert_eq!(documents(to).len(), 1, "verified before anything is written");
    let restored = to.restore(Cursor::new(bytes), is_own).await.expect("restored");
    assert_eq!((restored.documents, restored.left_out), (3007, 1));
    let (mut expected, found) = (documents(from), documents(to));
    expected.insert("own".to_owned(), b"the second cluster's".to_vec());
    assert!(found == expected, "{} documents of {}", found.len(), expected.len());
    assert!(matches!(to.can_restore(is_own).await, Err(RestoreError::NotEmpty { .. })));
}

#[tokio::test]
async fn a_restore_that_fits_into_one_transaction_is_one() {
    let (first, second) = (Sandbox::one_node().await, Sandbox::three_nodes().await);
    let seed = (0..2000).fold(Transaction::new(), |seed, number| seed.put(format!("k/{number}"), vec![0; 1000]));
    first.nodes[0].transact(seed).await.expect("committed");
    let bytes = bytes_of(&first.nodes[0]).await;
    let mut watch = second.nodes[2].watch(second.nodes[2].fresh().await.expect("a leader"));
    let restored = second.nodes[1].restore(Cursor::new(bytes), is_own).await.expect("restored");
    let changed = watch.next().await.expect("a change");
    assert_eq!((changed.index, changed.keys.len()), (restored.index, 2000));
}

/// A backup that, when it is read for the second time, does something at its middle.
struct Trap<F> {
    bytes: Cursor<Vec<u8>>,
    begun: u32,
    spring: F,
}

impl<F: FnMut() -> io::Result<()>> Trap<F> {
    fn new(bytes: Vec<u8>, spring: F) -> Self {
        Self { bytes: Cursor::new(bytes), begun: 0, spring }
    }
}

impl<F: FnMut() -> io::Result<()>> Read for Trap<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.begun > 1 && self.bytes.position() > self.bytes.get_ref().len() as u64 / 2 {
            (self.spring)()?;
        }
        self.bytes.read(buffer)
    }
}

impl<F> Seek for Trap<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.begun += 1;
        self.bytes.seek(to)
    }
}

#[tokio::test]
async fn a_restore_that_was_cut_short_is_seen_and_can_be_repeated() {
    let (first, second) = (Sandbox::one_node().await, Sandbox::three_nodes().await);
    fill(&first.nodes[0]).await;
    let bytes = bytes_of(&first.nodes[0]).await;
    let [to, other, _] = &second.nodes[..] else { panic!("three nodes") };
    let trap = Trap::new(bytes.clone(), || Err(io::Error::other("the disk is gone")));
    assert!(matches!(to.restore(trap, is_own).await, Err(RestoreError::CutShort(_))));
    other.fresh().await.expect("a leader");
    let restoring = other.restoring().expect("it is seen on every node");
    assert_eq!((restoring.cluster, restoring.documents), (first.nodes[0].cluster(), 3008));
    // Nothing comes between, and nothing half is backed up.
    let write = || Transaction::new().put("mine", "x");
    for node in &second.nodes {
        assert!(matches!(node.transact(write()).await, Err(TransactError::Restoring)));
        assert!(matches!(node.backup(MADE).await, Err(BackupError::Restoring)));
    }
    // From another node, and of another backup: nothing of the first one is left.
    other.can_restore(is_own).await.expect("may be repeated");
    let small = Sandbox::one_node().await;
    small.nodes[0].transact(Transaction::new().put("small/alone", "x")).await.expect("committed");
    other.restore(Cursor::new(bytes_of(&small.nodes[0]).await), is_own).await.expect("restored");
    assert_eq!(documents(other).into_keys().collect::<Vec<_>>(), ["small/alone"]);
    assert!(other.restoring().is_none());
    to.transact(write()).await.expect("changes are made again");
}

#[tokio::test]
async fn of_two_restores_the_one_that_began_later_goes_on() {
    let (first, second) = (Sandbox::one_node().await, Sandbox::one_node().await);
    fill(&first.nodes[0]).await;
    let bytes = bytes_of(&first.nodes[0]).await;
    let to = second.nodes[0].clone();
    let (reached, wait_reached) = mpsc::channel();
    let (go, wait_go) = mpsc::channel::<()>();
    let trap = Trap::new(bytes.clone(), move || {
        let _ = reached.send(());
        // Once the other end is gone it is not waited for again.
        let _ = wait_go.recv();
        Ok(())
    });
    let slow = tokio::spawn(async move { to.restore(trap, is_own).await });
    tokio::task::spawn_blocking(move || wait_reached.recv().expect("the middle")).await.expect("no panic");
    second.nodes[0].restore(Cursor::new(bytes), is_own).await.expect("restored");
    drop(go);
    assert!(matches!(slow.await.expect("no panic"), Err(RestoreError::Replaced)));
    let (mut expected, found) = (documents(&first.nodes[0]), documents(&second.nodes[0]));
    expected.remove("own");
    assert!(found == expected, "{} documents of {}", found.len(), expected.len());
}
