//! Papers: what one side of a connection says of itself, with a certificate that says the same.
//!
//! A node's certificates live for a month and are replaced every day. Each connection is begun with the papers of the
//! moment; those that are up stay as they are.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ServerConfig};

use super::frame::{Greeting, Hello, Ticket};
use super::tls::{self, Authority, Error, Leaf, Purpose, Trust};
use crate::clock::Clock;
use crate::config::Secret;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The clocks of two nodes may differ by so much.
pub(crate) const SKEW: Duration = DAY;
/// A node's certificate is valid for so long.
const VALID: Duration = Duration::from_secs(30 * DAY.as_secs());
/// After so long it is replaced.
const RENEWED: Duration = DAY;

/// What is shown on a connection.
pub(crate) struct Papers {
    pub(super) greeting: Greeting,
    /// What the other side is called in the handshake.
    pub(super) server_name: ServerName<'static>,
    pub(super) client: Arc<ClientConfig>,
    /// Nobody answers with a join token.
    pub(super) server: Option<Arc<ServerConfig>>,
}

impl Papers {
    /// Those of a node.
    pub(super) fn of_node(hello: Hello, trust: &Trust, leaf: &Leaf) -> Result<Self, Error> {
        let (client, server) = (Arc::new(trust.client(leaf)?), Arc::new(trust.server(leaf)?));
        Ok(Self { greeting: Greeting::Node(hello), server_name: trust.server_name()?, client, server: Some(server) })
    }

    /// Those of a join token's holder.
    pub(crate) fn of_ticket(
        ticket: Ticket,
        authority: CertificateDer<'static>,
        leaf: &Leaf,
        clock: Clock,
    ) -> Result<Self, Error> {
        let trust = Trust::new(authority, clock)?;
        let (client, server_name) = (Arc::new(trust.client(leaf)?), trust.server_name()?);
        Ok(Self { greeting: Greeting::Ticket(ticket), server_name, client, server: None })
    }

    /// Looks at what the other side says of itself and has shown in the handshake.
    pub(super) fn meet(&self, theirs: &Greeting, shown: Option<&[CertificateDer<'_>]>) -> io::Result<()> {
        let refuse = |what| Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
        if !tls::is_for(shown, &theirs.name()) {
            return refuse("the other side is not who it says that it is: its certificate has another name");
        }
        match (&self.greeting, theirs) {
            (
                Greeting::Node(Hello { cluster: Some(mine), .. }),
                Greeting::Node(Hello { cluster: Some(theirs), .. }),
            ) if mine != theirs => refuse("the other node belongs to another cluster"),
            (Greeting::Node(_) | Greeting::Ticket(_), _) => Ok(()),
        }
    }
}

/// Makes a node's papers, for whoever it is by then, and keeps them for as long as they are fresh.
pub(crate) struct Certificates {
    authority: Authority,
    clock: Clock,
    current: Mutex<Option<(SystemTime, Arc<Papers>)>>,
}

impl Certificates {
    pub(crate) fn new(secret: &Secret, clock: Clock) -> Result<Self, Error> {
        Ok(Self { authority: Authority::new(secret, clock.clone())?, clock, current: Mutex::default() })
    }

    /// The papers of the node that `hello` speaks of.
    pub(super) fn papers(&self, hello: &Hello) -> Result<Arc<Papers>, Error> {
        let now = self.clock.now();
        let mut current = self.current.lock();
        if let Some((made, papers)) = &*current
            && matches!(&papers.greeting, Greeting::Node(shown) if shown == hello)
            // A clock that was set back makes new ones as well: these may not be valid yet.
            && now.duration_since(*made).is_ok_and(|age| age < RENEWED)
        {
            return Ok(Arc::clone(papers));
        }
        let name = Greeting::Node(hello.clone()).name();
        let leaf = self.authority.issue(Purpose::Node, name, (now - SKEW, now + VALID))?;
        let papers = Arc::new(Papers::of_node(hello.clone(), &self.authority.trust, &leaf)?);
        *current = Some((now, Arc::clone(&papers)));
        Ok(papers)
    }
}
