//! Who may come in, by secret or by join token, and who gets nothing: with whole nodes on loopback.

mod sandbox;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use sandbox::{SECRET, Sandbox, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use turnpike_cluster::{Cluster, Config, JoinToken, JoinTokenError, Role, Secret, Start, StartError, Transaction};

const HOUR: Duration = Duration::from_secs(3600);

/// A node that is to come in with this token, and does not know the secret.
fn with_token(sandbox: &Sandbox, node: u64, token: &JoinToken) -> Config {
    let mut config = sandbox.config(node, Start::Join(vec![sandbox.nodes[0].address().to_string()]));
    config.secret = None;
    config.token = Some(token.clone());
    config.timing.join = Duration::from_secs(2);
    config
}

/// Why a node was not let in.
async fn refusal(config: Config) -> String {
    match Cluster::start(config).await {
        Ok(node) => panic!("node {} was let in", node.id()),
        Err(StartError::Join(error)) => error.to_string(),
        Err(error) => panic!("{error}"),
    }
}

async fn is_as_it_was(sandbox: &Sandbox, members: usize) {
    sandbox.nodes[0].transact(Transaction::new().put("still", "here")).await.expect("committed");
    assert_eq!(sandbox.nodes[0].members().await.len(), members);
}

#[tokio::test]
async fn a_node_comes_in_with_a_token_and_needs_none_afterwards() {
    let mut sandbox = Sandbox::one_node().await;
    let token = sandbox.nodes[0].join_token(HOUR).expect("a token");
    let config = with_token(&sandbox, 2, &token);
    let joined = Cluster::start(config.clone()).await.expect("let in");
    sandbox.nodes[0].transact(Transaction::new().put("a", "1")).await.expect("committed");
    joined.fresh().await.expect("a leader");
    assert!(joined.read(|view| view.get("a")).is_some());
    assert_eq!(joined.derive_key("any"), sandbox.nodes[0].derive_key("any"));

    let kept = sandbox.path(2).join("cluster.secret");
    assert_eq!(std::fs::read(&kept).expect("kept"), SECRET.as_bytes());
    assert_eq!(std::fs::metadata(&kept).expect("kept").permissions().mode() & 0o777, 0o600);

    // It makes tokens as good as anybody's.
    let another = joined.join_token(HOUR).expect("a token");
    let third = Cluster::start(with_token(&sandbox, 3, &another)).await.expect("let in");
    sandbox.nodes.push(third);

    eventually("all three vote", || async {
        let members = sandbox.nodes[0].members().await;
        members.len() == 3 && members.iter().all(|member| member.role != Role::Learner)
    })
    .await;
    let before = joined.id();
    joined.clone().stop().await;
    drop(joined);
    let mut resumed = config;
    (resumed.token, resumed.start) = (None, Start::Resume);
    let again = sandbox.restart_as(resumed).await;
    assert_eq!(again.id(), before);
    again.fresh().await.expect("a leader");
}

#[tokio::test]
async fn a_token_lets_one_node_in() {
    let sandbox = Sandbox::one_node().await;
    let token = sandbox.nodes[0].join_token(HOUR).expect("a token");
    let joined = Cluster::start(with_token(&sandbox, 2, &token)).await.expect("let in");
    let why = refusal(with_token(&sandbox, 3, &token)).await;
    assert!(why.contains("used already"), "{why}");
    assert!(!sandbox.path(3).join("cluster.secret").exists());
    is_as_it_was(&sandbox, 2).await;
    drop(joined);
}

#[tokio::test]
async fn of_many_that_come_with_one_token_at_the_same_time_one_is_let_in() {
    let sandbox = Sandbox::three_nodes().await;
    let token = sandbox.nodes[1].join_token(HOUR).expect("a token");
    let comers = (4..8_u64).map(|node| {
        let mut config = with_token(&sandbox, node, &token);
        config.start = Start::Join(vec![sandbox.nodes[node as usize % 3].address().to_string()]);
        config.timing.join = Duration::from_secs(20);
        Cluster::start(config)
    });
    let came = futures_util::future::join_all(comers).await;
    assert_eq!(came.iter().filter(|came| came.is_ok()).count(), 1);
    is_as_it_was(&sandbox, 4).await;
}

#[tokio::test]
async fn a_node_that_lost_the_answer_asks_again_as_the_same() {
    let sandbox = Sandbox::one_node().await;
    let token = sandbox.nodes[0].join_token(HOUR).expect("a token");
    // It redeems the token, and is refused its number.
    let mut config = with_token(&sandbox, 2, &token);
    config.node_id = Some(1);
    let why = refusal(config.clone()).await;
    assert!(why.contains("node id 1"), "{why}");
    is_as_it_was(&sandbox, 1).await;
    // As after a crash between the answer and the disk.
    std::fs::remove_file(sandbox.path(2).join("cluster.secret")).expect("it was kept");
    config.node_id = None;
    let joined = sandbox.restart_as(config).await;
    assert_eq!(joined.id(), 2);
    // Another instance is another node.
    let why = refusal(with_token(&sandbox, 3, &token)).await;
    assert!(why.contains("used already"), "{why}");
}

#[tokio::test]
async fn a_token_that_has_expired_or_is_another_clusters_lets_nobody_in() {
    let sandbox = Sandbox::one_node().await;
    let node = &sandbox.nodes[0];
    let expired = node.join_token(Duration::ZERO).expect("a token");
    let why = refusal(with_token(&sandbox, 2, &expired)).await;
    assert!(why.contains("expired"), "{why}");
    assert!(matches!(node.join_token(25 * HOUR), Err(JoinTokenError::TooLong)));

    let mut elsewhere = sandbox.config(9, Start::Bootstrap);
    elsewhere.secret = Some(Secret::new(format!("{SECRET}, but not this one")).expect("long enough"));
    let other = Cluster::start(elsewhere).await.expect("another cluster");
    let token = other.join_token(HOUR).expect("a token");
    let mut config = with_token(&sandbox, 3, &token);
    config.timing.join = HOUR;
    let refused = tokio::time::timeout(Duration::from_secs(20), refusal(config)).await;
    let why = refused.expect("at once: it would be the same in an hour");
    assert!(why.contains(&format!("who answers at {} is no node of the cluster", node.address())), "{why}");
    is_as_it_was(&sandbox, 1).await;
    assert!(node.read(|view| view.scan("cluster/").next().is_none()), "nothing was redeemed");
    // For its own cluster it is still good.
    let mut config = with_token(&sandbox, 4, &token);
    config.start = Start::Join(vec![other.address().to_string()]);
    Cluster::start(config).await.expect("let in");
}

#[tokio::test]
async fn without_secret_and_token_a_node_does_not_even_ask() {
    let sandbox = Sandbox::one_node().await;
    let token = sandbox.nodes[0].join_token(HOUR).expect("a token");
    let mut config = with_token(&sandbox, 2, &token);
    config.token = None;
    assert!(matches!(Cluster::start(config).await, Err(StartError::NoSecret)));
}

#[tokio::test]
async fn a_node_of_another_cluster_at_a_members_address_is_not_taken_for_it() {
    let mut sandbox = Sandbox::three_nodes().await;
    let gone = sandbox.nodes.pop().expect("three");
    let address = gone.address().to_string();
    gone.clone().stop().await;
    drop(gone);
    // Another cluster with the same secret: only what it is called tells it apart.
    let mut config = sandbox.config(9, Start::Bootstrap);
    (config.node_id, config.listen) = (Some(3), address.clone());
    let other = eventually_some("the port is free", || Cluster::start(config.clone())).await;
    other.transact(Transaction::new().put("mine", "1")).await.expect("committed");
    eventually("node 3 is not there", || async {
        let members = sandbox.nodes[0].members().await;
        members.iter().any(|member| member.id == 3 && member.address == address && !member.live)
    })
    .await;
    for round in 0..20 {
        let write = Transaction::new().put(format!("theirs/{round}"), "1");
        sandbox.nodes[round % 2].transact(write).await.expect("committed by two");
    }
    assert_eq!(other.members().await.len(), 1);
    assert_eq!(other.metrics().leader, Some(3));
    assert_eq!(other.read(|view| (view.count("theirs/"), view.count("mine"))), (0, 1));
}

#[tokio::test]
async fn strangers_at_the_door_keep_no_node_out_and_hear_nothing() {
    let mut sandbox = Sandbox::one_node().await;
    let address = sandbox.nodes[0].address();
    // Far more than may stand before the door.
    let mut strangers = Vec::new();
    for number in 0..400_usize {
        let mut stranger = TcpStream::connect(address).await.expect("a connection");
        if number.is_multiple_of(3) {
            let _ = stranger.write_all(b"\x16\x03\x01").await;
        }
        strangers.push(stranger);
    }
    let joined = sandbox.start(2, Start::Join(vec![address.to_string()])).await;
    sandbox.nodes.push(joined);
    sandbox.nodes[1].transact(Transaction::new().put("a", "1")).await.expect("committed by both");
    // The first of them was sent away for the later ones, and was told nothing.
    let mut heard = Vec::new();
    let _ = strangers[0].read_to_end(&mut heard).await;
    assert!(heard.is_empty(), "{heard:?}");
}

#[tokio::test]
async fn garbage_gets_no_more_than_an_alert() {
    let sandbox = Sandbox::one_node().await;
    let garbage: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        &[0xff; 100_000],
        &[0; 100_000],
        b"\x16\x03\x01\xff\xff",
        b"\x16\x03\x03\x00\x05\x01\xff\xff\xff\x00",
        b"TPCL\x01\x00",
    ];
    for bytes in garbage {
        let mut stranger = TcpStream::connect(sandbox.nodes[0].address()).await.expect("a connection");
        let _ = stranger.write_all(bytes).await;
        let _ = stranger.shutdown().await;
        let mut heard = Vec::new();
        let _ = stranger.read_to_end(&mut heard).await;
        // A TLS alert has seven bytes.
        assert!(heard.len() <= 7, "{heard:?}");
    }
    is_as_it_was(&sandbox, 1).await;
}

/// Tries until it works.
async fn eventually_some<T, E, F: Future<Output = Result<T, E>>>(what: &str, attempt: impl Fn() -> F) -> T {
    let got = std::cell::RefCell::new(None);
    eventually(what, || async {
        *got.borrow_mut() = attempt().await.ok();
        got.borrow().is_some()
    })
    .await;
    got.into_inner().expect("it worked")
}
