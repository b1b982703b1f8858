//! Where calls go: HTTP endpoints, and answers without an endpoint.

pub mod http1;
mod mock;
mod origin;

pub use mock::status_code;
pub use origin::Origin;
