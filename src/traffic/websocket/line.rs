//! What a connection's actor is told from outside, and the way to it.
//!
//! Whoever sends something to a connection holds a [`Line`] and does not know the actor behind it. Every actix address of
//! an actor that handles the four messages is one.

use std::borrow::Cow;
use std::net::IpAddr;

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::traffic::execute::socket::Card;

/// Send this: whole, unmasked frames of one message, encoded once for all who get it.
#[derive(Clone, Debug)]
pub struct Deliver {
    /// The frames.
    pub frames: Bytes,
}

impl Message for Deliver {
    /// `Ok` when the frames are in the connection's send queue.
    type Result = Result<(), Undelivered>;
}

/// Tell of yourself.
#[derive(Clone, Copy, Debug)]
pub struct Describe;

impl Message for Describe {
    type Result = Description;
}

/// Close with this code and this reason.
#[derive(Clone, Debug)]
pub struct Shut {
    /// The code that the client gets, and `$disconnect` is told.
    pub code: u16,
    /// The reason, in at most 123 bytes.
    pub reason: Cow<'static, str>,
    /// Whether `$disconnect` is not to be run: another node has run it.
    pub quietly: bool,
}

impl Message for Shut {
    type Result = ();
}

impl Shut {
    /// The connection has to go, for reasons of the gateway's.
    pub(super) fn going_away() -> Self {
        Self { code: 1001, reason: "Going away".into(), quietly: false }
    }
}

/// Show your card.
#[derive(Clone, Copy, Debug)]
pub struct Show;

impl Message for Show {
    type Result = Card;
}

/// What a connection's actor knows of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// When it was opened, in milliseconds since 1970.
    pub connected_at: u64,
    /// When a message last came or went, in milliseconds since 1970.
    pub last_active_at: u64,
    /// Where its client is.
    pub source: IpAddr,
    /// What the client said that it is.
    pub user_agent: Option<Box<str>>,
    /// Whom an authorizer took the client for.
    pub principal: Option<Box<str>>,
    /// Messages that came.
    pub messages_in: u64,
    /// Messages that went.
    pub messages_out: u64,
    /// Bytes of the messages that came.
    pub bytes_in: u64,
    /// Bytes of the messages that went.
    pub bytes_out: u64,
}

/// Why a message is not in a connection's send queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// There is no room in it: the client reads too slowly.
    Full,
    /// There is no connection any more, or it is being closed.
    Gone,
}

/// The way to a connection's actor.
pub trait Line: Send + Sync + 'static {
    /// Puts frames into the connection's send queue. What is given out first comes first.
    fn deliver(&self, frames: Bytes) -> BoxFuture<'static, Result<(), Undelivered>>;

    /// What the connection is like; nothing, if it is gone.
    fn describe(&self) -> BoxFuture<'static, Option<Description>>;

    /// What another node needs to run `$disconnect` on this one's behalf; nothing, if the connection is gone.
    fn card(&self) -> BoxFuture<'static, Option<Card>>;

    /// Has the connection closed.
    fn shut(&self, shut: Shut) -> BoxFuture<'static, ()>;
}

impl<A> Line for Addr<A>
where
    A: Actor + Handler<Deliver> + Handler<Describe> + Handler<Show> + Handler<Shut>,
    A::Context: ToEnvelope<A, Deliver> + ToEnvelope<A, Describe> + ToEnvelope<A, Show> + ToEnvelope<A, Shut>,
{
    fn deliver(&self, frames: Bytes) -> BoxFuture<'static, Result<(), Undelivered>> {
        let sent = self.send(Deliver { frames });
        async move { sent.await.unwrap_or(Err(Undelivered::Gone)) }.boxed()
    }

    fn describe(&self) -> BoxFuture<'static, Option<Description>> {
        let sent = self.send(Describe);
        async move { sent.await.ok() }.boxed()
    }

    fn card(&self) -> BoxFuture<'static, Option<Card>> {
        let sent = self.send(Show);
        async move { sent.await.ok() }.boxed()
    }

    fn shut(&self, shut: Shut) -> BoxFuture<'static, ()> {
        let sent = self.send(shut);
        async move { sent.await.unwrap_or_default() }.boxed()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A connection that takes everything and says nothing.
    pub(in super::super) struct Silent;

    impl Line for Silent {
        fn deliver(&self, _: Bytes) -> BoxFuture<'static, Result<(), Undelivered>> {
            std::future::ready(Ok(())).boxed()
        }

        fn describe(&self) -> BoxFuture<'static, Option<Description>> {
            std::future::ready(None).boxed()
        }

        fn card(&self) -> BoxFuture<'static, Option<Card>> {
            std::future::ready(None).boxed()
        }

        fn shut(&self, _: Shut) -> BoxFuture<'static, ()> {
            std::future::ready(()).boxed()
        }
    }
}
