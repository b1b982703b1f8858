//! The end of a connection: `$disconnect` is told of it, if there is such a route. Nobody waits for what it says.

use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;

use super::connection::Connection;
use super::event::{Kind, SocketEvent};
use super::{perform, record};
use crate::traffic::execute::Execute;
use crate::traffic::execute::outcome::Outcome;
use crate::traffic::message::{Refusal, Request};
use crate::traffic::stage::DISCONNECT;

impl Execute {
    /// Runs `$disconnect` for a connection that was closed with this code and for this reason, once. It never fails:
    /// what goes wrong is in the log.
    pub async fn disconnect(&self, connection: &Rc<Connection>, code: u16, reason: &str) {
        let kind = Kind::Disconnect { code, reason: reason.to_owned() };
        let (request, mut outcome) =
            self.begin(SocketEvent { connection: Rc::clone(connection), kind }, Instant::now());
        let refusal = self.tell_of_end(request, &mut outcome).await.err();
        if let Some(refusal) = &refusal {
            outcome.refused(refusal);
        }
        let status = refusal.as_ref().map_or(http::StatusCode::OK, |refusal| refusal.status);
        record::disconnect(&outcome, refusal.as_ref());
        self.explain.keep(&mut outcome, refusal.as_ref(), status);
    }

    async fn tell_of_end(&self, request: Request, outcome: &mut Outcome) -> Result<(), Refusal> {
        let stage = self.stage_of(outcome)?;
        let route = stage.base.routes.as_ref().and_then(|routes| routes.of_connection(DISCONNECT)).map(Arc::clone);
        let Some(route) = route else { return Ok(()) };
        outcome.routed_event(&route);
        if route.has_target {
            let mapped = Box::pin(perform(request, stage, (&route, false), &self.backends, outcome)).await?;
            // Taken whole, so that its connection is used again.
            let _ = mapped.body.whole(self.backends.limits.answer).await;
        }
        Ok(())
    }
}
