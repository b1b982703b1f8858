//! Why a call of a function is refused, in AWS's words. What a function itself does wrong is no refusal.

use crate::catalog;

/// A call that no function was asked about, or that could not be carried out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct InvokeError {
    /// AWS's name of the error.
    pub code: &'static str,
    /// The status.
    pub status: u16,
    /// What the caller is told.
    pub message: String,
    /// Which limit was reached, where one was.
    pub reason: Option<&'static str>,
}

impl InvokeError {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), reason: None }
    }

    pub(super) fn not_found(arn: &str) -> Self {
        Self::new(404, "ResourceNotFoundException", format!("Function not found: {arn}"))
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidParameterValueException", message)
    }

    pub(super) fn denied(principal: &str, arn: &str) -> Self {
        Self::new(
            403,
            "AccessDeniedException",
            format!(
                "User: {principal} is not authorized to perform: lambda:InvokeFunction on resource: {arn} because no \
                 resource-based policy allows the lambda:InvokeFunction action"
            ),
        )
    }

    pub(super) fn content(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidRequestContentException", message)
    }

    pub(super) fn too_large(size: usize, kind: &str, limit: usize) -> Self {
        let message = format!("{size} byte payload is too large for the {kind} invocation type (limit {limit} bytes)");
        Self::new(413, "RequestTooLargeException", message)
    }

    pub(super) fn throttled(reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::new(429, "TooManyRequestsException", "Rate Exceeded.") }
    }

    pub(super) fn runtime(message: impl Into<String>) -> Self {
        Self::new(502, "InvalidRuntimeException", message)
    }

    pub(super) fn service(message: impl Into<String>) -> Self {
        Self::new(500, "ServiceException", message)
    }
}

impl From<catalog::Error> for InvokeError {
    fn from(error: catalog::Error) -> Self {
        tracing::error!(%error, "a function can't be read");
        Self::service("The function can't be read at the moment.")
    }
}
