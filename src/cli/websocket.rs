//! The flags of `turnpike serve` that say what WebSocket connections may do.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::node::Connections;

/// What WebSocket connections may do; AWS's figures by default, where it has any.
#[derive(Args)]
pub(super) struct WebSocket {
    /// KiB that a frame of a WebSocket client may have; a longer one closes its connection with 1009.
    #[arg(long, env = "TURNPIKE_WEBSOCKET_FRAME_KIB", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    websocket_frame_kib: u32,
    /// KiB that a message of a WebSocket client may have, and an answer to one.
    #[arg(long, env = "TURNPIKE_WEBSOCKET_MESSAGE_KIB", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    websocket_message_kib: u32,
    /// Seconds without a message in either direction after which a WebSocket connection is closed, with 1001.
    #[arg(long, env = "TURNPIKE_WEBSOCKET_IDLE_SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    websocket_idle_seconds: u32,
    /// Whether a client's pings keep its connection open.
    #[arg(long, env = "TURNPIKE_WEBSOCKET_PINGS_COUNT", default_value = "true", action = clap::ArgAction::Set)]
    websocket_pings_count: bool,
    /// Seconds after which a WebSocket connection is closed in any case, with 1001.
    #[arg(long, env = "TURNPIKE_WEBSOCKET_LIFETIME_SECONDS", default_value_t = 7200, value_parser = clap::value_parser!(u32).range(1..))]
    websocket_lifetime_seconds: u32,
    /// What becomes of binary messages.
    #[arg(long, env = "TURNPIKE_WEBSOCKET_BINARY", value_enum, default_value = "refuse")]
    websocket_binary: Binary,
    /// KiB that may wait for a WebSocket client that reads slowly; senders are told when there is no room.
    #[arg(long, env = "TURNPIKE_WEBSOCKET_QUEUE_KIB", default_value_t = kib(Connections::QUEUE), value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    websocket_queue_kib: u32,
    /// WebSocket connections that this node may have; further ones get 503.
    #[arg(long, env = "TURNPIKE_WEBSOCKET_CONNECTIONS", default_value_t = Connections::CONNECTIONS)]
    websocket_connections: usize,
    /// WebSocket connections that may wait for their $connect at a time; further ones get 429.
    #[arg(long, env = "TURNPIKE_WEBSOCKET_PENDING", default_value_t = Connections::PENDING)]
    websocket_pending: usize,
    /// WebSocket connections that this node lets be asked for in a second; further ones get 429. AWS's accounts have 500;
    /// no limit by default.
    #[arg(long, env = "TURNPIKE_WEBSOCKET_CONNECTS_PER_SECOND", value_parser = clap::value_parser!(u32).range(1..))]
    websocket_connects_per_second: Option<u32>,
    /// Calls of @connections that this node answers in a second, half as many at once; further ones get 429. AWS's
    /// accounts have 10000; no limit by default.
    #[arg(long, env = "TURNPIKE_WEBSOCKET_CALLS_PER_SECOND", value_parser = clap::value_parser!(u32).range(1..))]
    websocket_calls_per_second: Option<u32>,
}

/// What becomes of binary messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Binary {
    /// The connection is closed with 1003, as AWS does it.
    Refuse,
    /// They are passed on as base64 (to functions with isBase64Encoded, to others with $context.isBase64Encoded). An answer
    /// is sent as a binary message if it says that it is bytes: a function's with isBase64Encoded, an HTTP_PROXY backend's
    /// with the type application/octet-stream, others by CONVERT_TO_BINARY.
    Base64,
}

impl WebSocket {
    /// The first flag whose value is not AWS's, with that value.
    pub(super) fn beyond_aws(&self) -> Option<String> {
        let numbers = [
            ("--websocket-frame-kib", self.websocket_frame_kib, 32),
            ("--websocket-message-kib", self.websocket_message_kib, 128),
            ("--websocket-idle-seconds", self.websocket_idle_seconds, 600),
            ("--websocket-lifetime-seconds", self.websocket_lifetime_seconds, 7200),
        ];
        let number = numbers.into_iter().find(|(_, value, at_aws)| value != at_aws);
        let number = number.map(|(flag, value, _)| format!("{flag} {value}"));
        number.or_else(|| (self.websocket_binary == Binary::Base64).then(|| "--websocket-binary base64".to_owned()))
    }

    /// The same as limits.
    pub(super) fn limits(&self) -> Connections {
        let mut limits = Connections::default();
        limits.wire.frame = bytes(self.websocket_frame_kib);
        limits.wire.message = bytes(self.websocket_message_kib);
        limits.wire.takes_binary = self.websocket_binary == Binary::Base64;
        limits.idle = Duration::from_secs(self.websocket_idle_seconds.into());
        limits.pings_count = self.websocket_pings_count;
        limits.lifetime = Duration::from_secs(self.websocket_lifetime_seconds.into());
        limits.queue = bytes(self.websocket_queue_kib);
        limits.connections = self.websocket_connections;
        limits.pending = self.websocket_pending;
        limits.connects_per_second = self.websocket_connects_per_second;
        limits.calls_per_second = self.websocket_calls_per_second;
        limits
    }
}

const fn kib(bytes: usize) -> u32 {
    (bytes / 1024) as u32
}

const fn bytes(kib: u32) -> usize {
    kib as usize * 1024
}
