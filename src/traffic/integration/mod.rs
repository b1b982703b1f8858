//! Where calls go: HTTP endpoints, and answers without an endpoint.

pub mod http1;
mod mock;
mod origin;
mod tls;

pub use mock::status_code;
pub use origin::Origin;
pub use tls::{Identity, Kinds, Upstream};
