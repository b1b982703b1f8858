//! Lambda's errors: their names, statuses and bodies, which differ from other services' in the spelling of two members.

use crate::control::wire::{Answer, Error, Members};
use crate::functions::InvokeError;

/// Errors whose message is called `Message`; that of all others is called `message`.
const CAPITAL: &[&str] = &["ResourceNotFoundException", "ServiceException", "InvalidRuntimeException"];
/// Errors that come from what all services share, and say no type.
const SHARED: &[&str] = &[
    "ValidationException",
    "SerializationException",
    "UnknownOperationException",
    "MissingAuthenticationTokenException",
    "IncompleteSignatureException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "ServiceUnavailableException",
    "AccessDeniedException",
];

fn told(status: u16, code: &'static str, message: impl Into<String>) -> Error {
    Error::Told { status, code, message: message.into() }
}

pub(super) fn not_found(message: impl Into<String>) -> Error {
    told(404, "ResourceNotFoundException", message)
}

pub(super) fn no_function(arn: &str) -> Error {
    not_found(format!("Function not found: {arn}"))
}

pub(super) fn conflict(message: impl Into<String>) -> Error {
    told(409, "ResourceConflictException", message)
}

pub(super) fn invalid(message: impl Into<String>) -> Error {
    told(400, "InvalidParameterValueException", message)
}

pub(super) fn policy_too_long(size: usize, limit: usize) -> Error {
    let message = format!("The final policy size ({size}) is bigger than the limit ({limit}).");
    told(400, "PolicyLengthExceededException", message)
}

/// The caller has seen an older revision.
pub(super) fn moved_on() -> Error {
    told(
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the \
         latest Revision Id",
    )
}

/// The package can't be kept at the moment.
pub(super) fn not_kept(error: &dyn std::fmt::Display) -> Error {
    tracing::error!(%error, "a function's package was not kept");
    told(500, "ServiceException", format!("The function's package could not be kept: {error}. Nothing was changed."))
}

impl From<InvokeError> for Error {
    fn from(error: InvokeError) -> Self {
        told(error.status, error.code, error.message)
    }
}

/// An error's answer.
pub(super) fn answer(error: &Error) -> Answer {
    let (status, code, message) = match error {
        Error::Told { status, code, message } => (*status, renamed(code), message.as_str()),
        Error::Overtaken => (409, "ResourceConflictException", "The function was changed at the same time. Try again."),
    };
    let name = if CAPITAL.contains(&code) { "Message" } else { "message" };
    let kind = (!SHARED.contains(&code)).then_some(if status < 500 { "User" } else { "Service" });
    let mut answer = Answer::json(status, Members::new().some("Type", kind).set(name, message));
    answer.headers.push(("x-amzn-errortype", code.to_owned()));
    if status == 503 {
        answer.headers.push(("retry-after", "1".to_owned()));
    }
    answer
}

/// The answer to an invocation that is refused; which limit was reached is said where one was.
pub(super) fn of_invocation(error: &InvokeError) -> Answer {
    let mut refused = answer(&Error::from(error.clone()));
    if let Some(reason) = error.reason {
        refused.body = Answer::json(
            error.status,
            Members::new().set("Reason", reason).set("Type", "User").set("message", error.message.as_str()),
        )
        .body;
    }
    refused
}

/// What the planes share has names of API Gateway's.
fn renamed(code: &'static str) -> &'static str {
    match code {
        "BadRequestException" => "InvalidParameterValueException",
        "ConflictException" => "ResourceConflictException",
        "NotFoundException" => "ResourceNotFoundException",
        "RequestEntityTooLargeException" => "RequestTooLargeException",
        "InternalFailure" => "ServiceException",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_spelled_as_lambda_spells_them() {
        for (error, status, kind, body) in [
            (
                no_function("arn:x"),
                404,
                "ResourceNotFoundException",
                r#"{"Type":"User","Message":"Function not found: arn:x"}"#,
            ),
            (invalid("No."), 400, "InvalidParameterValueException", r#"{"Type":"User","message":"No."}"#),
            (
                Error::validation("1 validation error"),
                400,
                "ValidationException",
                r#"{"message":"1 validation error"}"#,
            ),
            (Error::internal(), 500, "ServiceException", r#"{"Type":"Service","Message":"Internal server error"}"#),
        ] {
            let answer = answer(&error);
            assert_eq!((answer.status, std::str::from_utf8(&answer.body)), (status, Ok(body)));
            assert_eq!(answer.headers, [("x-amzn-errortype", kind.to_owned())]);
        }
    }
}
