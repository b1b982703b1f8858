//! The most of what connections may do, and of what a node takes.

use std::time::Duration;

use super::wire;

/// The most of everything of a connection. AWS's figures by default, where it has any.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of frames and messages that clients send.
    pub wire: wire::Limits,
    /// A connection on which nothing moves for so long is closed.
    pub idle: Duration,
    /// Whether a client's ping counts as something that moves.
    pub pings_count: bool,
    /// A connection is closed when it is this old.
    pub lifetime: Duration,
    /// Bytes that may wait for a client that reads slowly. What is in the kernel's buffers doesn't count.
    pub queue: usize,
    /// Connections of this node.
    pub connections: usize,
    /// Connections of this node that are being opened: their `$connect` has not answered.
    pub pending: usize,
    /// Connections that may be asked for in a second. AWS's accounts have 500; no limit by default.
    pub connects_per_second: Option<u32>,
    /// Calls about connections that are answered in a second, half as many at once. AWS's accounts have 10,000, which
    /// other requests share; no limit by default.
    pub calls_per_second: Option<u32>,
}

impl Limits {
    /// AWS's time without traffic.
    pub const IDLE: Duration = Duration::from_secs(10 * 60);
    /// AWS's lifetime of a connection.
    pub const LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);
    /// Room for four messages of the longest kind that AWS has.
    pub const QUEUE: usize = 512 * 1024;
    /// As many as fit into a gigabyte, with what idle ones hold.
    pub const CONNECTIONS: usize = 200_000;
    /// Each holds some ten kilobytes while it waits.
    pub const PENDING: usize = 2000;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wire: wire::Limits::default(),
            idle: Self::IDLE,
            pings_count: true,
            lifetime: Self::LIFETIME,
            queue: Self::QUEUE,
            connections: Self::CONNECTIONS,
            pending: Self::PENDING,
            connects_per_second: None,
            calls_per_second: None,
        }
    }
}
