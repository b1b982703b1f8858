//! Checks of the expressions of WebSocket APIs, so that what is stored can be compiled.
//!
//! Source: websocket reference, A6, A9, A10 and A12.

use crate::control::wire::Error;

/// Where a parameter of an integration's request may come from, beside the body: all of it is `$connect`'s.
const REQUEST_SOURCES: [&str; 4] = [
    "route.request.querystring.",
    "route.request.multivaluequerystring.",
    "route.request.header.",
    "route.request.multivalueheader.",
];
/// Where a header of an answer may come from.
const RESPONSE_SOURCES: [&str; 2] = ["integration.response.header.", "integration.response.multivalueheader."];
/// Where a caller's identity may be looked for, beside the context and stage variables.
const IDENTITY_SOURCES: [&str; 2] = ["route.request.header.", "route.request.querystring."];

/// The name of a parameter that a route declares.
pub(super) fn check_declared(name: &str) -> Result<(), Error> {
    check_name(name, &["route.request.header.", "route.request.querystring."])
}

/// A parameter of an integration's request, and what fills it.
pub(super) fn check_request(target: &str, source: &str) -> Result<(), Error> {
    check_name(
        target,
        &["integration.request.header.", "integration.request.path.", "integration.request.querystring."],
    )?;
    check_source(source, "route.request.body", &REQUEST_SOURCES)
}

/// A header of an answer, and what fills it.
pub(super) fn check_response(target: &str, source: &str) -> Result<(), Error> {
    // Documentation has the first form, the service's answers have the second.
    check_name(target, &["method.response.header.", "integrationresponse.header."])?;
    // An answer may also repeat what the message said.
    check_source(source, "integration.response.body", &RESPONSE_SOURCES)
        .or_else(|_| check_source(source, "route.request.body", &REQUEST_SOURCES))
}

/// An expression that names a part of a caller's identity.
pub(super) fn check_identity(source: &str) -> Result<(), Error> {
    check_name(source, &[&IDENTITY_SOURCES[..], &["context.", "stageVariables."]].concat())
}

/// A selection expression: literals, and variables that begin with `$`, in braces or not.
pub(super) fn check_selection(what: &str, expression: &str) -> Result<(), Error> {
    let mut rest = expression;
    while let Some(at) = rest.find('$') {
        let escaped = rest[..at].ends_with('\\');
        rest = &rest[at + 1..];
        if escaped {
            continue;
        }
        let variable = match rest.strip_prefix('{') {
            Some(braced) => braced.split_once('}').map(|(variable, _)| variable),
            None => Some(rest),
        };
        let known = ["request.", "context.", "stageVariables.", "integration.", "response."];
        let is_known = |variable: &str| known.iter().any(|start| variable.starts_with(start));
        // `$default` is written without a backslash by many, and means itself.
        if !variable.is_some_and(|variable| is_known(variable) || variable == "default") {
            return Err(Error::bad_request(format!("Invalid {what} specified: {expression}")));
        }
    }
    Ok(())
}

fn check_name(text: &str, starts: &[&str]) -> Result<(), Error> {
    let name = starts.iter().find_map(|start| text.strip_prefix(start));
    if name.is_some_and(is_name) { Ok(()) } else { Err(invalid(text)) }
}

fn check_source(text: &str, body: &str, starts: &[&str]) -> Result<(), Error> {
    let quoted = text.len() >= 2 && text.starts_with('\'') && text.ends_with('\'');
    let in_body =
        text.strip_prefix(body).is_some_and(|path| path.is_empty() || (path.len() > 1 && path.starts_with('.')));
    if quoted || in_body {
        return Ok(());
    }
    check_name(text, &[starts, &["context.", "stageVariables."]].concat())
}

fn is_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$' | b'-');
    !name.is_empty() && name.bytes().all(legal)
}

fn invalid(expression: &str) -> Error {
    Error::bad_request(format!("Invalid mapping expression specified: {expression:.200}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_checked() {
        for (target, source, fine) in [
            ("integration.request.header.X", "'constant'", true),
            ("integration.request.path.id", "route.request.querystring.id", true),
            ("integration.request.querystring.q", "route.request.body.a.b[0]", true),
            ("integration.request.header.X", "context.connectionId", true),
            ("integration.request.header.X", "stageVariables.v", true),
            ("integration.request.header.X", "method.request.header.x", false),
            ("integration.request.header.X", "plain", false),
            ("integration.request.header.", "'x'", false),
            ("integration.request.body.X", "'x'", false),
            ("append:header.X", "'x'", false),
        ] {
            assert_eq!(check_request(target, source).is_ok(), fine, "{target} {source}");
        }
        for (target, source, fine) in [
            ("integrationresponse.header.turnpike-join", "integration.response.header.room", true),
            ("integrationresponse.header.turnpike-join", "route.request.body.room", true),
            ("integrationresponse.header.X", "integration.response.body.a", true),
            ("method.response.header.X", "'x'", true),
            ("method.response.body.X", "'x'", false),
        ] {
            assert_eq!(check_response(target, source).is_ok(), fine, "{target} {source}");
        }
    }

    #[test]
    fn selection_expressions_are_checked() {
        for (expression, fine) in [
            ("$request.body.action", true),
            ("${request.body.service}/${request.body.action}", true),
            ("action", true),
            ("\\$default", true),
            ("$default", true),
            ("${integration.response.statuscode}", true),
            ("${request.body.action", false),
            ("$action", false),
            ("${action}", false),
        ] {
            assert_eq!(check_selection("x", expression).is_ok(), fine, "{expression}");
        }
    }

    #[test]
    fn identities_are_of_requests_contexts_and_stages() {
        for (source, fine) in [
            ("route.request.header.Auth", true),
            ("route.request.querystring.token", true),
            ("context.identity.sourceIp", true),
            ("stageVariables.v", true),
            ("$request.header.Authorization", false),
            ("route.request.body.x", false),
            ("", false),
        ] {
            assert_eq!(check_identity(source).is_ok(), fine, "{source}");
        }
    }
}
