//! One message: which route is it for, is it what the route takes, what does the integration say, and is that sent back.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant;

use super::connection::Connection;
use super::event::{Kind, SocketEvent};
use super::groups::{self, Groups};
use super::selecting::of_event;
use super::{error_frame, perform, record};
use crate::mapping::document::Document;
use crate::model::rest::GatewayResponseType;
use crate::traffic::execute::integration::broken;
use crate::traffic::execute::integration_response::Author;
use crate::traffic::execute::outcome::Outcome;
use crate::traffic::execute::{Execute, api_key, quota, throttle};
use crate::traffic::ids;
use crate::traffic::message::{Refusal, Request};
use crate::traffic::stage::{CompiledRoute, Routes};

/// A message, whole, from a client or to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A text, whose bytes are UTF-8.
    Text(Bytes),
    /// Bytes, which AWS takes from nobody and sends to nobody. Integrations get them as base64, and the `$default` route
    /// is theirs.
    Bytes(Bytes),
}

impl Message {
    /// What it says.
    fn bytes(&self) -> &Bytes {
        let (Self::Text(bytes) | Self::Bytes(bytes)) = self;
        bytes
    }
}

/// What becomes of a message.
#[derive(Debug, Default, PartialEq)]
pub struct Answered {
    /// What is sent back: an answer, or why there is none.
    pub message: Option<Message>,
    /// Groups that the connection joins.
    pub join: Vec<Box<str>>,
    /// Groups that it leaves.
    pub leave: Vec<Box<str>>,
}

impl Execute {
    /// Deals with one message of a connection that came at this time, in every case.
    pub async fn message(&self, connection: &Rc<Connection>, message: Message, came: Instant) -> Answered {
        let (body, is_base64) = match message {
            Message::Text(text) => (text, false),
            Message::Bytes(bytes) => (Bytes::from(BASE64.encode(bytes)), true),
        };
        let document = Document::read(&body).filter(|_| !is_base64).map(Rc::new);
        let kind = Kind::Message { id: ids::short(), body, is_base64, document };
        let (request, mut outcome) = self.begin(SocketEvent { connection: Rc::clone(connection), kind }, came);
        let result = self.answer_message(request, &mut outcome).await;
        let (answered, refusal) = match result {
            Ok(answered) => (answered, None),
            Err(refusal) => {
                outcome.refused(&refusal);
                let message = Some(Message::Text(error_frame::render(&refusal, outcome.facts())));
                (Answered { message, ..Answered::default() }, Some(refusal))
            }
        };
        record::message(&outcome, refusal.as_ref(), answered.message.as_ref().map(Message::bytes));
        let status = refusal.as_ref().map_or(StatusCode::OK, |refusal| refusal.status);
        self.explain.keep(&mut outcome, refusal.as_ref(), status);
        answered
    }

    async fn answer_message(&self, request: Request, outcome: &mut Outcome) -> Result<Answered, Refusal> {
        let stage = self.stage_of(outcome)?;
        let routes = stage.base.routes.as_ref();
        let route = select(routes, outcome)?;
        let seat = api_key::of_message(&route.method, &stage, &self.desk, outcome)?;
        if let Some(seat) = &seat {
            throttle::pass_seat(seat, &route.method, outcome).await?;
        }
        throttle::pass_stage(&route.method, outcome)?;
        validate(&route, outcome)?;
        if !route.has_target {
            return Err(Refusal::configuration("the route has no integration"));
        }
        if let Some(seat) = &seat {
            quota::spend_of(seat, outcome).await?;
        }
        let performing = Box::pin(perform(request, stage, (&route, route.replies), &self.backends, outcome));
        let mut mapped = performing.await?;
        let Groups { join, leave } = groups::take(&mut mapped.headers);
        // An answer of a backend's is one, even an empty one; but none is when it says that there is nothing.
        let is_said = mapped.author == Author::Backend && mapped.status != StatusCode::NO_CONTENT;
        // An answer that nobody wants is taken all the same: its connection is used again.
        let body = mapped.body.whole(self.backends.limits.message).await;
        let message = match route.replies {
            true => Some(said(body.map_err(broken)?, mapped.is_bytes && self.backends.limits.sends_binary)?),
            false => None,
        };
        let message = message.filter(|message| is_said || !message.bytes().is_empty());
        outcome.decided("route response", |_| match &message {
            Some(message) => format!("{} bytes are sent back", message.bytes().len()),
            None => "nothing is sent back".to_owned(),
        });
        Ok(Answered { message, join, leave })
    }
}

/// The route that the API's expression selects for a message (WebSocket reference, A6).
fn select(routes: Option<&Routes>, outcome: &mut Outcome) -> Result<Arc<CompiledRoute>, Refusal> {
    let routes = routes.ok_or_else(|| Refusal::forbidden("the stage has no routes"))?;
    let (route, key) = {
        let facts = outcome.facts();
        // What is no JSON has nothing to be selected by.
        let has_document = facts.socket().is_some_and(|event| event.document().is_some());
        let is_selectable = has_document || !routes.selection.reads_body();
        let key = is_selectable.then(|| of_event(&routes.selection, facts));
        let route = routes.of_message(key.as_deref()).map(Arc::clone);
        let told = outcome.is_told().then(|| key.map(Cow::into_owned).unwrap_or_default());
        (route, told)
    };
    let Some(route) = route else {
        return Err(Refusal::forbidden("no route is for the message, and there is no $default"));
    };
    outcome.routed_event(&route);
    outcome.decided("route", |_| match (&route.method.resource_path, key) {
        // The key is a part of the message.
        (route_key, Some(key)) if !route.hides_data => format!("{key:?} selects route {route_key}"),
        (route_key, _) => format!("route {route_key}"),
    });
    Ok(route)
}

/// Is the message what its route takes. Senders are not told what is wrong with it.
fn validate(route: &CompiledRoute, outcome: &mut Outcome) -> Result<(), Refusal> {
    let Some(models) = &route.models else { return Ok(()) };
    let facts = outcome.facts();
    let key = of_event(&models.selection, facts);
    let problems = match models.find(&key) {
        Some(model) => {
            let model = model.as_ref().map_err(Refusal::configuration)?;
            let document = facts.socket().and_then(|event| event.document());
            model.problems_of(document.map(|document| &**document))
        }
        None => vec![format!("there is no model for {key:?}, and none for all others")],
    };
    if problems.is_empty() {
        outcome.decided("model", |_| "the message fits its model".to_owned());
        return Ok(());
    }
    let problems = format!("[{}]", problems.join(", "));
    Err(Refusal {
        response: Some(GatewayResponseType::BadRequestBody),
        reason: Cow::Owned(format!("Request body does not match model schema: {problems}")),
        validation: Some(problems),
        ..Refusal::bad_request(StatusCode::BAD_REQUEST, "Bad request body")
    })
}

/// What is sent back: text, unless whoever answered said that it is bytes, and the node sends them.
fn said(body: Bytes, is_bytes: bool) -> Result<Message, Refusal> {
    match std::str::from_utf8(&body) {
        _ if is_bytes => Ok(Message::Bytes(body)),
        Ok(_) => Ok(Message::Text(body)),
        Err(_) => Err(Refusal::configuration("the answer is not text, and nothing else can be sent back")),
    }
}
