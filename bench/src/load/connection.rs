//! One connection of the load generator: request, answer, and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout_at};

use super::answer::{self, Body};
use super::histogram::Histogram;
use super::pace::Pace;
use super::target::Target;

/// A head must fit; bodies pass through in pieces of this size.
const BUFFER: usize = 16 * 1024;

/// What came of a connection's requests.
#[derive(Default)]
pub(crate) struct Tally {
    /// Complete answers.
    pub(crate) answers: u64,
    /// Those of them whose status is not 2xx.
    pub(crate) not_2xx: u64,
    /// Exchanges that ended without a complete answer.
    pub(crate) broken: u64,
    /// Attempts to connect that failed.
    pub(crate) refused: u64,
    /// The last reason for one of the two above.
    pub(crate) last_error: Option<String>,
    /// Bytes received.
    pub(crate) bytes: u64,
    /// From when a request was due until its answer was complete.
    pub(crate) latency: Histogram,
}

impl Tally {
    /// Adds what another connection found.
    pub(crate) fn merge(&mut self, other: &Tally) {
        self.answers += other.answers;
        self.not_2xx += other.not_2xx;
        self.broken += other.broken;
        self.refused += other.refused;
        self.last_error = self.last_error.take().or_else(|| other.last_error.clone());
        self.bytes += other.bytes;
        self.latency.merge(&other.latency);
    }
}

/// Sends requests as the pace wants them, over one connection at a time, and gives up on a late answer at `latest`.
pub(crate) async fn drive(target: Arc<Target>, pace: Arc<Pace>, latest: Instant) -> Tally {
    let mut tally = Tally::default();
    if timeout_at(latest.into(), exchanges(&target, &pace, &mut tally)).await.is_err() {
        tally.broken += 1;
        tally.last_error = Some("no answer until long after the end".to_owned());
    }
    tally
}

async fn exchanges(target: &Target, pace: &Pace, tally: &mut Tally) {
    let mut connection = None;
    while let Some(due) = pace.next().await {
        let open = match connection.take() {
            Some(open) => Ok(open),
            None => Connection::open(target).await,
        };
        let mut open = match open {
            Ok(open) => open,
            Err(error) => {
                tally.refused += 1;
                tally.last_error = Some(format!("{error:#}"));
                // A server that is not there would be asked thousands of times a second.
                sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        match open.exchange(&target.request).await {
            Ok(answer) => {
                tally.latency.record(due.elapsed());
                tally.answers += 1;
                tally.not_2xx += u64::from(!(200..300).contains(&answer.status));
                tally.bytes += answer.bytes;
                connection = Some(open).filter(|_| !answer.close);
            }
            Err(error) => {
                tally.broken += 1;
                tally.last_error = Some(format!("{error:#}"));
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
}

struct Answer {
    status: u16,
    bytes: u64,
    close: bool,
}

impl Connection {
    async fn open(target: &Target) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(target.address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: vec![0; BUFFER].into() })
    }

    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request).await.context("cannot send")?;
        let mut filled = 0;
        let mut head = loop {
            if let Some(head) = answer::head(&self.buffer[..filled])? {
                if !(100..200).contains(&head.status) {
                    break head;
                }
                // An interim answer: the real one follows.
                self.buffer.copy_within(head.length..filled, 0);
                filled -= head.length;
                continue;
            }
            anyhow::ensure!(filled < self.buffer.len(), "the head of the answer is too long");
            let read = self.stream.read(&mut self.buffer[filled..]).await.context("cannot receive")?;
            anyhow::ensure!(read > 0, "the server closed before its answer was complete");
            filled += read;
        };
        let mut bytes = filled as u64;
        let mut complete = head.body.take(&self.buffer[head.length..filled])?;
        while !complete {
            let read = self.stream.read(&mut self.buffer).await.context("cannot receive")?;
            if read == 0 {
                anyhow::ensure!(head.body == Body::UntilClose, "the server closed within the body");
                break;
            }
            bytes += read as u64;
            complete = head.body.take(&self.buffer[..read])?;
        }
        Ok(Answer { status: head.status, bytes, close: head.close })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// What a tally says of these answers, each given to a request on a connection of its own.
    async fn check(answers: &'static [&'static str]) -> Tally {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut request = [0; 1024];
                assert!(stream.read(&mut request).await.expect("a request") > 0);
                stream.write_all(answer.as_bytes()).await.expect("sent");
            }
            // Whoever connects again is done with the last answer. Kept open: a reset would be counted as broken.
            let last = listener.accept().await.expect("a connection");
            (listener, last)
        });
        let target = Target::parse(&format!("http://{address}/"), None, &[], None).expect("valid");
        let mut tally = Tally::default();
        // An end that never comes: the test stops when the server has played its part.
        let pace = Pace::free(Instant::now() + Duration::from_secs(3600));
        tokio::select! {
            () = exchanges(&target, &pace, &mut tally) => {}
            result = server => drop(result.expect("the server plays its part")),
        }
        tally
    }

    #[tokio::test]
    async fn answers_and_statuses_are_counted() {
        let tally = check(&[
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 503 Busy\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nuntil the end",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
        ])
        .await;
        assert_eq!((tally.answers, tally.not_2xx), (3, 1));
        assert_eq!(tally.broken, 1, "{:?}", tally.last_error);
        assert!(tally.last_error.is_some_and(|error| error.contains("within the body")));
    }

    #[tokio::test]
    async fn an_absent_server_is_counted_and_not_hammered() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        drop(listener);
        let target = Arc::new(Target::parse(&url, None, &[], None).expect("valid"));
        let end = Instant::now() + Duration::from_millis(50);
        let tally = drive(target, Arc::new(Pace::free(end)), end + Duration::from_secs(5)).await;
        assert!((1..=6).contains(&tally.refused), "{}", tally.refused);
        assert_eq!(tally.answers, 0);
    }
}
