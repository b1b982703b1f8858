//! AWS's services: where they are, by whose rights they are called, and how calls are signed.
//!
//! One [`Aws`] a node. It is made at the node's start and does nothing until an integration calls a service: then it looks
//! for credentials, and keeps them.

mod chain;
mod endpoints;
mod environment;
mod fetching;
mod metadata;
mod operation;
mod profiles;
mod renewing;
mod roles;
mod services;
mod session;
mod sign;
mod sts;
mod uri;

use std::sync::Arc;

use rustls::ClientConfig;
use tokio::runtime::Handle;

use crate::observe::clock::Clock;
use crate::traffic::integration::http1;
use chain::Chain;
use endpoints::Endpoints;
use fetching::Fetcher;
use renewing::Renewing;
use roles::Roles;
use sts::Sts;

pub use endpoints::Endpoint;
pub use environment::Environment;
pub use operation::Operation;
pub use services::{Protocol, Service};
pub use uri::{AwsUri, Callee, Place, Style, is_name_byte};

/// Calls AWS's services. Cheap to clone; all workers share its credentials.
#[derive(Clone)]
pub struct Aws(Arc<Inner>);

struct Inner {
    clock: Clock,
    endpoints: Arc<Endpoints>,
    /// The credentials of the default chain.
    node: Renewing,
    roles: Roles,
}

/// By whose rights a service is called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum As<'a> {
    /// The node's: whatever the default chain finds.
    Node,
    /// Those of the role with this ARN, which the node assumes.
    Role(&'a str),
}

/// Why a call can't be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The node has no credentials.
    #[error("no AWS credentials were found: {0}")]
    NoCredentials(String),
    /// The node should have credentials, and they can't be had.
    #[error("the AWS credentials of {place} can't be had: {why}")]
    Credentials {
        /// Where they should be.
        place: String,
        /// Why they are not.
        why: String,
    },
    /// A role can't be assumed.
    #[error("API Gateway does not have permission to assume the provided role {role} ({why})")]
    Role {
        /// The role's ARN.
        role: String,
        /// What STS says.
        why: String,
    },
    /// A service has no place that could be called.
    #[error("Invalid endpoint address")]
    Endpoint(String),
    /// The body could not be read, which is signed as well.
    #[error("the request's body could not be read: {0}")]
    Body(String),
    /// Something of the call can't be signed.
    #[error("the call can't be signed: {0} is not text")]
    Unsignable(String),
    /// The node is about to end.
    #[error("the node is stopping")]
    Stopped,
}

impl Aws {
    /// Takes settings from an environment. `region` is where roles are assumed if the settings don't say, and `tls` which
    /// certificates are trusted when credentials are fetched; that is done in the runtime that this is called in.
    pub fn new(environment: Environment, region: &str, clock: Clock, tls: Arc<ClientConfig>) -> Self {
        let (environment, fetcher) = (Arc::new(environment), Arc::new(Fetcher::new(tls)));
        let endpoints = Arc::new(Endpoints::new(Arc::clone(&environment)));
        let sts = Sts {
            fetcher: Arc::clone(&fetcher),
            region: endpoints.region().unwrap_or(region).to_owned(),
            endpoints: Arc::clone(&endpoints),
            clock: clock.clone(),
        };
        let chain = Chain { environment, fetcher, sts: sts.clone() };
        let fetch = move || {
            let chain = chain.clone();
            Box::pin(async move { chain.find().await }) as _
        };
        let node = Renewing::new(Arc::new(fetch), clock.clone(), Handle::current());
        let roles = Roles::new(node.clone(), sts, Handle::current());
        Self(Arc::new(Inner { clock, endpoints, node, roles }))
    }

    /// Where a service is in a region. The service is named as in ARNs, perhaps with a host's name before a point.
    pub fn endpoint(&self, service: &str, region: &str) -> Result<Arc<Endpoint>, Error> {
        self.0.endpoints.find(service, region)
    }

    /// Signs a call of a service in a region, which must have its target and its host: adds the headers that do it.
    pub async fn sign(
        &self,
        call: &mut http1::Call,
        service: &str,
        region: &str,
        identity: As<'_>,
    ) -> Result<(), Error> {
        let endpoint = self.endpoint(service, region)?;
        let session = match identity {
            As::Node => self.0.node.get().await?,
            As::Role(arn) => self.0.roles.get(arn).await?,
        };
        sign::sign(call, &endpoint, &session, self.0.clock.seconds()).await
    }
}
