//! Every error that a management plane answers with: this is the one place that makes their bodies.

use super::{Answer, Members};
use crate::identity::sigv4::Refusal;

/// Why a call fails.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// What the caller is told: status, AWS's name of the error, its message.
    Told {
        /// The status.
        status: u16,
        /// `x-amzn-ErrorType`.
        code: &'static str,
        /// The message.
        message: String,
    },
    /// Another change came between reading and writing: the operation may be run again.
    Overtaken,
}

impl Error {
    fn told(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self::Told { status, code, message: message.into() }
    }

    /// The request is at fault.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::told(400, "BadRequestException", message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::told(404, "NotFoundException", message)
    }

    /// There is one already.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::told(409, "ConflictException", message)
    }

    /// There may be no more of these.
    pub fn limit_exceeded(message: impl Into<String>) -> Self {
        Self::told(429, "LimitExceededException", message)
    }

    /// The body is over the limit.
    pub fn too_large() -> Self {
        Self::told(413, "RequestEntityTooLargeException", "Request Entity Too Large")
    }

    /// The body did not come in time.
    pub fn too_slow() -> Self {
        Self::told(408, "RequestTimeoutException", "The request's body did not arrive in time.")
    }

    /// Values that the service's model does not allow.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::told(400, "ValidationException", message)
    }

    /// A body that is not JSON, or has something of a wrong type in it.
    pub fn serialization(message: impl Into<String>) -> Self {
        Self::told(400, "SerializationException", message)
    }

    /// Try again later.
    pub fn unavailable(message: String) -> Self {
        Self::told(503, "ServiceUnavailableException", message)
    }

    /// Something went wrong here; the log has it.
    pub fn internal() -> Self {
        Self::told(500, "InternalFailure", "Internal server error")
    }

    /// No operation has this verb and path.
    pub fn unknown_operation(message: impl Into<String>) -> Self {
        Self::told(404, "UnknownOperationException", message)
    }

    /// The same in V2, which has one name for everything that there is too much of.
    #[must_use]
    pub fn in_v2(self) -> Self {
        match self {
            Self::Told { status: 429, message, .. } => Self::told(429, "TooManyRequestsException", message),
            other => other,
        }
    }

    /// The error's answer.
    pub fn answer(&self) -> Answer {
        let (status, code, message) = match self {
            Self::Told { status, code, message } => (*status, *code, message.as_str()),
            Self::Overtaken => (
                409,
                "ConflictException",
                "Unable to complete operation due to concurrent modification. Please try again later.",
            ),
        };
        let mut answer = Answer::json(status, Members::new().set("message", message));
        answer.headers.push(("x-amzn-errortype", code.to_owned()));
        if status == 503 {
            answer.headers.push(("retry-after", "1".to_owned()));
        }
        answer
    }
}

/// The message.
impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Told { message, .. } => f.write_str(message),
            Self::Overtaken => f.write_str("it was changed at the same time"),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::told(403, refusal.code(), refusal.to_string())
    }
}
