//! The cluster's port against those who have papers, but not those for what they say or ask.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use serde_bytes::ByteBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::frame::{self, Frame, Greeting};
use super::tls::Purpose;
use super::*;
use crate::clock::Clock;
use crate::config::Secret;

const CLUSTER: u128 = 7;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const NOW: Duration = Duration::from_secs(1_800_000_000);
/// Longer than what is taken from those who are not known yet.
const LONG_SECRET: &[u8] = &[7; 10_000];
const WITHIN: Duration = Duration::from_secs(5);

/// A clock that is set by hand.
#[derive(Clone)]
struct Hand(Arc<Mutex<SystemTime>>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(UNIX_EPOCH + NOW)))
    }

    fn forward(&self, by: Duration) {
        *self.0.lock() += by;
    }

    fn clock(&self) -> Clock {
        let hand = Arc::clone(&self.0);
        Clock::set_by(move || *hand.lock())
    }
}

fn secret() -> Secret {
    Secret::new("a secret that all nodes share").expect("long enough")
}

fn hello(cluster: u128, node: NodeId) -> Hello {
    Hello { cluster: Some(cluster), node }
}

fn authority(hand: &Hand) -> Authority {
    Authority::new(&secret(), hand.clock()).expect("an authority")
}

async fn port(hand: &Hand) -> TlsPort {
    let certificates = Certificates::new(&secret(), hand.clock()).expect("certificates");
    TlsPort::bind("127.0.0.1:0", certificates).await.expect("a free port")
}

/// A port that answers pings and redeems whatever token is shown.
async fn serving(hand: &Hand, hello: Hello) -> TlsPort {
    let port = port(hand).await;
    let handlers = Arc::new(Handlers::default());
    handlers.set(|_, Ping()| async {});
    handlers.set(|from, Tell()| async move { Told { applied: from } });
    handlers.set_redeemer(|_, Redeem(_)| async { Ok(Handed(LONG_SECRET.to_vec())) });
    port.serve(Arc::new(Mutex::new(hello)), handlers);
    port
}

async fn ping(from: &dyn Port, hello: Hello, to: &dyn Port) -> Result<(), SendError> {
    Peers::new(from.calls(hello)).send(To::any(&to.address().to_string()), &Ping(), WITHIN).await
}

/// A connection past the TLS handshake, by somebody whose certificate has another name than what they will say.
async fn connect(to: &TlsPort, hand: &Hand, purpose: Purpose, name: &str) -> io::Result<TlsStream<TcpStream>> {
    let authority = authority(hand);
    let now = *hand.0.lock();
    let leaf = authority.issue(purpose, name.to_owned(), (now - DAY, now + DAY)).expect("a certificate");
    let config = Arc::new(authority.trust.client(&leaf).expect("TLS"));
    let stream = TcpStream::connect(to.address()).await?;
    TlsConnector::from(config).connect(authority.trust.server_name().expect("a name"), stream).await
}

/// Says something, and gives all that comes back until the connection ends.
async fn say(mut stream: TlsStream<TcpStream>, bytes: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
    let _ = tokio::time::timeout(WITHIN, stream.read_to_end(&mut answer)).await.expect("the connection is ended");
    answer
}

/// A greeting with its length in front.
fn greeting(protocol: u16, greeting: &Greeting) -> Vec<u8> {
    let bytes = codec::encode(&(*b"TPCL", protocol, greeting)).expect("encodable");
    [&u32::try_from(bytes.len()).expect("short").to_be_bytes(), &bytes[..]].concat()
}

const CURRENT: u16 = 2;

#[tokio::test]
async fn a_node_is_who_its_certificate_says() {
    let hand = Hand::new();
    let one = serving(&hand, hello(CLUSTER, 1)).await;
    let two = port(&hand).await;
    ping(&two, hello(CLUSTER, 2), &one).await.expect("an answer");
    ping(&two, Hello { cluster: None, node: 0 }, &one).await.expect("an answer to one that has no number yet");
    let told =
        Peers::new(two.calls(hello(CLUSTER, 2))).send(To::any(&one.address().to_string()), &Tell(), WITHIN).await;
    assert_eq!(told.expect("an answer").applied, 2, "the answering side knows who asks");

    let other = format!("node-2.{CLUSTER:032x}.turnpike");
    for (claimed, answered) in [(hello(CLUSTER, 2), true), (hello(CLUSTER, 3), false), (hello(8, 2), false)] {
        let stream = connect(&one, &hand, Purpose::Node, &other).await.expect("past the handshake");
        let mut stream = frame::frames(stream);
        frame::greet(&mut stream, &Greeting::Node(claimed.clone())).await.expect("said");
        assert_eq!(frame::hear_greeting(&mut stream).await.is_ok(), answered, "{claimed:?}");
    }
}

#[tokio::test]
async fn a_member_that_answers_is_who_its_certificate_says() {
    let hand = Hand::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let authority = authority(&hand);
    let now = *hand.0.lock();
    let leaf = authority.issue(Purpose::Node, "node-3.joining.turnpike".to_owned(), (now, now + DAY));
    let server = authority.trust.server(&leaf.expect("a certificate")).expect("TLS");
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
        let mut frames = frame::frames(acceptor.accept(stream).await.expect("past the handshake"));
        let _ = frame::hear_greeting(&mut frames).await;
        let _ = frame::greet(&mut frames, &Greeting::Node(hello(CLUSTER, 1))).await;
        let _ = frames.next().await;
    });
    let peers = Peers::new(port(&hand).await.calls(hello(CLUSTER, 2)));
    match peers.send(To::any(&address), &Ping(), WITHIN).await {
        Err(SendError::Unreachable { source, .. }) => {
            assert_eq!(source.kind(), io::ErrorKind::PermissionDenied, "{source}");
        }
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn what_is_for_one_node_no_other_one_at_its_address_gets() {
    let hand = Hand::new();
    let one = serving(&hand, hello(CLUSTER, 1)).await;
    let address = one.address().to_string();
    let peers = Peers::new(port(&hand).await.calls(hello(CLUSTER, 2)));
    for _ in 0..2 {
        peers.send(To::node(1, &address), &Ping(), WITHIN).await.expect("an answer");
        peers.send(To::any(&address), &Ping(), WITHIN).await.expect("an answer");
        match peers.send(To::node(3, &address), &Ping(), WITHIN).await {
            Err(error @ SendError::Unreachable { .. }) => assert!(!error.is_foreign()),
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_node_knows_whether_it_has_come_to_another_cluster() {
    let hand = Hand::new();
    let one = serving(&hand, hello(CLUSTER, 1)).await;
    let other = Secret::new("a secret of other nodes").expect("long enough");
    let certificates = Certificates::new(&other, hand.clock()).expect("certificates");
    let other = TlsPort::bind("127.0.0.1:0", certificates).await.expect("a free port");
    let gone = one.address().port() ^ 1;
    for (to, foreign) in [(one.address().port(), true), (gone, false)] {
        let peers = Peers::new(other.calls(Hello { cluster: None, node: 0 }));
        let asked = peers.send(To::any(&format!("127.0.0.1:{to}")), &Ping(), WITHIN).await;
        assert_eq!(asked.expect_err("no answer").is_foreign(), foreign);
    }
}

#[tokio::test]
async fn a_node_of_another_cluster_is_refused_on_both_sides() {
    let hand = Hand::new();
    let one = serving(&hand, hello(CLUSTER, 1)).await;
    let other = serving(&hand, hello(8, 2)).await;
    assert!(ping(&other, hello(8, 2), &one).await.is_err_and(|error| error.is_undelivered()));
    assert!(ping(&one, hello(CLUSTER, 1), &other).await.is_err_and(|error| error.is_undelivered()));
}

#[tokio::test]
async fn certificates_are_renewed_while_connections_stay_and_old_ones_are_refused() {
    let hand = Hand::new();
    let one = serving(&hand, hello(CLUSTER, 1)).await;
    let two = port(&hand).await;
    let address = one.address().to_string();
    let certificates = Certificates::new(&secret(), hand.clock()).expect("certificates");
    let old = certificates.papers(&hello(CLUSTER, 2)).expect("papers");
    let is_old = || Arc::ptr_eq(&old, &certificates.papers(&hello(CLUSTER, 2)).expect("papers"));

    let lasting = Peers::new(two.calls(hello(CLUSTER, 2)));
    lasting.send(To::any(&address), &Ping(), WITHIN).await.expect("an answer");
    assert!(is_old());
    hand.forward(DAY);
    assert!(!is_old(), "after a day there are new ones");
    for _ in 0..60 {
        hand.forward(DAY);
        lasting.send(To::any(&address), &Ping(), WITHIN).await.expect("an answer, on the connection that is up");
        ping(&two, hello(CLUSTER, 2), &one).await.expect("an answer, on a new connection");
    }
    let stale = Peers::of_token(Papers {
        greeting: old.greeting.clone(),
        server_name: old.server_name.clone(),
        client: Arc::clone(&old.client),
        server: None,
    });
    assert!(stale.send(To::any(&address), &Ping(), WITHIN).await.is_err(), "a certificate of 61 days ago");
    hand.forward(DAY * 1000);
    ping(&two, hello(CLUSTER, 2), &one).await.expect("an answer after years without any connection");
}

#[tokio::test]
async fn what_is_no_greeting_of_this_protocol_gets_no_answer() {
    let hand = Hand::new();
    let one = serving(&hand, hello(CLUSTER, 1)).await;
    let me = Greeting::Node(hello(CLUSTER, 2));
    let (name, current) = (me.name(), greeting(CURRENT, &me));
    let mut magic = current.clone();
    magic[4..8].copy_from_slice(b"HTTP");
    let mut longer = current.clone();
    longer[3] += 1;
    longer.push(0);
    let cases = [
        ("an old protocol", greeting(1, &me)),
        ("a coming protocol", greeting(CURRENT + 1, &me)),
        ("another magic", magic),
        ("a trailing byte", longer),
        ("no frame at all", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ("a frame of nothing", vec![0; 4]),
        ("a greeting of 1 MiB", 0x0010_0000_u32.to_be_bytes().to_vec()),
        ("a greeting of 4 GiB", vec![0xff; 64]),
    ];
    for (what, bytes) in cases {
        let stream = connect(&one, &hand, Purpose::Node, &name).await.expect("past the handshake");
        assert!(say(stream, &bytes).await.is_empty(), "{what}");
    }
    let stream = connect(&one, &hand, Purpose::Node, &name).await.expect("past the handshake");
    let bytes = [&current[..], &u32::MAX.to_be_bytes()].concat();
    assert_eq!(say(stream, &bytes).await.len(), greeting(CURRENT, &Greeting::Node(hello(CLUSTER, 1))).len());
}

#[tokio::test]
async fn a_join_token_opens_nothing_but_the_one_question() {
    let hand = Hand::new();
    let one = serving(&hand, hello(CLUSTER, 1)).await;
    let address = one.address().to_string();
    let ticket = Ticket { id: 5, expires: NOW.as_secs() + 60 };
    let authority = authority(&hand);
    let leaf = authority.vouch_for(ticket).expect("a certificate");
    let papers = |ticket| Papers::of_ticket(ticket, authority.certificate().clone(), &leaf, hand.clock());
    let peers = |ticket| Peers::of_token(papers(ticket).expect("papers"));

    assert!(peers(ticket).send(To::any(&address), &Ping(), WITHIN).await.is_err());
    assert!(peers(ticket).send(To::any(&address), &Allot((None, 1)), WITHIN).await.is_err());
    let handed =
        peers(ticket).send(To::any(&address), &Redeem(1), WITHIN).await.expect("an answer").expect("the secret");
    assert_eq!(handed.0, LONG_SECRET);
    for (what, other) in [
        ("another token", Ticket { id: 6, ..ticket }),
        ("the same token for longer", Ticket { expires: ticket.expires + 1, ..ticket }),
    ] {
        let asked = peers(other).send(To::any(&address), &Redeem(1), WITHIN).await;
        assert!(asked.is_err_and(|error| error.is_undelivered()), "{what}");
    }
    // A node asks by name, and finds nobody there for it: it has the secret.
    let node = Peers::new(port(&hand).await.calls(hello(CLUSTER, 2)));
    assert!(matches!(node.send(To::any(&address), &Redeem(1), WITHIN).await, Err(SendError::Failed(_))));
    // Its certificate does not make its holder a node: neither one that asks,
    let stream = connect(&one, &hand, Purpose::Token, &Greeting::Ticket(ticket).name()).await.expect("a connection");
    assert!(say(stream, &greeting(CURRENT, &Greeting::Node(hello(CLUSTER, 2)))).await.is_empty());
    // nor one that answers.
    assert!(authority.trust.server(&leaf).is_err());

    hand.forward(Duration::from_secs(61));
    let late = peers(ticket).send(To::any(&address), &Redeem(1), WITHIN).await;
    assert!(late.is_err_and(|error| error.is_undelivered()), "past its time");
}

#[tokio::test]
async fn a_join_tokens_frames_are_small_and_many_of_them_keep_no_node_out() {
    let hand = Hand::new();
    let one = serving(&hand, hello(CLUSTER, 1)).await;
    let ticket = Greeting::Ticket(Ticket { id: 5, expires: NOW.as_secs() + 60 });
    let mut waiting = Vec::new();
    for _ in 0..40 {
        let stream = connect(&one, &hand, Purpose::Token, &ticket.name()).await.expect("a connection");
        let mut stream = frame::frames(stream);
        frame::greet(&mut stream, &ticket).await.expect("said");
        waiting.push(stream);
    }
    ping(&port(&hand).await, hello(CLUSTER, 2), &one).await.expect("an answer");
    // Those beyond the limit were sent away, the others wait for a question.
    let mut first = waiting.swap_remove(0);
    frame::hear_greeting(&mut first).await.expect("a greeting");
    frame::enlarge(&mut first);
    let large = Frame::Request { number: 0, name: "redeem".to_owned(), payload: ByteBuf::from(vec![0; 4096]) };
    let sent: io::Result<Bytes> = frame::encode(&large);
    let _ = first.send(sent.expect("encodable")).await;
    assert!(first.next().await.is_none_or(|answer| answer.is_err()));
}

#[tokio::test]
async fn who_does_not_say_the_clusters_name_is_shown_no_certificate() {
    let hand = Hand::new();
    let one = serving(&hand, hello(CLUSTER, 1)).await;
    let authority = authority(&hand);
    let now = *hand.0.lock();
    let leaf = authority.issue(Purpose::Node, "any.turnpike".to_owned(), (now, now + DAY)).expect("a certificate");
    let config = Arc::new(authority.trust.client(&leaf).expect("TLS"));
    for name in ["turnpike-cluster", "127.0.0.1"] {
        let stream = TcpStream::connect(one.address()).await.expect("a connection");
        let name = rustls::pki_types::ServerName::try_from(name).expect("a name");
        let error = TlsConnector::from(Arc::clone(&config)).connect(name, stream).await.expect_err("refused");
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        // One that had been shown a certificate would find fault with it.
        assert!(matches!(cause, Some(rustls::Error::AlertReceived(_))), "{error}");
    }
}
