//! Runs `$disconnect` for connections whose node is dead.

use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use tokio::sync::mpsc;

use crate::traffic::execute::Execute;
use crate::traffic::execute::socket::{Card, Connection};

/// So many are run at a time: the integrations that they call have other work.
const AT_A_TIME: usize = 32;
/// What a connection's end is called that nobody has seen.
const ABNORMAL: (u16, &str) = (1006, "Connection Closed Abnormally");

/// Connections whose `$disconnect` is to be run here.
pub struct Orphans(pub(super) mpsc::Receiver<Card>);

impl Orphans {
    /// Runs them as they come, as long as the node runs.
    pub async fn run(mut self, execute: Execute) {
        let cards = poll_fn(move |context| self.0.poll_recv(context));
        let run = async |card| {
            let (code, reason) = ABNORMAL;
            execute.disconnect(&Rc::new(Connection::from_card(card)), code, reason).await;
        };
        cards.map(run).buffer_unordered(AT_A_TIME).for_each(|()| std::future::ready(())).await;
    }
}
