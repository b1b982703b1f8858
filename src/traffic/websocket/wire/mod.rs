//! The frames of RFC 6455, without any I/O: what comes is read piece by piece, what goes is encoded whole.
//!
//! The frame layer is our own. actix-http's `ws::Parser` wants a frame whole in a buffer of the connection before it
//! says anything of it: invalid UTF-8 is then found at the end of a frame and not where it stands, every connection
//! needs a buffer as long as its longest frame, and reserved bits and the rules of close frames are not its business.
//! [`Reader`] looks at each byte once, where it was read to, and keeps nothing but what is not whole yet.

mod close;
#[cfg(test)]
mod fuzz;
mod header;
mod message;
mod reader;
mod writer;

pub use close::{ABNORMAL, Close, GOING_AWAY, NO_STATUS, NORMAL};
pub use message::Message;
pub use reader::{Event, Failure, Limits, Reader};
pub use writer::{FRAME, binary, close, echo, pong, text};
