//! Who answers which message.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::RwLock;

use super::Message;
use crate::{NodeId, codec};

type Answer = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send>>;
type Handler = Arc<dyn Fn(NodeId, &[u8]) -> Answer + Send + Sync>;

/// The handlers of a node, by the names of their messages.
#[derive(Default)]
pub(crate) struct Handlers(RwLock<HashMap<&'static str, Handler>>);

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
        self.0.write().insert(M::NAME, handler);
    }

    pub(crate) async fn answer(&self, from: NodeId, name: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
        let handler = self.0.read().get(name).cloned();
        match handler {
            Some(handler) => handler(from, payload).await,
            None => Err(format!("there is nobody here for messages {name}")),
        }
    }
}
