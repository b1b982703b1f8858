//! Who answers which message.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::RwLock;

use super::frame::Ticket;
use super::{Handed, Message, Redeem, Refused};
use crate::{NodeId, codec};

type Answer = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send>>;
type Handler = Arc<dyn Fn(NodeId, &[u8]) -> Answer + Send + Sync>;
type Redemption = Pin<Box<dyn Future<Output = Result<Handed, Refused>> + Send>>;
type Redeemer = Arc<dyn Fn(Ticket, Redeem) -> Redemption + Send + Sync>;

/// The handlers of a node: what nodes may ask, by the names of their messages, and apart from it the one thing that the
/// holder of a join token may.
#[derive(Default)]
pub(crate) struct Handlers {
    by_name: RwLock<HashMap<&'static str, Handler>>,
    redeemer: RwLock<Option<Redeemer>>,
}

impl Handlers {
    pub(crate) fn set<M, F, A>(&self, handler: F)
    where
        M: Message,
        F: Fn(NodeId, M) -> A + Send + Sync + 'static,
        A: Future<Output = M::Reply> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |from, payload| match codec::decode::<M>(payload) {
            Ok(message) => {
                let answer = handler(from, message);
                Box::pin(async move { codec::encode(&answer.await).map_err(|error| error.to_string()) })
            }
            Err(_) => Box::pin(async { Err(format!("a message {} can't be read", M::NAME)) }),
        });
        self.by_name.write().insert(M::NAME, handler);
    }

    pub(crate) async fn answer(&self, from: NodeId, name: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
        let handler = self.by_name.read().get(name).cloned();
        match handler {
            Some(handler) => handler(from, payload).await,
            None => Err(format!("there is nobody here for messages {name}")),
        }
    }

    pub(crate) fn set_redeemer<F, A>(&self, redeemer: F)
    where
        F: Fn(Ticket, Redeem) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Handed, Refused>> + Send + 'static,
    {
        let redeemer: Redeemer = Arc::new(move |ticket, message| Box::pin(redeemer(ticket, message)));
        *self.redeemer.write() = Some(redeemer);
    }

    /// Has a join token redeemed. That its holder is on the other side has been proved.
    pub(crate) async fn redeem(&self, ticket: Ticket, message: Redeem) -> Result<Handed, Refused> {
        let redeemer = self.redeemer.read().clone();
        match redeemer {
            Some(redeemer) => redeemer(ticket, message).await,
            None => Err(Refused::NotLeader),
        }
    }
}
