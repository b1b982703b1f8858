//! How operators change an API: AWS's management planes, told apart by signature and path.
//!
//! A call is authenticated, finds its operation, and is answered. An operation reads what the cluster has agreed on,
//! decides, and commits; when another change came between, it is run again from the start.

pub mod apigateway;
mod apigatewayv2;
mod lambda;
pub mod listener;
pub mod openapi;
mod sdk;
pub mod sts;
pub mod wire;

use std::time::Duration;

use uuid::Uuid;

use crate::catalog::{self, Catalog};
use crate::functions::Functions;
use crate::identity::sigv4::{Claim, Credentials, Refusal, Request, Service};
use crate::observe::clock::Clock;
use crate::traffic::execute::invoke;
use wire::{Answer, Call, Error};

/// An operation whose edit was overtaken is tried so many times.
const TRIES: u32 = 20;

/// The control plane of one node. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    /// What the cluster has agreed on.
    pub(crate) catalog: Catalog,
    /// The time.
    pub(crate) clock: Clock,
    /// The data plane's door for test invocations.
    pub(crate) invoker: invoke::Invoker,
    /// Settings.
    pub(crate) settings: Settings,
    /// What runs functions, where that is wanted.
    functions: Option<Functions>,
}

/// Settings of the control plane.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account's twelve digits.
    pub account: String,
    /// The region of those who don't say theirs.
    pub region: String,
    /// Who may call.
    pub authentication: Authentication,
    /// The port at which this node serves APIs.
    pub gateway_port: u16,
    /// The port at which it serves APIs and the control plane, if there is one.
    pub edge_port: Option<u16>,
    /// The longest that an integration may be told to wait.
    pub longest_integration: Duration,
    /// How long a deployment waits until all live nodes serve it.
    pub settle_within: Duration,
}

/// Who may call.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// Everybody.
    Off,
    /// Who signs with the root credentials.
    Root(Credentials),
}

impl Control {
    /// A control plane over a catalog.
    pub fn new(
        catalog: Catalog,
        clock: Clock,
        invoker: invoke::Invoker,
        settings: Settings,
        functions: Option<Functions>,
    ) -> Self {
        Self { catalog, clock, invoker, settings, functions }
    }

    /// What runs functions, where that is wanted.
    pub fn functions(&self) -> Option<&Functions> {
        self.functions.as_ref()
    }

    /// Answers a call, in every case.
    pub async fn serve(&self, call: Call) -> Answer {
        let result = match self.authenticate(&call) {
            Ok(()) if sts::is_meant(&call) => Ok(sts::answer(&call, &self.settings.account)),
            Ok(()) if lambda::is_meant(&call) => lambda::answer(self, &call).await,
            Ok(()) => self.run(&call).await,
            Err(error) => Err(error),
        };
        result.unwrap_or_else(|error| refuse(&call, &error))
    }

    async fn run(&self, call: &Call) -> Result<Answer, Error> {
        if apigatewayv2::is_meant(call) {
            let found = apigatewayv2::find(call)?;
            return repeated(async || apigatewayv2::perform(self, call, &found).await).await.map_err(Error::in_v2);
        }
        let operation = apigateway::route(call)?;
        repeated(async || apigateway::perform(self, call, &operation).await).await
    }

    /// Checks who calls; the node's own endpoints ask this as well.
    pub fn authenticate(&self, call: &Call) -> Result<(), Error> {
        let Authentication::Root(root) = &self.settings.authentication else { return Ok(()) };
        let headers = call.header_pairs();
        let request = call.signed(&headers);
        Ok(self.claim(call, &request, root)?.check(&request, &root.secret_access_key)?)
    }

    /// Checks who says that they call, before their body is read: a stranger is not worth its memory.
    pub fn admit(&self, head: &Call) -> Result<(), Error> {
        let Authentication::Root(root) = &self.settings.authentication else { return Ok(()) };
        let headers = head.header_pairs();
        self.claim(head, &head.signed(&headers), root)?;
        Ok(())
    }

    /// Checks who calls before their body is read; answers with the SHA-256 that it must have, in hexadecimal, where
    /// calls are signed.
    pub fn authenticate_ahead(&self, head: &Call) -> Result<Option<String>, Error> {
        let Authentication::Root(root) = &self.settings.authentication else { return Ok(None) };
        let headers = head.header_pairs();
        let request = head.signed(&headers);
        let claim = self.claim(head, &request, root)?;
        Ok(Some(claim.check_ahead(&request, &root.secret_access_key)?.to_owned()))
    }

    /// What a call's signature claims, as far as it can be checked without the body.
    fn claim(&self, call: &Call, request: &Request<'_>, root: &Credentials) -> Result<Claim, Refusal> {
        let claim = Claim::read(request)?;
        let service = match () {
            () if sts::is_meant(call) => Service::STS,
            () if lambda::is_meant(call) => Service::LAMBDA,
            () => Service::API_GATEWAY,
        };
        claim.check_scope(service, self.clock.seconds())?;
        // The root's key is a long-term one: a session that goes with it is somebody else's.
        let has_session =
            call.header("x-amz-security-token").is_some() || call.parameter("X-Amz-Security-Token").is_some();
        if claim.access_key_id != root.access_key_id || has_session {
            return Err(Refusal::UnknownKey);
        }
        Ok(claim)
    }

    /// Waits until every live node has dealt with a commit: from then on it serves what was deployed.
    pub(crate) async fn settle(&self, index: u64) -> Result<(), Error> {
        let within = self.settings.settle_within;
        let settled = self.catalog.settled(index, within).await;
        if settled.lagging.is_empty() {
            return Ok(());
        }
        // Not a status that clients try again by themselves: the change is made, and would be made twice.
        Err(Error::conflict(format!(
            "The change is stored, but nodes {:?} did not confirm within {} s that they serve it.",
            settled.lagging,
            within.as_secs()
        )))
    }
}

/// Carries out what reads, decides and commits; once more from the start, when another change came between.
async fn repeated<T>(perform: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
    for attempt in 1.. {
        match perform().await {
            Err(Error::Overtaken) if attempt < TRIES => {
                // A moment of rest, another for each, so that two that met don't meet again.
                let pause = rand::random_range(1..=5 * u64::from(attempt));
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            result => return result,
        }
    }
    Err(Error::Overtaken)
}

/// The answer to a call that fails, in the protocol of the service that it is for.
pub(crate) fn refuse(call: &Call, error: &Error) -> Answer {
    match () {
        () if sts::is_meant(call) => sts::refuse(error),
        () if lambda::is_meant(call) => lambda::refuse(error),
        () => error.answer(),
    }
}

/// A request id for an answer.
pub(crate) fn request_id() -> Uuid {
    Uuid::new_v4()
}

impl From<catalog::Error> for Error {
    fn from(error: catalog::Error) -> Self {
        match &error {
            catalog::Error::Conflict { .. } => Self::Overtaken,
            catalog::Error::Unavailable(_) => {
                Self::unavailable("The cluster can't agree on changes at the moment. Nothing was changed.".to_owned())
            }
            catalog::Error::NoSpace(why) => {
                tracing::error!(%why, "a change was refused");
                Self::unavailable(format!("Nothing was changed: {why}."))
            }
            catalog::Error::Unknown(_) => Self::unavailable(
                "The cluster did not confirm the change in time: it may or may not have been made.".to_owned(),
            ),
            catalog::Error::Restoring(_) => Self::unavailable(
                "A backup is being restored, or its restore was cut short: nothing else is changed until it is \
                 finished. See turnpike cluster status."
                    .to_owned(),
            ),
            catalog::Error::TooLarge(_) => Self::bad_request("The request is too large."),
            catalog::Error::Corrupt { .. } => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "the catalog can't be read");
                Self::internal()
            }
        }
    }
}
