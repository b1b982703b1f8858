//! What requests are answered with: connections, AWS's services, the time; one of it a worker.

use std::sync::Arc;

use rustls::ClientConfig;

use super::endpoint::Limits;
use crate::observe::clock::Clock;
use crate::traffic::integration::aws::Aws;
use crate::traffic::integration::http1;

/// What a worker calls with, and how far.
pub(super) struct Backends {
    pub(super) client: http1::Client,
    pub(super) aws: Aws,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
}

impl Backends {
    /// Without connections yet; `tls` says which certificates are trusted.
    pub(super) fn new(tls: Arc<ClientConfig>, aws: Aws, clock: Clock, limits: Limits) -> Self {
        Self { client: http1::Client::new(tls), aws, clock, limits }
    }
}
