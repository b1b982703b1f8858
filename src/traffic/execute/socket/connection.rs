//! A connection as its events know it, for as long as it lives.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Uri};
use serde::{Deserialize, Serialize};

use crate::model::connection::ConnectionId;
use crate::model::id::{ApiId, StageName};
use crate::traffic::authorizer::Permission;
use crate::traffic::execute::facts::Authorized;
use crate::traffic::ids;
use crate::traffic::message::{Head, Headers, Peer};
use crate::traffic::usage::Seat;

/// What is known of a connection. Small: there are very many.
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// The API.
    pub api: ApiId,
    /// The stage.
    pub stage: StageName,
    /// When it was made, since 1970.
    pub connected_at: Duration,
    /// Where its caller is.
    pub source: IpAddr,
    /// What its caller said it is.
    pub user_agent: Option<Box<str>>,
    /// The host that was asked for, without a port.
    pub host: Rc<str>,
    /// The port that it was made on.
    pub port: u16,
    /// Whether it is over TLS.
    pub secure: bool,
    /// What the authorizer said when it was made, which holds for all of its events.
    pub(in crate::traffic::execute) authorized: Option<Rc<Authorized>>,
    /// The seat of its API key.
    pub(in crate::traffic::execute) seat: Option<Arc<Seat>>,
}

/// What another node needs of a connection to run `$disconnect` on its owner's behalf: all but secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    id: ConnectionId,
    api: ApiId,
    stage: StageName,
    connected_at: Duration,
    source: IpAddr,
    user_agent: Option<Box<str>>,
    host: Box<str>,
    port: u16,
    secure: bool,
    authorized: Option<Box<AuthorizedCard>>,
}

/// What an authorizer said, without its policy, which has been asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct AuthorizedCard {
    principal: String,
    context: Vec<(String, String)>,
    latency: Duration,
}

impl Connection {
    /// The connection that a request asks for.
    pub(super) fn asked_for(id: ConnectionId, api: &ApiId, stage: &StageName, head: &Head) -> Self {
        let source = match head.peer {
            Peer::Address(address) => address,
            Peer::Test => IpAddr::from([0, 0, 0, 0]),
        };
        Self {
            id,
            api: api.clone(),
            stage: stage.clone(),
            connected_at: head.arrived,
            source,
            user_agent: head.headers.last_text("user-agent").map(Box::from),
            host: Rc::clone(&head.host),
            port: head.port,
            secure: head.secure,
            authorized: None,
            seat: None,
        }
    }

    /// Who the caller is, as the authorizer said.
    pub fn principal(&self) -> Option<&str> {
        self.authorized.as_ref().map(|authorized| authorized.permission.principal.as_str())
    }

    /// What another node has to know of it.
    pub fn card(&self) -> Card {
        let authorized = self.authorized.as_ref().map(|authorized| AuthorizedCard {
            principal: authorized.permission.principal.clone(),
            context: authorized.permission.context.clone(),
            latency: authorized.latency,
        });
        Card {
            id: self.id,
            api: self.api.clone(),
            stage: self.stage.clone(),
            connected_at: self.connected_at,
            source: self.source,
            user_agent: self.user_agent.clone(),
            host: Box::from(&*self.host),
            port: self.port,
            secure: self.secure,
            authorized: authorized.map(Box::new),
        }
    }

    /// The connection that a card is about.
    pub fn from_card(card: Card) -> Self {
        let Card { id, api, stage, connected_at, source, user_agent, host, port, secure, authorized } = card;
        let authorized = authorized.map(|card| {
            let permission = Permission::of_principal(card.principal, card.context);
            Rc::new(Authorized { permission: Arc::new(permission), latency: card.latency })
        });
        Self {
            id,
            api,
            stage,
            connected_at,
            source,
            user_agent,
            host: Rc::from(host),
            port,
            secure,
            authorized,
            seat: None,
        }
    }

    /// The head of a request that was never sent: an event of the connection in the phases that requests go through.
    pub(super) fn head(&self, arrived: Duration) -> Head {
        Head {
            id: ids::long(),
            extended: ids::short(),
            arrived,
            method: Method::POST,
            uri: Uri::from_static("/"),
            host: Rc::clone(&self.host),
            headers: Headers::default(),
            peer: Peer::Address(self.source),
            port: self.port,
            secure: self.secure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_says_all_that_a_disconnect_event_has() {
        let permission = Permission::of_principal("me".to_owned(), vec![("k".to_owned(), "v".to_owned())]);
        let authorized = Authorized { permission: Arc::new(permission), latency: Duration::from_millis(3) };
        let connection = Connection {
            id: ConnectionId::random(7),
            api: ApiId::new("abc"),
            stage: StageName::new("prod"),
            connected_at: Duration::from_millis(1_705_751_697_419),
            source: IpAddr::from([192, 0, 2, 1]),
            user_agent: Some(Box::from("agent")),
            host: Rc::from("abc.execute-api.localhost"),
            port: 8080,
            secure: false,
            authorized: Some(Rc::new(authorized)),
            seat: None,
        };
        let card = connection.card();
        let again = Connection::from_card(card.clone());
        assert_eq!(again.card(), card);
        assert_eq!((again.id, again.principal()), (connection.id, Some("me")));
        let value = again.authorized.as_ref().and_then(|authorized| authorized.permission.value("k"));
        assert_eq!(value, Some("v"));
    }
}
