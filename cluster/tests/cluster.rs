//! Real nodes in one process: what they agree on, and that they go on agreeing when one goes.

mod sandbox;

use std::io::{Cursor, Read};
use std::time::Duration;

use sandbox::{SECRET, Sandbox, eventually};
use turnpike_cluster::{
    BlobError, Cluster, Condition, Message, Secret, SendError, Start, StartError, TransactError, Transaction,
};

fn put(key: &str, value: &str) -> Transaction {
    Transaction::new().put(key, value)
}

fn value(node: &Cluster, key: &str) -> Option<String> {
    let document = node.read(|view| view.get(key))?;
    Some(String::from_utf8(document.value.to_vec()).expect("text"))
}

#[tokio::test]
async fn a_node_keeps_what_it_acknowledged_over_a_restart() {
    let mut sandbox = Sandbox::one_node().await;
    let node = sandbox.nodes.remove(0);
    assert!(node.was_new());
    let create = put("a", "1").when(Condition::Absent("a".to_owned()));
    let committed = node.transact(create.clone()).await.expect("committed");
    assert_eq!(node.read(|view| view.get("a")).map(|document| document.revision), Some(committed.index));
    match node.transact(create).await {
        Err(TransactError::Conflict { condition: 0, key, .. }) => assert_eq!(key, "a"),
        other => panic!("expected a conflict, got {other:?}"),
    }
    node.clone().stop().await;
    drop(node);
    let again = sandbox.restart(1, Start::Resume).await;
    assert!(!again.was_new());
    assert_eq!(value(&again, "a").as_deref(), Some("1"));
}

#[tokio::test]
async fn any_node_writes_and_every_node_reads_it_fresh() {
    let sandbox = Sandbox::three_nodes().await;
    for round in 0..30_usize {
        let (key, text) = (format!("k/{round}"), round.to_string());
        let writer = &sandbox.nodes[round % 3];
        let committed = writer.transact(put(&key, &text)).await.expect("committed");
        assert_eq!(value(writer, &key).as_deref(), Some(text.as_str()), "its own write");
        let reader = &sandbox.nodes[(round + 1) % 3];
        assert!(reader.fresh().await.expect("a leader") >= committed.index);
        assert_eq!(value(reader, &key).as_deref(), Some(text.as_str()), "another's write");
    }
}

#[tokio::test]
async fn one_of_many_contenders_wins() {
    let sandbox = Sandbox::three_nodes().await;
    let claims = (0..12).map(|contender: usize| {
        let node = sandbox.nodes[contender % 3].clone();
        async move {
            let claim = put("claim", &contender.to_string()).when(Condition::Absent("claim".to_owned()));
            node.transact(claim).await.is_ok()
        }
    });
    let won = futures_util::future::join_all(claims).await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
}

#[tokio::test]
async fn a_watch_has_every_commit_once_and_in_order() {
    let sandbox = Sandbox::three_nodes().await;
    let start = sandbox.nodes[2].fresh().await.expect("a leader");
    let mut watch = sandbox.nodes[2].watch(start);
    let mut expected = Vec::new();
    for round in 0..50_usize {
        let committed = sandbox.nodes[round % 2].transact(put(&format!("w/{round}"), "x")).await.expect("committed");
        expected.push((committed.index, format!("w/{round}")));
    }
    for (index, key) in expected {
        let changed = watch.next().await.expect("a change");
        assert_eq!((changed.index, changed.keys[0].key.to_string()), (index, key));
    }
}

#[tokio::test]
async fn settled_tells_who_has_a_commit_and_who_is_gone() {
    let mut sandbox = Sandbox::three_nodes().await;
    let committed = sandbox.nodes[0].transact(put("s", "1")).await.expect("committed");
    let settled = sandbox.nodes[0].settled(committed.index, Duration::from_secs(5)).await;
    assert!(settled.lagging.is_empty() && settled.absent.is_empty(), "{settled:?}");
    assert_eq!(value(&sandbox.nodes[2], "s").as_deref(), Some("1"));
    let far = sandbox.nodes[0].settled(committed.index + 1000, Duration::from_millis(300)).await;
    assert_eq!(far.lagging, [1, 2, 3]);
    let gone = sandbox.nodes.pop().expect("three");
    gone.clone().stop().await;
    drop(gone);
    eventually("node 3 is absent", || async {
        let committed = sandbox.nodes[0].transact(put("s", "2")).await.expect("committed");
        let settled = sandbox.nodes[0].settled(committed.index, Duration::from_secs(5)).await;
        settled.lagging.is_empty() && settled.absent == [3]
    })
    .await;
}

#[tokio::test]
async fn writes_go_on_when_the_leader_is_gone() {
    let mut sandbox = Sandbox::three_nodes().await;
    sandbox.nodes[0].transact(put("l", "1")).await.expect("committed");
    let leader = sandbox.leader().expect("a leader");
    let gone = sandbox.nodes.remove(leader);
    gone.clone().stop().await;
    drop(gone);
    // One call, that finds the next leader by itself.
    sandbox.nodes[0].transact(put("l", "2")).await.expect("committed by the others");
    sandbox.nodes[1].fresh().await.expect("a leader");
    assert_eq!(value(&sandbox.nodes[1], "l").as_deref(), Some("2"));
}

#[tokio::test]
async fn what_comes_at_the_same_time_shares_an_entry_and_is_decided_one_by_one() {
    let sandbox = Sandbox::three_nodes().await;
    let writes = (0..300_usize).map(|number| {
        let node = sandbox.nodes[number % 3].clone();
        // Every third is decided by a condition that only the first of them can meet.
        let write = put(&format!("g/{number}"), "x");
        let write = if number.is_multiple_of(3) {
            write.put("g/claim", number.to_string()).when(Condition::Absent("g/claim".to_owned()))
        } else {
            write
        };
        async move { node.transact(write).await }
    });
    let outcomes = futures_util::future::join_all(writes).await;
    let indices: Vec<_> = outcomes.iter().filter_map(|outcome| Some(outcome.as_ref().ok()?.index)).collect();
    assert_eq!(indices.len(), 201, "200 without a condition, and one with");
    let entries: std::collections::BTreeSet<_> = indices.iter().collect();
    assert!(entries.len() < indices.len(), "{} entries for {} writes", entries.len(), indices.len());
    sandbox.nodes[1].fresh().await.expect("a leader");
    assert_eq!(sandbox.nodes[1].read(|view| view.count("g/")), 202);
}

#[tokio::test]
async fn large_documents_reach_every_node() {
    let sandbox = Sandbox::three_nodes().await;
    let value = vec![7; 3 * 1024 * 1024];
    for number in 0..6 {
        let large = Transaction::new().put(format!("large/{number}"), value.clone());
        sandbox.nodes[number % 3].transact(large).await.expect("committed");
    }
    for node in &sandbox.nodes {
        node.fresh().await.expect("a leader");
        let sizes = node.read(|view| view.scan("large/").map(|(_, document)| document.value.len()).sum::<usize>());
        assert_eq!(sizes, 6 * value.len());
    }
}

#[tokio::test]
async fn a_node_that_comes_back_elsewhere_is_found_again() {
    let mut sandbox = Sandbox::three_nodes().await;
    let gone = sandbox.nodes.remove(2);
    let before = gone.address();
    gone.clone().stop().await;
    drop(gone);
    sandbox.nodes[0].transact(put("moved", "1")).await.expect("committed by two");
    // Port 0 takes another port this time.
    let again = sandbox.restart(3, Start::Resume).await;
    assert_ne!(again.address(), before);
    let address = again.address().to_string();
    eventually("the others know the new address", || async {
        sandbox.nodes[0].members().await.iter().any(|member| member.address == address && member.live)
    })
    .await;
    again.fresh().await.expect("a leader");
    assert_eq!(value(&again, "moved").as_deref(), Some("1"));
}

#[tokio::test]
async fn members_that_come_back_with_each_others_addresses_are_told_apart() {
    let mut sandbox = Sandbox::three_nodes().await;
    let mut addresses: Vec<_> = sandbox.nodes.iter().map(|node| node.address().to_string()).collect();
    addresses.rotate_left(1);
    let mut ids = Vec::new();
    for node in sandbox.nodes.drain(..) {
        ids.push(node.id());
        node.stop().await;
    }
    for (id, listen) in ids.into_iter().zip(addresses) {
        let mut config = sandbox.config(id, Start::Resume);
        config.listen = listen;
        let again = sandbox.restart_as(config).await;
        sandbox.nodes.push(again);
    }
    eventually("each is known where it is", || async {
        let members = sandbox.nodes[0].members().await;
        sandbox.nodes.iter().all(|node| {
            let address = node.address().to_string();
            members.iter().any(|member| member.id == node.id() && member.address == address && member.live)
        })
    })
    .await;
    for node in &sandbox.nodes {
        node.transact(put(&format!("by {}", node.id()), "it")).await.expect("committed");
    }
}

#[tokio::test]
async fn a_member_can_be_removed_and_a_number_belongs_to_one() {
    let sandbox = Sandbox::three_nodes().await;
    sandbox.nodes[1].remove(3).await.expect("removed");
    eventually("two members", || async { sandbox.nodes[0].members().await.len() == 2 }).await;
    assert!(sandbox.nodes[0].remove(9).await.is_err());
    let mut config = sandbox.config(4, Start::Join(vec![sandbox.nodes[0].address().to_string()]));
    config.node_id = Some(2);
    assert!(sandbox.nodes[1].promote(3).await.is_err(), "it is a member no more");
    match Cluster::start(config).await {
        Err(StartError::Join(error)) => assert!(error.to_string().contains("node id 2"), "{error}"),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("two nodes with one number"),
    }
}

#[tokio::test]
async fn a_node_that_was_not_let_in_yet_begins_no_cluster_of_its_own() {
    let sandbox = Sandbox::one_node().await;
    let mut config = sandbox.config(2, Start::Join(vec!["127.0.0.1:1".to_owned()]));
    config.timing.join = Duration::from_millis(100);
    assert!(matches!(Cluster::start(config.clone()).await, Err(StartError::Join(_))));
    config.start = Start::Resume;
    eventually("the directory is free again", || async {
        matches!(Cluster::start(config.clone()).await, Err(StartError::NotJoined { .. }))
    })
    .await;
    config.start = Start::Join(vec![sandbox.nodes[0].address().to_string()]);
    config.timing.join = Duration::from_secs(10);
    let joined = Cluster::start(config).await.expect("let in");
    assert_eq!(joined.id(), 2);
}

#[tokio::test]
async fn a_leader_that_stops_hands_the_lead_over() {
    let mut sandbox = Sandbox::three_nodes().await;
    sandbox.nodes[0].transact(put("before", "1")).await.expect("committed");
    let before = sandbox.nodes[0].metrics();
    let leader = sandbox.nodes.remove(sandbox.leader().expect("a leader"));
    let writer = sandbox.nodes[0].clone();
    let writing = tokio::spawn(async move {
        for n in 0..200 {
            writer.transact(put("during", &n.to_string())).await.expect("committed");
        }
    });
    leader.clone().stop().await;
    let led_by_another = || async {
        let leader = sandbox.nodes[0].metrics().leader;
        leader.is_some() && leader != before.leader
    };
    eventually("another leads", led_by_another).await;
    // Nobody was in anybody's way: it is the next term.
    assert_eq!(sandbox.nodes[0].metrics().term, before.term + 1);
    writing.await.expect("all written");
}

#[tokio::test]
async fn a_leader_whose_process_ended_is_replaced_at_once() {
    let mut sandbox = Sandbox::three_nodes().await;
    let before = sandbox.nodes[0].metrics();
    let leader = sandbox.nodes.remove(sandbox.leader().expect("a leader"));
    // Dropped without a word: its port is closed, as by a process that was killed.
    drop(leader);
    let led_by_another = || async {
        let leader = sandbox.nodes[0].metrics().leader;
        leader.is_some() && leader != before.leader
    };
    eventually("another leads", led_by_another).await;
    sandbox.nodes[0].transact(put("after", "1")).await.expect("committed");
}

#[tokio::test]
async fn a_node_that_was_removed_knows_it_and_stays_out() {
    let mut sandbox = Sandbox::three_nodes().await;
    let follower = (sandbox.leader().expect("a leader") + 1) % 3;
    let removed = sandbox.nodes.remove(follower);
    sandbox.nodes[0].remove(removed.id()).await.expect("removed");
    tokio::time::timeout(Duration::from_secs(20), removed.removed()).await.expect("it learns of it");
    assert!(matches!(removed.transact(put("a", "1")).await, Err(TransactError::Stopped)));
    let (id, address) = (removed.id(), sandbox.nodes[0].address().to_string());
    drop(removed);
    for start in [Start::Resume, Start::Join(vec![address])] {
        let refused = || async {
            matches!(Cluster::start(sandbox.config(id, start.clone())).await, Err(StartError::Removed { .. }))
        };
        eventually("its directory says so", refused).await;
    }
}

#[tokio::test]
async fn blobs_reach_every_node_and_outlive_the_one_that_brought_them() {
    let mut sandbox = Sandbox::three_nodes().await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[(n % 4) as usize]).collect();
    let id = sandbox.nodes[0].keep_blob(Cursor::new(bytes.clone())).await.expect("kept");
    assert_eq!(sandbox.nodes[0].keep_blob(Cursor::new(bytes.clone())).await.expect("again"), id);
    sandbox.nodes[1].fresh().await.expect("a leader");
    assert_eq!(sandbox.nodes[1].blobs(), [id]);
    sandbox.nodes.remove(0).stop().await;
    // One that was not there yet gets it as well.
    let through = sandbox.nodes[0].address().to_string();
    let fourth = sandbox.start(4, Start::Join(vec![through])).await;
    for node in sandbox.nodes.iter().chain([&fourth]) {
        let mut blob = node.blob(id).await.expect("here");
        let mut read = Vec::new();
        blob.read_to_end(&mut read).expect("read");
        assert_eq!((blob.size(), read == bytes), (3_000_000, true));
    }
    let unknown = "0".repeat(64).parse().expect("a name");
    assert!(matches!(fourth.blob(unknown).await, Err(BlobError::Unknown(_))));
    fourth.forget_blob(id).await.expect("forgotten");
    assert!(fourth.blobs().is_empty());
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Greet(String);

impl Message for Greet {
    const NAME: &'static str = "test/greet";
    type Reply = String;
}

#[tokio::test]
async fn nodes_answer_each_others_messages() {
    let sandbox = Sandbox::three_nodes().await;
    sandbox.nodes[1].receive(|from, greet: Greet| async move { format!("{} {from}", greet.0) });
    let send = |to| sandbox.nodes[0].send(to, Greet("hello".to_owned()), Duration::from_secs(5));
    assert_eq!(send(2).await.expect("an answer"), "hello 1");
    assert!(matches!(send(3).await, Err(SendError::Failed(_))));
    assert!(matches!(send(9).await, Err(SendError::UnknownNode(9))));
}

#[tokio::test]
async fn who_does_not_know_the_secret_gets_nothing() {
    let sandbox = Sandbox::one_node().await;
    let address = sandbox.nodes[0].address();
    let mut config = sandbox.config(2, Start::Join(vec![address.to_string()]));
    config.secret = Some(Secret::new(format!("{SECRET}, but not this one")).expect("long enough"));
    config.timing.join = Duration::from_millis(500);
    assert!(matches!(Cluster::start(config).await, Err(StartError::Join(_))));
    sandbox.nodes[0].transact(put("still", "here")).await.expect("committed");
    assert_eq!(sandbox.nodes[0].members().await.len(), 1);
}
