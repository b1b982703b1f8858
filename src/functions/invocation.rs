//! Calls of functions as others make them, and what becomes of them.

use std::fmt;

use bytes::Bytes;

/// A call of a function.
#[derive(Clone)]
pub struct Invocation {
    /// The function's name, partial ARN or ARN, perhaps with a qualifier behind it.
    pub function: String,
    /// A version or an alias.
    pub qualifier: Option<String>,
    /// The event.
    pub payload: Bytes,
    /// Who waits for what.
    pub kind: InvocationKind,
    /// The service that calls; none is an operator, who may call everything.
    pub caller: Option<Caller>,
    /// The trace that the call belongs to, as `X-Amzn-Trace-Id` has it.
    pub trace: Option<String>,
}

/// Without the event, which is somebody's data.
impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation")
            .field("function", &self.function)
            .field("qualifier", &self.qualifier)
            .field("kind", &self.kind)
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

/// Who waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationKind {
    /// The caller waits for the answer.
    RequestResponse,
    /// The event is queued.
    Event,
    /// It is only checked whether the call could be made.
    DryRun,
}

/// A service that calls a function for a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// The service, such as `apigateway.amazonaws.com`.
    pub principal: String,
    /// The resource.
    pub source_arn: String,
}

impl Caller {
    /// The account that the resource is in.
    pub(super) fn account(&self) -> Option<&str> {
        self.source_arn.split(':').nth(4)
    }
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Invoked {
    /// The status: 200 with an answer, 202 for what is queued, 204 for what was only checked.
    pub status: u16,
    /// Set where the answer is an error of the function.
    pub function_error: Option<String>,
    /// The answer.
    pub payload: Bytes,
    /// The version that ran.
    pub executed_version: String,
    /// The last of its log.
    pub log_tail: Bytes,
}
