//! Authorizers: where they look for a caller's identity, what they say of it, and what can be said without asking.
//!
//! Who asks, and whom, is the affair of the phase that lets callers in.

mod answer;
mod identity;
pub mod user_pool;

pub use answer::{Malformed, Permission};
pub use identity::{Expression, Identity, IdentitySources};

/// Why a caller does not pass.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Denied {
    /// What should identify the caller is not there.
    #[error("The identity source {0} is missing, or empty.")]
    Missing(String),
    /// The token is not what the authorizer's expression wants.
    #[error("The token does not match the identity validation expression {0}.")]
    Mismatch(String),
    /// The token is not one of the user pools'.
    #[error("{0}.")]
    Unfit(&'static str),
    /// The authorizer's function doesn't know the caller.
    #[error("The authorizer's function answered Unauthorized.")]
    Unknown,
    /// The authorizer can't be asked, or its answer is none.
    #[error("Execution failed due to configuration error: {0}")]
    Configuration(String),
}

impl Denied {
    /// What the caller is answered with (auth reference, F2).
    pub fn status(&self) -> u16 {
        match self {
            Self::Missing(_) | Self::Mismatch(_) | Self::Unfit(_) | Self::Unknown => 401,
            Self::Configuration(_) => 500,
        }
    }
}
