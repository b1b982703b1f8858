//! One connection: an actor that owns its socket and all that changes about it.
//!
//! The actor lives in the thread that accepted the connection. Its [`session`] knows sockets and frames, its
//! [`messages`] know what is done with what a client says; the actor polls them, is found by others through the registry,
//! and sees to it that `$disconnect` is run once, whatever ends the connection.

mod activity;
mod alarms;
mod linger;
mod messages;
mod pace;
mod queue;
mod session;
mod station;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll};

use actix::fut::ActorFuture;
use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, MessageResult};
use bytes::Bytes;
use futures_util::future::join3;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::line::{Deliver, Describe, Description, Show, Shut, Undelivered};
use super::places::Place;
use super::registry::{Entrant, Registry};
use crate::traffic::execute::socket::Connection;
use alarms::{Alarm, Sleeper};
use messages::Messages;
use session::{End, Session};

pub(super) use station::Station;

/// A connection.
pub(super) struct ConnectionActor {
    station: Rc<Station>,
    connection: Rc<Connection>,
    /// Nothing, when it is over.
    live: Option<Live>,
}

/// What a connection has while it is not over.
struct Live {
    session: Session<TcpStream>,
    messages: Messages,
    alarm: Option<Alarm>,
    place: Place,
    /// Nobody is to be told of its end.
    is_quiet: bool,
}

/// A connection that `$connect` has agreed to.
pub(super) struct Opened {
    pub(super) connection: Rc<Connection>,
    /// The answer that opens it.
    pub(super) opening: Vec<u8>,
    pub(super) socket: TcpStream,
    /// What its client has sent behind the handshake.
    pub(super) later: Vec<u8>,
    pub(super) groups: Vec<Box<str>>,
    pub(super) place: Place,
}

impl ConnectionActor {
    /// Begins a connection, and enters it into the registry.
    pub(super) fn open(station: &Rc<Station>, registry: &Registry, opened: Opened) {
        let Opened { connection, opening, socket, later, groups, place } = opened;
        Self::create(|context| {
            let entrant = Entrant {
                id: connection.id,
                api: &connection.api,
                stage: &connection.stage,
                principal: connection.principal(),
                groups: &groups,
            };
            let presence = registry.enter(&entrant, context.address());
            let session = Session::new(socket, Bytes::from(opening), later, Instant::now());
            let messages = Messages::new(Rc::clone(&station.execute), Rc::clone(&connection), presence);
            let live = Live { session, messages, alarm: None, place, is_quiet: false };
            Self { station: Rc::clone(station), connection, live: Some(live) }
        });
    }

    /// Goes on with whatever can go on. Ready when the connection is over.
    fn poll(&mut self, context: &mut Context<Self>, task: &mut task::Context<'_>) -> Poll<()> {
        let Some(live) = &mut self.live else { return Poll::Ready(()) };
        let Live { session, messages, alarm, .. } = live;
        let (station, now) = (&self.station, Instant::now());
        messages.poll(task, |frames| session.answer(frames, now));
        let polled = station.with_buffer(|buffer| session.poll(task, buffer, &station.limits, now, messages));
        if polled.is_ready() {
            self.end(context);
            return Poll::Ready(());
        }
        station.alarms.set(alarm, session.deadline(&station.limits, now), || context.address());
        Poll::Pending
    }

    /// The connection is over: it is not found any more, its socket is closed, and `$disconnect` is run.
    fn end(&mut self, context: &mut Context<Self>) {
        context.stop();
        let Some(Live { session, messages, alarm, place, is_quiet }) = self.live.take() else { return };
        let has_to_tell = messages.presence().has_to_tell();
        self.station.alarms.forget(alarm);
        let (socket, end) = session.finish();
        let (execute, connection) = (Rc::clone(&self.station.execute), Rc::clone(&self.connection));
        actix_web::rt::spawn(async move {
            let disconnect = async {
                if !is_quiet && has_to_tell.await {
                    execute.disconnect(&connection, end.code, &end.reason).await;
                }
            };
            // The socket first: what runs at `$disconnect` finds the connection closed.
            let ((), presence, ()) = join3(linger::close(socket), messages.end(), disconnect).await;
            drop((presence, place));
        });
    }
}

impl Actor for ConnectionActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.spawn(Drive);
    }
}

/// Polls a connection whenever its actor is polled: something came, can be sent, is answered, or is due.
struct Drive;

impl ActorFuture<ConnectionActor> for Drive {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut ConnectionActor,
        context: &mut Context<ConnectionActor>,
        task: &mut task::Context<'_>,
    ) -> Poll<()> {
        actor.poll(context, task)
    }
}

impl Handler<Deliver> for ConnectionActor {
    type Result = Result<(), Undelivered>;

    fn handle(&mut self, Deliver { frames }: Deliver, _: &mut Context<Self>) -> Result<(), Undelivered> {
        let live = self.live.as_mut().ok_or(Undelivered::Gone)?;
        live.session.deliver(frames, &self.station.limits, Instant::now())
    }
}

impl Handler<Describe> for ConnectionActor {
    type Result = MessageResult<Describe>;

    fn handle(&mut self, _: Describe, _: &mut Context<Self>) -> MessageResult<Describe> {
        let connection = &self.connection;
        let activity = self.live.as_ref().map(|live| *live.session.activity());
        let idle = activity.map(|activity| activity.last().elapsed()).unwrap_or_default();
        let last_active = self.station.execute.now().saturating_sub(idle);
        MessageResult(Description {
            connected_at: milliseconds(connection.connected_at),
            last_active_at: milliseconds(last_active),
            source: connection.source,
            user_agent: connection.user_agent.clone(),
            principal: connection.principal().map(Box::from),
            messages_in: activity.map_or(0, |activity| activity.messages_in),
            messages_out: activity.map_or(0, |activity| activity.messages_out),
            bytes_in: activity.map_or(0, |activity| activity.bytes_in),
            bytes_out: activity.map_or(0, |activity| activity.bytes_out),
        })
    }
}

impl Handler<Show> for ConnectionActor {
    type Result = MessageResult<Show>;

    fn handle(&mut self, _: Show, _: &mut Context<Self>) -> MessageResult<Show> {
        MessageResult(self.connection.card())
    }
}

impl Handler<Shut> for ConnectionActor {
    type Result = ();

    fn handle(&mut self, Shut { code, reason, quietly }: Shut, _: &mut Context<Self>) {
        if let Some(live) = &mut self.live {
            live.is_quiet |= quietly;
            live.session.shut(End { code, reason }, Instant::now());
        }
    }
}

/// Something is due.
#[derive(Message)]
#[rtype(result = "()")]
struct Due;

impl Handler<Due> for ConnectionActor {
    type Result = ();

    /// All that is to be done is to be polled, which happens when this was handled.
    fn handle(&mut self, _: Due, _: &mut Context<Self>) {
        if let Some(live) = &mut self.live {
            live.alarm = None;
        }
    }
}

impl Sleeper for Addr<ConnectionActor> {
    fn wake(&self) -> bool {
        matches!(self.try_send(Due), Err(actix::prelude::SendError::Full(_)))
    }
}

fn milliseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
