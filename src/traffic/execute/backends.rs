//! What requests are answered with: connections, AWS's services, Lambda, the time; one of it a worker.

use std::sync::Arc;

use rustls::ClientConfig;

use super::endpoint::Limits;
use crate::observe::clock::Clock;
use crate::traffic::integration::aws::Aws;
use crate::traffic::integration::http1;
use crate::traffic::integration::lambda::Lambda;

/// How a node reaches backends. Cheap to clone; all workers share it.
#[derive(Clone)]
pub struct Reach {
    /// Which certificates are trusted.
    pub tls: Arc<ClientConfig>,
    /// AWS's services.
    pub aws: Aws,
    /// Functions.
    pub lambda: Lambda,
}

/// What a worker calls with, and how far.
pub(super) struct Backends {
    pub(super) client: http1::Client,
    pub(super) aws: Aws,
    pub(super) lambda: Lambda,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
}

impl Backends {
    /// Without connections yet.
    pub(super) fn new(reach: Reach, clock: Clock, limits: Limits) -> Self {
        let Reach { tls, aws, lambda } = reach;
        Self { client: http1::Client::new(tls), aws, lambda, clock, limits }
    }
}
