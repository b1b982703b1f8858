//! Calls of functions: Invoke, InvokeWithResponseStream, InvokeAsync.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::operations::Operation;
use super::{Target, errors, event_stream, refuse};
use crate::control::wire::{Answer, Error, Members, Violations};
use crate::functions::{Invocation, InvocationKind, Invoked};

/// An event of a stream has at most so many bytes of the answer.
const MAX_CHUNK: usize = 64 * 1024;

impl Target<'_> {
    /// Calls a function in the way of an operation.
    pub(super) async fn invoke_as(&self, operation: Operation, function: &str) -> Answer {
        match operation {
            Operation::InvokeAsync => self.invoke_async(function).await,
            Operation::InvokeWithResponseStream => self.invoke(function, true).await,
            _ => self.invoke(function, false).await,
        }
    }

    async fn invoke(&self, function: &str, streams: bool) -> Answer {
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
            Ok(invoked) if streams && kind == InvocationKind::RequestResponse => self.streamed(invoked),
            Ok(invoked) => self.invoked(kind, invoked),
            Err(error) => errors::of_invocation(&error),
        }
    }

    /// The answer as a stream of events. All of it is there before the first is sent: functions here answer whole.
    fn streamed(&self, invoked: Invoked) -> Answer {
        let mut body = BytesMut::new();
        let mut complete = Members::new();
        match invoked.function_error {
            None => {
                for chunk in invoked.payload.chunks(MAX_CHUNK) {
                    body.extend_from_slice(&event_stream::event("PayloadChunk", "application/octet-stream", chunk));
                }
            }
            Some(error) => {
                let details = String::from_utf8_lossy(&invoked.payload).into_owned();
                complete = complete.set("ErrorCode", error).set("ErrorDetails", details);
            }
        }
        if self.wants_tail() {
            complete = complete.set("LogResult", BASE64.encode(&invoked.log_tail));
        }
        let complete = Value::from(complete).to_string();
        body.extend_from_slice(&event_stream::event("InvokeComplete", "application/json", complete.as_bytes()));
        let version = ("x-amz-executed-version", invoked.executed_version);
        Answer {
            content_type: event_stream::CONTENT_TYPE,
            body: body.freeze(),
            headers: vec![version],
            ..Answer::empty(invoked.status)
        }
    }

    fn wants_tail(&self) -> bool {
        self.call.header("x-amz-log-type") == Some("Tail")
    }

    fn invoked(&self, kind: InvocationKind, invoked: Invoked) -> Answer {
        let mut answer = Answer::empty(invoked.status);
        if kind == InvocationKind::RequestResponse {
            answer.body = invoked.payload;
            answer.headers.push(("x-amz-executed-version", invoked.executed_version));
            if self.wants_tail() {
                answer.headers.push(("x-amz-log-result", BASE64.encode(&invoked.log_tail)));
            }
        }
        if let Some(error) = invoked.function_error {
            answer.headers.push(("x-amz-function-error", error));
        }
        answer
    }

    /// The older form of an event that nobody waits for.
    async fn invoke_async(&self, function: &str) -> Answer {
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
