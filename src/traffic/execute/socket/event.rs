//! An event of a connection, as `$context` has it (WebSocket reference, A11).

use std::borrow::Cow;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE as BASE64;
use bytes::Bytes;

use super::connection::Connection;
use crate::mapping::document::Document;
use crate::traffic::execute::facts::Facts;

/// The variables of `$context` that an event has, whatever it is.
pub(in crate::traffic::execute) const NAMES: [&str; 13] = [
    "apiId",
    "connectedAt",
    "connectionId",
    "domainName",
    "eventType",
    "extendedRequestId",
    "identity",
    "messageDirection",
    "requestId",
    "requestTime",
    "requestTimeEpoch",
    "routeKey",
    "stage",
];

/// An event of a connection. Cheap to clone.
#[derive(Clone)]
pub(in crate::traffic::execute) struct SocketEvent {
    pub(super) connection: Rc<Connection>,
    pub(super) kind: Kind,
}

/// What happened.
#[derive(Clone)]
pub(super) enum Kind {
    /// Somebody wants to connect.
    Connect,
    /// A message came.
    Message {
        /// Its id, before it is spelled out.
        id: [u8; 11],
        /// The message; of one that is bytes, base64.
        body: Bytes,
        /// Whether it is bytes.
        is_base64: bool,
        /// The same as JSON, if it is JSON.
        document: Option<Rc<Document>>,
    },
    /// The connection has ended.
    Disconnect {
        /// The close code.
        code: u16,
        /// Why.
        reason: String,
    },
}

impl SocketEvent {
    /// Its name.
    pub(in crate::traffic::execute) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Connect => "CONNECT",
            Kind::Message { .. } => "MESSAGE",
            Kind::Disconnect { .. } => "DISCONNECT",
        }
    }

    /// The connection.
    pub(in crate::traffic::execute) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The message, if it is one.
    pub(in crate::traffic::execute) fn message(&self) -> Option<&Bytes> {
        if let Kind::Message { body, .. } = &self.kind { Some(body) } else { None }
    }

    /// Whether the message is bytes, and its text base64.
    pub(in crate::traffic::execute) fn is_base64(&self) -> bool {
        matches!(self.kind, Kind::Message { is_base64: true, .. })
    }

    /// The message as JSON, if it is JSON.
    pub(in crate::traffic::execute) fn document(&self) -> Option<&Rc<Document>> {
        if let Kind::Message { document, .. } = &self.kind { document.as_ref() } else { None }
    }

    /// Code and reason of the end.
    pub(in crate::traffic::execute) fn end(&self) -> Option<(u16, &str)> {
        if let Kind::Disconnect { code, reason } = &self.kind { Some((*code, reason)) } else { None }
    }

    /// Whether it has a variable of this name.
    pub(in crate::traffic::execute) fn names(&self) -> impl Iterator<Item = &'static str> {
        let own = match self.kind {
            Kind::Connect => &[][..],
            Kind::Message { .. } => &["isBase64Encoded", "messageId"],
            Kind::Disconnect { .. } => &["disconnectReason", "disconnectStatusCode"],
        };
        NAMES.into_iter().chain(own.iter().copied())
    }

    /// The value of a variable of `$context` that events have and requests have not, or have in another form; nothing for
    /// what requests alone have.
    pub(in crate::traffic::execute) fn context<'f>(&'f self, name: &str, facts: &'f Facts) -> Option<Cow<'f, str>> {
        let connection = &*self.connection;
        Some(match name {
            "connectionId" => Cow::Owned(connection.id.to_string()),
            "connectedAt" => Cow::Owned(connection.connected_at.as_millis().to_string()),
            "eventType" => Cow::Borrowed(self.name()),
            "messageDirection" => Cow::Borrowed("IN"),
            "routeKey" => Cow::Borrowed(facts.method()?.resource_path.as_str()),
            // Both are one.
            "requestId" | "extendedRequestId" => Cow::Owned(short_id(facts.head().extended)),
            "messageId" => match &self.kind {
                Kind::Message { id, .. } => Cow::Owned(short_id(*id)),
                Kind::Connect | Kind::Disconnect { .. } => return None,
            },
            // Beyond AWS, which knows no messages of bytes.
            "isBase64Encoded" => match &self.kind {
                Kind::Message { is_base64, .. } => Cow::Borrowed(if *is_base64 { "true" } else { "false" }),
                Kind::Connect | Kind::Disconnect { .. } => return None,
            },
            "disconnectStatusCode" => Cow::Owned(self.end()?.0.to_string()),
            "disconnectReason" => Cow::Borrowed(self.end()?.1),
            "identity.userAgent" => Cow::Borrowed(connection.user_agent.as_deref()?),
            _ => return None,
        })
    }
}

/// An id in AWS's short form: fifteen characters that URLs may have, and one `=`.
fn short_id(bytes: [u8; 11]) -> String {
    BASE64.encode(bytes)
}
