//! The messages of one connection that are under way.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::session::Inbox;
use crate::traffic::execute::Execute;
use crate::traffic::execute::socket::{self, Answered, Connection};
use crate::traffic::websocket::registry::Presence;
use crate::traffic::websocket::wire::{self, Message};

/// Messages of one connection that may be under way at a time. While there are as many, no further one is read: a client
/// that is faster than its backends has to wait.
const AT_ONCE: usize = 16;

/// Has messages answered, several at a time (WebSocket reference, A5): who answers first is sent first.
pub(super) struct Messages {
    execute: Rc<Execute>,
    connection: Rc<Connection>,
    presence: Presence,
    under_way: Vec<UnderWay>,
}

type UnderWay = Pin<Box<dyn Future<Output = Answered>>>;

impl Messages {
    pub(super) fn new(execute: Rc<Execute>, connection: Rc<Connection>, presence: Presence) -> Self {
        Self { execute, connection, presence, under_way: Vec::new() }
    }

    pub(super) fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Goes on with what is under way, and gives the frames of each answer that is there.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, mut answer: impl FnMut(Bytes)) {
        let mut at = 0;
        while at < self.under_way.len() {
            match self.under_way[at].as_mut().poll(context) {
                Poll::Pending => at += 1,
                Poll::Ready(answered) => {
                    drop(self.under_way.remove(at));
                    if let Some(frames) = self.react(answered) {
                        answer(frames);
                    }
                }
            }
        }
        if self.under_way.is_empty() && self.under_way.capacity() > 0 {
            // A connection that idles holds nothing.
            self.under_way = Vec::new();
        }
    }

    /// Lets what is under way end, though nobody is there any more who could be answered.
    pub(super) async fn end(self) -> Presence {
        join_all(self.under_way).await;
        self.presence
    }

    /// Joins and parts groups, and makes frames of the answer.
    fn react(&self, Answered { message, join, leave }: Answered) -> Option<Bytes> {
        join.iter().for_each(|group| self.presence.join(group));
        leave.iter().for_each(|group| self.presence.part(group));
        Some(match message? {
            socket::Message::Text(text) => wire::text(&text),
            socket::Message::Bytes(bytes) => wire::binary(&bytes),
        })
    }
}

impl Inbox for Messages {
    fn has_room(&self) -> bool {
        self.under_way.len() < AT_ONCE
    }

    fn is_done(&self) -> bool {
        self.under_way.is_empty()
    }

    fn take(&mut self, message: Message, context: &mut Context<'_>, now: Instant) -> Option<Bytes> {
        let (execute, connection) = (Rc::clone(&self.execute), Rc::clone(&self.connection));
        let Message { bytes, is_binary } = message;
        let message = if is_binary { socket::Message::Bytes(bytes) } else { socket::Message::Text(bytes) };
        let mut future: UnderWay = Box::pin(async move { execute.message(&connection, message, now).await });
        match future.as_mut().poll(context) {
            Poll::Ready(answered) => self.react(answered),
            Poll::Pending => {
                self.under_way.push(future);
                None
            }
        }
    }
}
