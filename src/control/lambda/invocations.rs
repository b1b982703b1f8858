//! Calls of functions: Invoke, InvokeAsync.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::{Target, errors, refuse};
use crate::control::wire::{Answer, Error, Violations};
use crate::functions::{Invocation, InvocationKind, Invoked};

impl Target<'_> {
    pub(super) async fn invoke(&self, function: &str) -> Answer {
        let kind = match self.call.header("x-amz-invocation-type") {
            None | Some("" | "RequestResponse") => InvocationKind::RequestResponse,
            Some("Event") => InvocationKind::Event,
            Some("DryRun") => InvocationKind::DryRun,
            Some(other) => {
                let mut violations = Violations::new();
                violations.one_of(other, "invocationType", &["Event", "RequestResponse", "DryRun"]);
                return violations.check().map_or_else(|error| refuse(&error), |()| Answer::empty(204));
            }
        };
        let invocation = Invocation {
            function: function.to_owned(),
            qualifier: self.call.parameter("Qualifier"),
            payload: self.call.body.clone(),
            kind,
            // Whoever signs with the root credentials may call everything.
            caller: None,
            trace: self.call.header("x-amzn-trace-id").map(str::to_owned),
        };
        match self.functions.invoke(invocation).await {
            Ok(invoked) => self.invoked(kind, invoked),
            Err(error) => errors::of_invocation(&error),
        }
    }

    fn invoked(&self, kind: InvocationKind, invoked: Invoked) -> Answer {
        let mut answer = Answer::empty(invoked.status);
        if kind == InvocationKind::RequestResponse {
            answer.body = invoked.payload;
            answer.headers.push(("x-amz-executed-version", invoked.executed_version));
            if self.call.header("x-amz-log-type") == Some("Tail") {
                answer.headers.push(("x-amz-log-result", BASE64.encode(&invoked.log_tail)));
            }
        }
        if let Some(error) = invoked.function_error {
            answer.headers.push(("x-amz-function-error", error));
        }
        answer
    }

    /// The older form of an event that nobody waits for.
    pub(super) async fn invoke_async(&self, function: &str) -> Answer {
        let invocation = Invocation {
            function: function.to_owned(),
            qualifier: None,
            payload: self.call.body.clone(),
            kind: InvocationKind::Event,
            caller: None,
            trace: None,
        };
        match self.functions.invoke(invocation).await {
            Ok(invoked) => {
                let body = Bytes::from(serde_json::json!({"Status": invoked.status}).to_string());
                Answer { body, ..Answer::empty(invoked.status) }
            }
            Err(error) => refuse(&Error::from(error)),
        }
    }
}
