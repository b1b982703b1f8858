//! What stands between a caller's connection and the HTTP server: only what is a request without doubt gets through,
//! one at a time, and only from callers that don't take too long to say it.
//!
//! The server can't be told any of this. It sees a [`Guard`] where it would see the socket, and what the guard has
//! against a request it says in the server's own terms: a NUL in a head, which is answered with 400, and the
//! connection's end in a body, which the body's reader hears of.
//!
//! A connection can be taken over by who answers a request on it ([`Turn::take_over`]): that is how a WebSocket
//! connection leaves the server, with nothing of the server's memory left on it. actix-http has a service for upgrades,
//! which would have a request answered in a second way, and only requests that it takes for one itself.

use std::cell::{Cell, RefCell};
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use actix_web::HttpRequest;
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::framing::Framing;

/// A body is still read for so long when nobody wants it, because its request is answered: a caller that has sent all
/// by then gets its answer, and no broken connection.
const UNWANTED: Duration = Duration::from_secs(3);
/// What a caller sends before it is its turn is read in pieces of this size, of which there is one.
const AHEAD: usize = 1024;

/// How long callers may take. Only the time counts in which there was nothing to read: a backend that is slow to take
/// a body is not its sender's fault.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a head, from its first byte on.
    pub head: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
    /// For a whole request.
    pub whole: Option<Duration>,
}

/// What a connection's guard and those who answer its requests know of each other.
#[derive(Debug)]
pub struct Turn<S = TcpStream> {
    /// A request's head has been handed on, and its answer is not known.
    is_taken: Cell<bool>,
    /// Who is to be told when it is.
    waker: RefCell<Option<Waker>>,
    /// The caller took too long.
    is_late: Cell<bool>,
    line: RefCell<Line<S>>,
}

/// The connection itself.
#[derive(Debug)]
struct Line<S> {
    /// Nothing, if it was taken over.
    stream: Option<S>,
    /// What came before its turn.
    ahead: BytesMut,
}

impl Turn {
    /// The turn of the connection that a request came on.
    pub fn of(request: &HttpRequest) -> Option<&Rc<Self>> {
        request.conn_data()
    }
}

impl<S> Turn<S> {
    /// Takes the connection away from the HTTP server, to speak another protocol on it. With it comes what the caller has
    /// sent behind its request. The server finds the connection at its end, and whatever it still answers is lost.
    pub fn take_over(&self) -> Option<(S, Vec<u8>)> {
        let line = &mut *self.line.borrow_mut();
        line.stream.take().map(|stream| (stream, std::mem::take(&mut line.ahead).into()))
    }

    /// The request's answer is known: it is the next one's turn.
    pub fn pass(&self) {
        self.is_taken.set(false);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Whether a body ended because its sender took too long.
    pub(super) fn is_late(&self) -> bool {
        self.is_late.get()
    }

    fn wait(&self, context: &Context<'_>) {
        *self.waker.borrow_mut() = Some(context.waker().clone());
    }
}

/// A caller's connection, guarded.
pub struct Guard<S> {
    framing: Framing,
    turn: Rc<Turn<S>>,
    /// No more is read: a request was none, or the caller took too long, or hung up.
    is_over: bool,
    /// Since when nobody wants the body that is coming.
    unwanted: Option<Instant>,
    watch: Watch,
}

impl<S> Guard<S> {
    /// Guards a connection from its first byte on.
    pub fn new(stream: S, patience: Patience) -> Self {
        let line = RefCell::new(Line { stream: Some(stream), ahead: BytesMut::new() });
        let turn = Turn { is_taken: Cell::default(), waker: RefCell::default(), is_late: Cell::default(), line };
        Self {
            framing: Framing::default(),
            turn: Rc::new(turn),
            is_over: false,
            unwanted: None,
            watch: Watch::new(patience),
        }
    }

    /// What those have to know who answer this connection's requests.
    pub fn turn(&self) -> Rc<Turn<S>> {
        Rc::clone(&self.turn)
    }

    /// Looks at what has come, which is `buffer` from `start` on, and takes away what the server must not see.
    fn check(&mut self, buffer: &mut ReadBuf<'_>, start: usize) {
        let ahead = &mut self.turn.line.borrow_mut().ahead;
        let later = std::mem::take(ahead);
        let came = &buffer.filled()[start..];
        let was_in_body = self.framing.is_in_body();
        if was_in_body && !self.turn.is_taken.get() {
            self.is_over |= self.unwanted.get_or_insert_with(Instant::now).elapsed() > UNWANTED;
        }
        match self.framing.follow(came) {
            Ok(length) => {
                if length < came.len() && self.framing.may_go_on() {
                    ahead.extend_from_slice(&came[length..]);
                }
                ahead.extend_from_slice(&later);
                buffer.set_filled(start + length);
                if !was_in_body && (self.framing.is_in_body() || self.framing.is_at_end()) {
                    self.turn.is_taken.set(true);
                    self.unwanted = None;
                }
            }
            Err(fault) if was_in_body || self.framing.is_in_body() => {
                self.is_over = true;
                buffer.set_filled(start + fault);
            }
            Err(fault) => {
                self.is_over = true;
                buffer.filled_mut()[start + fault] = 0;
                buffer.set_filled(start + fault + 1);
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Guard<S> {
    /// Gives what came before its turn, as far as it fits; whether there was anything.
    fn put_ahead(&self, buffer: &mut ReadBuf<'_>) -> bool {
        let ahead = &mut self.turn.line.borrow_mut().ahead;
        let length = ahead.len().min(buffer.remaining());
        buffer.put_slice(&ahead.split_to(length));
        length > 0
    }

    /// The request is here. What comes now waits until it is answered: the server would read on, and mix up what it
    /// knows of both.
    fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.framing.is_last() {
            return Poll::Pending;
        }
        if self.turn.is_taken.get() {
            let line = &mut *self.turn.line.borrow_mut();
            if let (true, false, Some(stream)) = (line.ahead.is_empty(), self.is_over, &mut line.stream) {
                let mut piece = [MaybeUninit::uninit(); AHEAD];
                let mut piece = ReadBuf::uninit(&mut piece);
                let read = ready!(Pin::new(stream).poll_read(context, &mut piece));
                self.is_over = read.is_err() || piece.filled().is_empty();
                line.ahead.extend_from_slice(piece.filled());
            }
            self.turn.wait(context);
            return Poll::Pending;
        }
        self.framing.begin();
        self.watch.begin();
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.turn.line.borrow().stream.is_none() {
            return Poll::Ready(Ok(()));
        }
        if this.framing.is_at_end() {
            ready!(this.poll_turn(context));
        }
        let start = buffer.filled().len();
        if this.put_ahead(buffer) {
            this.check(buffer, start);
            return Poll::Ready(Ok(()));
        }
        if this.is_over {
            return Poll::Ready(Ok(()));
        }
        let read =
            this.turn.line.borrow_mut().stream.as_mut().map(|stream| Pin::new(stream).poll_read(context, buffer));
        match read.unwrap_or(Poll::Ready(Ok(()))) {
            Poll::Ready(Ok(())) => {
                this.watch.came();
                if buffer.filled().len() > start {
                    this.check(buffer, start);
                } else {
                    this.is_over = true;
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                ready!(this.watch.poll_late(&this.framing, context));
                this.turn.is_late.set(true);
                this.is_over = true;
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Guard<S> {
    /// Writes to the connection; to nobody, if it was taken over.
    fn write<T>(&self, nobody: T, write: impl FnOnce(Pin<&mut S>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &mut self.turn.line.borrow_mut().stream {
            Some(stream) => write(Pin::new(stream)),
            None => Poll::Ready(Ok(nobody)),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(bytes.len(), |stream| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        self.write(length, |stream| stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.turn.line.borrow().stream.as_ref().is_some_and(S::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write((), |stream| stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write((), |stream| stream.poll_shutdown(context))
    }
}

/// How long the caller has been waited for. Costs nothing while requests come whole.
struct Watch {
    patience: Patience,
    /// In this request so far, without the wait that goes on.
    waited: Duration,
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Watch {
    fn new(patience: Patience) -> Self {
        Self { patience, waited: Duration::ZERO, since: None, timer: None }
    }

    /// A request begins.
    fn begin(&mut self) {
        self.waited = Duration::ZERO;
    }

    /// Something came.
    fn came(&mut self) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Nothing is there to be read. Ready when that has gone on for too long.
    fn poll_late(&mut self, framing: &Framing, context: &mut Context<'_>) -> Poll<()> {
        let in_body = framing.is_in_body();
        if !in_body && !framing.is_in_head() {
            return Poll::Pending;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        let left = |most: Duration| most.saturating_sub(self.waited);
        let until = since
            + match self.patience.whole {
                _ if !in_body => left(self.patience.head),
                Some(whole) => left(whole).min(self.patience.idle),
                None => self.patience.idle,
            };
        if until <= Instant::now() {
            return Poll::Ready(());
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        // One that rings too early is set again then, which is seldom; to set it at every piece would be often.
        if timer.is_elapsed() || timer.deadline() > until {
            timer.as_mut().reset(until);
        }
        while timer.as_mut().poll(context).is_ready() {
            if until <= Instant::now() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(until);
        }
        Poll::Pending
    }
}
