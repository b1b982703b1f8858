//! A connection's socket, and what RFC 6455 has to say of it: frames in both directions, the close handshake, and the
//! times after which it ends.
//!
//! Nothing here knows actors, or what a message means. Whoever has a session polls it, and gives it what it reads into:
//! a session that idles holds no buffer.

use std::borrow::Cow;
use std::io::IoSlice;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::activity::Activity;
use super::pace::Pace;
use super::queue::{Queue, TOGETHER};
use crate::traffic::websocket::limits::Limits;
use crate::traffic::websocket::line::Undelivered;
use crate::traffic::websocket::wire::{self, Close, Event, Failure, Message, Reader};

/// A client that reads nothing for so long while something waits for it is cut off.
const STALL: Duration = Duration::from_secs(30);
/// A client has so long to read what waits for it and to answer a close frame.
const CLOSING: Duration = Duration::from_secs(5);
/// Answers to what a client said before it closed, or broke the rules, are waited for so long.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Reads that one poll makes before others have their turn.
const READS: usize = 4;

/// Takes the messages of a session.
pub(super) trait Inbox {
    /// Whether another message is taken now.
    fn has_room(&self) -> bool;

    /// Whether all messages are answered.
    fn is_done(&self) -> bool;

    /// Takes a message that came now. Gives the frames of its answer, if that is known at once.
    fn take(&mut self, message: Message, context: &mut Context<'_>, now: Instant) -> Option<Bytes>;
}

/// How a connection ended, as `$disconnect` is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) code: u16,
    pub(super) reason: Cow<'static, str>,
}

impl End {
    const ABNORMAL: Self = Self { code: wire::ABNORMAL, reason: Cow::Borrowed("Connection Closed Abnormally") };
    const GOING_AWAY: Self = Self { code: wire::GOING_AWAY, reason: Cow::Borrowed("Going away") };

    /// A client's close frame, in AWS's words where it has none of its own.
    fn of(close: &Close) -> Self {
        let reason = match close.code {
            wire::NO_STATUS => Cow::Borrowed("Client-side close frame status not set"),
            _ => Cow::Owned(close.reason().to_owned()),
        };
        Self { code: close.code, reason }
    }
}

/// A connection that is open, or is being closed.
pub(super) struct Session<S> {
    socket: S,
    phase: Phase,
    reader: Reader,
    /// What was read and is not looked at yet, because there was no room for another message.
    later: Vec<u8>,
    queue: Queue,
    /// Since when nothing could be written.
    blocked: Option<Instant>,
    opened: Instant,
    activity: Activity,
    pace: Pace,
    /// How it ends; the first reason counts.
    end: Option<End>,
    /// Our close frame, if it waits for answers.
    last: Option<Bytes>,
}

/// How far a connection is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The client closes, or broke the rules, and gets the answers to what it said before.
    Answering {
        until: Instant,
    },
    /// Our close frame is on its way, and the client's has not come.
    Closing {
        until: Instant,
    },
    /// Nothing that comes is of interest any more; what waits is still sent.
    Ending {
        until: Instant,
    },
    Over,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// A connection that begins with `opening`, the answer to its handshake; `later` is what its client sent behind that.
    pub(super) fn new(socket: S, opening: Bytes, later: Vec<u8>, now: Instant) -> Self {
        let mut queue = Queue::default();
        if !opening.is_empty() {
            queue.push(opening);
        }
        Self {
            socket,
            phase: Phase::Open,
            reader: Reader::default(),
            later,
            queue,
            blocked: None,
            opened: now,
            activity: Activity::new(now),
            pace: Pace::new(now),
            end: None,
            last: None,
        }
    }

    /// Reads, writes, and keeps the times. Ready when the connection is over.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
        limits: &Limits,
        now: Instant,
        inbox: &mut dyn Inbox,
    ) -> Poll<()> {
        self.keep_time(limits, now);
        self.write(context, now);
        self.read(context, buffer, limits, now, inbox);
        self.conclude(now, inbox);
        self.write(context, now);
        if matches!(self.phase, Phase::Ending { .. }) && self.queue.is_empty() {
            self.phase = Phase::Over;
        }
        if self.phase == Phase::Over { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Puts the frames of a message into the queue.
    pub(super) fn deliver(&mut self, frames: Bytes, limits: &Limits, now: Instant) -> Result<(), Undelivered> {
        if !self.is_open() {
            return Err(Undelivered::Gone);
        }
        if !self.queue.has_room(frames.len(), limits.queue) {
            return Err(Undelivered::Full);
        }
        self.send(frames, now);
        Ok(())
    }

    /// Sends the answer to a message of the client's. For these there is always room: while there is none, no further
    /// message is read.
    pub(super) fn answer(&mut self, frames: Bytes, now: Instant) {
        if matches!(self.phase, Phase::Open | Phase::Answering { .. }) {
            self.send(frames, now);
        }
    }

    /// Closes the connection when what waits is sent.
    pub(super) fn shut(&mut self, end: End, now: Instant) {
        if self.phase == Phase::Open {
            self.queue.push(wire::close(end.code, &end.reason));
            self.end.get_or_insert(end);
            self.phase = Phase::Closing { until: now + CLOSING };
        }
    }

    /// Whether messages are still taken and sent.
    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// What came and went.
    pub(super) fn activity(&self) -> &Activity {
        &self.activity
    }

    /// When it is to be polled at the latest.
    pub(super) fn deadline(&self, limits: &Limits, now: Instant) -> Instant {
        let end = match self.phase {
            Phase::Open => (self.activity.last() + limits.idle).min(self.opened + limits.lifetime),
            Phase::Answering { until } | Phase::Closing { until } | Phase::Ending { until } => until,
            Phase::Over => now,
        };
        let stall = self.blocked.map(|since| since + STALL);
        let pause = self.pace.paused_until(now);
        [stall, pause].into_iter().flatten().fold(end, Instant::min)
    }

    /// The socket, and how the connection ended.
    pub(super) fn finish(self) -> (S, End) {
        (self.socket, self.end.unwrap_or(End::ABNORMAL))
    }

    fn send(&mut self, frames: Bytes, now: Instant) {
        self.activity.went(frames.len(), now);
        self.queue.push(frames);
    }

    /// Ends what has gone on for too long.
    fn keep_time(&mut self, limits: &Limits, now: Instant) {
        if self.blocked.is_some_and(|since| now >= since + STALL) {
            return self.lose();
        }
        match self.phase {
            Phase::Open if now >= self.activity.last() + limits.idle || now >= self.opened + limits.lifetime => {
                self.shut(End::GOING_AWAY, now);
            }
            Phase::Closing { until } | Phase::Ending { until } if now >= until => self.lose(),
            Phase::Open | Phase::Answering { .. } | Phase::Closing { .. } | Phase::Ending { .. } | Phase::Over => {}
        }
    }

    /// Sends our close frame when what the client said before is answered.
    fn conclude(&mut self, now: Instant, inbox: &dyn Inbox) {
        if let Phase::Answering { until } = self.phase
            && (inbox.is_done() || now >= until)
        {
            if let Some(last) = self.last.take() {
                self.queue.push(last);
            }
            self.phase = Phase::Ending { until: now + CLOSING };
        }
    }

    /// The connection is over, whatever waits.
    fn lose(&mut self) {
        self.end.get_or_insert(End::ABNORMAL);
        self.queue.clear();
        self.later = Vec::new();
        self.blocked = None;
        self.phase = Phase::Over;
    }

    fn is_reading(&self, limits: &Limits, now: Instant, inbox: &dyn Inbox) -> bool {
        match self.phase {
            Phase::Open => {
                inbox.has_room() && self.queue.has_room(0, limits.queue) && self.pace.paused_until(now).is_none()
            }
            Phase::Closing { .. } => self.pace.paused_until(now).is_none(),
            Phase::Answering { .. } | Phase::Ending { .. } | Phase::Over => false,
        }
    }

    fn read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
        limits: &Limits,
        now: Instant,
        inbox: &mut dyn Inbox,
    ) {
        for _ in 0..READS {
            if !self.is_reading(limits, now, inbox) {
                // What makes room wakes us, but for our own queue: the next write may empty it at once.
                if self.is_open() && inbox.has_room() && !self.queue.has_room(0, limits.queue) {
                    self.write(context, now);
                    if self.queue.has_room(0, limits.queue) {
                        continue;
                    }
                }
                return;
            }
            if !self.later.is_empty() {
                let mut later = std::mem::take(&mut self.later);
                let used = self.follow(&mut later, context, limits, now, inbox);
                if used < later.len() {
                    later.drain(..used);
                    self.later = later;
                }
                continue;
            }
            let mut read = ReadBuf::new(buffer);
            match Pin::new(&mut self.socket).poll_read(context, &mut read) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                    let came = read.filled_mut();
                    let used = self.follow(came, context, limits, now, inbox);
                    self.later.extend_from_slice(&came[used..]);
                }
                Poll::Ready(_) => return self.lose(),
            }
        }
        context.waker().wake_by_ref();
    }

    /// Looks at what came, as far as there is room for what it says. Gives how many bytes were looked at.
    fn follow(
        &mut self,
        bytes: &mut [u8],
        context: &mut Context<'_>,
        limits: &Limits,
        now: Instant,
        inbox: &mut dyn Inbox,
    ) -> usize {
        let mut used = 0;
        while used < bytes.len() && self.is_reading(limits, now, inbox) {
            match self.reader.read(&mut bytes[used..], &limits.wire) {
                Ok((length, event)) => {
                    used += length;
                    self.pace.count(self.reader.take_extra(), now);
                    if let Some(event) = event
                        && self.came(event, context, limits, now, inbox).is_break()
                    {
                        return bytes.len();
                    }
                }
                Err(failure) => {
                    self.fail(failure, now);
                    return bytes.len();
                }
            }
        }
        used
    }

    /// The client said something. Breaks off if it is the last that is of interest.
    fn came(
        &mut self,
        event: Event,
        context: &mut Context<'_>,
        limits: &Limits,
        now: Instant,
        inbox: &mut dyn Inbox,
    ) -> ControlFlow<()> {
        match event {
            Event::Close(close) => {
                self.end.get_or_insert_with(|| End::of(&close));
                self.wind_up(wire::echo(&close), now);
                return ControlFlow::Break(());
            }
            // What comes between the close frames is read and forgotten.
            _ if !self.is_open() => {}
            Event::Message(message) => {
                self.activity.came(message.bytes.len(), now);
                if let Some(frames) = inbox.take(message, context, now) {
                    self.answer(frames, now);
                }
            }
            Event::Ping(payload) => {
                if limits.pings_count {
                    self.activity.stirred(now);
                }
                self.queue.push(wire::pong(&payload));
            }
            Event::Pong => {}
        }
        ControlFlow::Continue(())
    }

    /// The client broke the rules.
    fn fail(&mut self, failure: Failure, now: Instant) {
        self.end.get_or_insert(End { code: failure.code, reason: Cow::Borrowed(failure.reason) });
        self.wind_up(wire::close(failure.code, failure.reason), now);
    }

    /// Nothing that comes now is of interest. What waits is sent, and `last` behind it, if we have not sent a close frame.
    fn wind_up(&mut self, last: Bytes, now: Instant) {
        self.later = Vec::new();
        self.phase = match self.phase {
            Phase::Open => {
                self.last = Some(last);
                Phase::Answering { until: now + LAST_WORDS }
            }
            Phase::Closing { until } => Phase::Ending { until },
            Phase::Answering { .. } | Phase::Ending { .. } | Phase::Over => self.phase,
        };
    }

    fn write(&mut self, context: &mut Context<'_>, now: Instant) {
        while !self.queue.is_empty() {
            let socket = Pin::new(&mut self.socket);
            let polled = match self.queue.only() {
                // Most often there is one answer, and to write it alone costs the kernel less.
                Some(frames) => socket.poll_write(context, frames),
                None => {
                    let mut slices = [IoSlice::new(&[]); TOGETHER];
                    let count = self.queue.slices(&mut slices);
                    socket.poll_write_vectored(context, &slices[..count])
                }
            };
            match polled {
                Poll::Ready(Ok(written)) if written > 0 => {
                    self.queue.written(written);
                    self.blocked = None;
                }
                Poll::Ready(_) => return self.lose(),
                Poll::Pending => {
                    self.blocked.get_or_insert(now);
                    return;
                }
            }
        }
    }
}
