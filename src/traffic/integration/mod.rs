//! Where calls go: HTTP endpoints, Lambda functions, AWS's services, and answers without an endpoint.

pub mod aws;
pub mod http1;
pub mod lambda;
mod mock;
mod origin;
mod tls;

pub use mock::status_code;
pub use origin::Origin;
pub use tls::{Identity, Kinds, Manner, Upstream};
