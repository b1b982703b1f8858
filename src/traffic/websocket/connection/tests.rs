//! Sessions over a socket in memory: what a client sends and gets, and when its connection ends.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

use super::session::{End, Inbox, Session};
use crate::traffic::websocket::limits::Limits;
use crate::traffic::websocket::line::Undelivered;
use crate::traffic::websocket::wire::{self, Message};

/// Bytes that the socket in memory holds in each direction.
const SOCKET: usize = 1 << 16;

/// Says each message once more, up to so many.
struct Echo {
    room: usize,
    is_done: bool,
}

impl Inbox for Echo {
    fn has_room(&self) -> bool {
        self.room > 0
    }

    fn is_done(&self) -> bool {
        self.is_done
    }

    fn take(&mut self, message: Message, _: &mut Context<'_>, _: Instant) -> Option<Bytes> {
        self.room -= 1;
        Some(wire::text(&message.bytes))
    }
}

/// A session, polled as its actor would.
struct Polled {
    session: Session<DuplexStream>,
    limits: Limits,
    inbox: Echo,
    buffer: Vec<u8>,
}

impl Polled {
    fn new(limits: Limits) -> (Self, DuplexStream) {
        let (socket, client) = duplex(SOCKET);
        let session = Session::new(socket, Bytes::new(), Vec::new(), Instant::now());
        (Self { session, limits, inbox: Echo { room: usize::MAX, is_done: true }, buffer: vec![0; 4096] }, client)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.session.poll(context, &mut self.buffer, &self.limits, Instant::now(), &mut self.inbox)
    }

    fn deliver(&mut self, frames: Bytes) -> Result<(), Undelivered> {
        self.session.deliver(frames, &self.limits, Instant::now())
    }

    /// Polls until nothing is left to do, or the session is over; whether it is.
    async fn settle(&mut self) -> bool {
        for _ in 0..100 {
            if poll_fn(|context| Poll::Ready(self.poll(context))).await.is_ready() {
                return true;
            }
        }
        false
    }

    /// Waits until its deadline, over and over, until it is over.
    async fn end(mut self) -> (End, Duration) {
        let start = Instant::now();
        while !self.settle().await {
            let deadline = self.session.deadline(&self.limits, Instant::now());
            tokio::time::sleep_until(deadline + Duration::from_millis(1)).await;
        }
        (self.session.finish().1, start.elapsed())
    }
}

/// A frame of a client.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u16::try_from(payload.len()) {
        Ok(length) if length < 126 => bytes.push(0x80 | length as u8),
        Ok(length) => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
        Err(_) => panic!("no frame of a test is as long"),
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

async fn got(client: &mut DuplexStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let reading = tokio::time::timeout(Duration::from_secs(60), client.read_exact(&mut bytes));
    reading.await.expect("as many bytes come").expect("the socket is open");
    bytes
}

/// What a client sends; what it gets; and the code that `$disconnect` is told.
#[tokio::test(start_paused = true)]
async fn frames_are_answered_and_close_frames_end_the_connection() {
    let both = |first: &[u8], second: &[u8]| [first, second].concat();
    let ping = frame(0x89, b"are you there");
    let cases = [
        ("a message", frame(0x81, b"hi"), &b"\x81\x02hi"[..], None),
        ("a ping", ping, b"\x8a\x0dare you there", None),
        ("a pong", frame(0x8a, b"x"), b"", None),
        ("a close", frame(0x88, b"\x03\xe8bye"), b"\x88\x05\x03\xe8bye", Some((1000, "bye"))),
        ("a close without a code", frame(0x88, b""), b"\x88\0", Some((1005, "Client-side close frame status not set"))),
        (
            "a message and a close",
            both(&frame(0x81, b"hi"), &frame(0x88, b"\x0f\xa0")),
            b"\x81\x02hi\x88\x02\x0f\xa0",
            Some((4000, "")),
        ),
        (
            "a message behind the close",
            both(&frame(0x88, b""), &frame(0x81, b"hi")),
            b"\x88\0",
            Some((1005, "Client-side close frame status not set")),
        ),
        (
            "a broken rule",
            frame(0xc1, b"hi"),
            b"\x88\x17\x03\xeaReserved bits are set",
            Some((1002, "Reserved bits are set")),
        ),
        (
            "no UTF-8",
            frame(0x81, b"\xff"),
            b"\x88\x19\x03\xefText is not valid UTF-8",
            Some((1007, "Text is not valid UTF-8")),
        ),
    ];
    for (what, sent, expected, end) in cases {
        let (mut polled, mut client) = Polled::new(Limits::default());
        client.write_all(&sent).await.expect("there is room");
        let is_over = polled.settle().await;
        assert_eq!(got(&mut client, expected.len()).await, expected, "{what}");
        assert_eq!(is_over, end.is_some(), "{what}");
        if let Some((code, reason)) = end {
            let ended = polled.session.finish().1;
            assert_eq!((ended.code, &*ended.reason), (code, reason), "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_ends_abnormally() {
    let (polled, client) = Polled::new(Limits::default());
    drop(client);
    let (end, _) = polled.end().await;
    assert_eq!((end.code, &*end.reason), (1006, "Connection Closed Abnormally"));
}

#[tokio::test(start_paused = true)]
async fn idle_and_old_connections_are_told_that_we_go_away() {
    let second = Duration::from_secs(1);
    let limits = Limits { idle: 10 * second, lifetime: 25 * second, ..Limits::default() };
    // When a ping comes, whether it counts, and when the connection is closed.
    for (pinged, pings_count, closed) in [(None, true, 10), (Some(6), true, 16), (Some(6), false, 10)] {
        let (mut polled, mut client) = Polled::new(Limits { pings_count, ..limits });
        let start = Instant::now();
        if let Some(pinged) = pinged {
            polled.settle().await;
            tokio::time::sleep(pinged * second).await;
            client.write_all(&frame(0x89, b"")).await.expect("there is room");
            polled.settle().await;
            got(&mut client, 2).await;
        }
        let ending = tokio::join!(polled.end(), async {
            let said = got(&mut client, 14).await;
            (said, start.elapsed(), client.write_all(&frame(0x88, b"\x03\xe9")).await)
        });
        let ((end, _), (frame, at, _)) = ending;
        assert_eq!((&frame[..], end.code, &*end.reason), (&b"\x88\x0c\x03\xe9Going away"[..], 1001, "Going away"));
        assert_eq!(at.as_secs(), closed, "pinged {pinged:?}");
    }
    // One that is never idle.
    let (mut polled, mut client) = Polled::new(limits);
    for _ in 0..6 {
        tokio::time::sleep(4 * second).await;
        client.write_all(&frame(0x81, b"a")).await.expect("there is room");
        assert!(!polled.settle().await);
        got(&mut client, 3).await;
    }
    tokio::time::sleep(2 * second).await;
    polled.settle().await;
    assert_eq!(got(&mut client, 14).await, b"\x88\x0c\x03\xe9Going away");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_a_close_frame_is_cut_off() {
    let (mut polled, _client) = Polled::new(Limits::default());
    polled.session.shut(End { code: 1000, reason: "Connection Closed Normally".into() }, Instant::now());
    let (end, after) = polled.end().await;
    assert_eq!((end.code, after.as_secs()), (1000, 5));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_all_that_was_taken_for_it_and_the_sender_is_told_when_the_queue_is_full() {
    let (mut polled, mut client) = Polled::new(Limits { queue: 100_000, ..Limits::default() });
    let text = |number: usize| wire::text(format!("{number:010000}").as_bytes());
    let mut taken = 0;
    while polled.deliver(text(taken)).is_ok() {
        taken += 1;
        polled.settle().await;
        assert!(taken < 100, "the queue has no end");
    }
    assert_eq!(polled.deliver(text(taken)), Err(Undelivered::Full));
    assert!(taken * 10_004 > SOCKET, "what fits into the socket does not wait");
    for number in 0..taken {
        polled.settle().await;
        assert_eq!(got(&mut client, 10_004).await, text(number), "in order, and once");
    }
    assert_eq!(polled.deliver(text(0)), Ok(()), "there is room again");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_is_cut_off() {
    let (mut polled, mut client) = Polled::new(Limits { queue: 1 << 20, ..Limits::default() });
    assert_eq!(polled.deliver(Bytes::from(vec![0; SOCKET + 100])), Ok(()));
    polled.settle().await;
    tokio::time::sleep(Duration::from_secs(29)).await;
    // Something is read: it may take its time again.
    got(&mut client, 50).await;
    let (end, after) = polled.end().await;
    assert_eq!((end.code, after.as_secs()), (1006, 30));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_while_there_is_no_room_for_another_message() {
    let (mut polled, mut client) = Polled::new(Limits::default());
    polled.inbox.room = 2;
    let sent: Vec<u8> = [b"a", b"b", b"c", b"d"].iter().flat_map(|text| frame(0x81, *text)).collect();
    client.write_all(&sent).await.expect("there is room");
    polled.settle().await;
    assert_eq!(got(&mut client, 6).await, b"\x81\x01a\x81\x01b");
    polled.inbox.room = 1;
    polled.settle().await;
    assert_eq!(got(&mut client, 3).await, b"\x81\x01c");
    polled.inbox.room = 9;
    polled.settle().await;
    assert_eq!(got(&mut client, 3).await, b"\x81\x01d");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_gets_the_answers_to_what_it_said_before() {
    for (answered_after, expected) in [(500, &b"\x81\x05later\x88\0"[..]), (1500, b"\x88\0")] {
        let (mut polled, mut client) = Polled::new(Limits::default());
        polled.inbox.is_done = false;
        client.write_all(&frame(0x88, b"")).await.expect("there is room");
        assert!(!polled.settle().await);
        tokio::time::sleep(Duration::from_millis(answered_after)).await;
        polled.settle().await;
        polled.session.answer(wire::text(b"later"), Instant::now());
        polled.inbox.is_done = true;
        assert!(polled.settle().await);
        let (socket, end) = polled.session.finish();
        drop(socket);
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.expect("the socket is open");
        assert_eq!((&all[..], end.code), (expected, 1005), "answered after {answered_after} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_is_answered_so_many_a_second() {
    let (mut polled, mut client) = Polled::new(Limits::default());
    let flood = frame(0x89, b"").repeat(SOCKET / 6);
    client.write_all(&flood).await.expect("there is room");
    let mut pongs = 0;
    let mut piece = vec![0; SOCKET];
    let start = Instant::now();
    while pongs < SOCKET / 6 {
        polled.settle().await;
        let reading = tokio::time::timeout(Duration::from_millis(1), client.read(&mut piece));
        match reading.await {
            Ok(length) => pongs += length.expect("the socket is open") / 2,
            Err(_) => {
                let deadline = polled.session.deadline(&polled.limits, Instant::now());
                tokio::time::sleep_until(deadline).await;
            }
        }
    }
    assert!(start.elapsed() >= Duration::from_secs(1), "{pongs} pongs came at once");
}

#[tokio::test(start_paused = true)]
async fn after_our_close_frame_nothing_else_is_taken_or_sent() {
    let (mut polled, mut client) = Polled::new(Limits::default());
    polled.session.shut(End { code: 1000, reason: "".into() }, Instant::now());
    assert_eq!(polled.deliver(wire::text(b"late")), Err(Undelivered::Gone));
    client.write_all(&frame(0x81, b"late")).await.expect("there is room");
    assert!(!polled.settle().await);
    client.write_all(&frame(0x88, b"\x03\xe8")).await.expect("there is room");
    assert!(polled.settle().await);
    assert_eq!(got(&mut client, 4).await, b"\x88\x02\x03\xe8");
    assert_eq!(polled.session.activity().messages_in, 0);
}

#[test]
fn the_limits_are_awss() {
    let limits = Limits::default();
    let wire = limits.wire;
    assert_eq!((wire.frame, wire.message, wire.takes_binary), (32_768, 131_072, false));
    assert_eq!((limits.idle.as_secs(), limits.lifetime.as_secs(), limits.pings_count), (600, 7200, true));
}
