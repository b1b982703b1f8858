//! Checks of mapping expressions, so that what is stored can be compiled.

use crate::control::wire::Error;
use crate::model::rest::Flags;

/// Where an expression may take something of a request from.
const REQUEST_SOURCES: [&str; 5] = ["path.", "querystring.", "multivaluequerystring.", "header.", "multivalueheader."];

/// An expression that may fill a value of an integration's request. What it takes of the method's request, the method
/// must declare (data-plane reference, 9.1).
pub(super) fn check_request(target: &str, source: &str, declared: &Flags) -> Result<(), Error> {
    let places = ["header.", "path.", "querystring."];
    check_target(target, "integration.request.", &places)?;
    check_source(source, "method.request.", &REQUEST_SOURCES)?;
    let place = source.strip_prefix("method.request.").unwrap_or_default();
    let place = place.strip_prefix("multivalue").unwrap_or(place);
    let plain = format!("method.request.{place}");
    let taken = ["path.", "querystring.", "header."].iter().any(|start| place.starts_with(start));
    if taken && !declared.contains_key(&plain) && !declared.contains_key(source) {
        return Err(Error::bad_request(format!(
            "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: {source}]"
        )));
    }
    Ok(())
}

/// An expression that may fill a header of an answer.
pub(super) fn check_response(target: &str, source: &str) -> Result<(), Error> {
    check_target(target, "method.response.", &["header."])?;
    check_source(source, "integration.response.", &["header.", "multivalueheader."])
}

/// An expression that may fill a header of a gateway response.
pub(super) fn check_gateway_response(target: &str, source: &str) -> Result<(), Error> {
    check_target(target, "gatewayresponse.", &["header."])?;
    check_source(source, "method.request.", &REQUEST_SOURCES)
}

/// An expression that names a part of a caller's identity.
pub(super) fn check_identity(source: &str) -> Result<(), Error> {
    check_source(source, "method.request.", &["header.", "querystring."])
}

/// The name of a parameter that a method declares.
pub(super) fn check_declared(name: &str, start: &str, places: &[&str]) -> Result<(), Error> {
    check_target(name, start, places)
}

fn check_target(text: &str, start: &str, places: &[&str]) -> Result<(), Error> {
    let rest = text.strip_prefix(start).unwrap_or_default();
    let name = places.iter().find_map(|place| rest.strip_prefix(place));
    if name.is_some_and(is_name) { Ok(()) } else { Err(invalid(text)) }
}

fn check_source(text: &str, start: &str, places: &[&str]) -> Result<(), Error> {
    let quoted = text.len() >= 2 && text.starts_with('\'') && text.ends_with('\'');
    let named = |prefix: &str| text.strip_prefix(prefix).is_some_and(is_name);
    if quoted || named("context.") || named("stageVariables.") {
        return Ok(());
    }
    let rest = text.strip_prefix(start).unwrap_or_default();
    let in_body = rest == "body" || rest.strip_prefix("body.").is_some_and(|path| !path.is_empty());
    if in_body || places.iter().any(|place| rest.strip_prefix(place).is_some_and(is_name)) {
        return Ok(());
    }
    Err(invalid(text))
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$' | b'-'))
}

pub(super) fn invalid(expression: &str) -> Error {
    Error::bad_request(format!(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression specified: {expression}]"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_checked() {
        for (target, source, fine) in [
            ("integration.request.path.id", "method.request.path.id", true),
            ("integration.request.header.X", "'constant'", true),
            ("integration.request.querystring.q", "method.request.multivaluequerystring.q", true),
            ("integration.request.header.X", "context.requestId", true),
            ("integration.request.header.X", "stageVariables.v", true),
            ("integration.request.header.X", "method.request.body.a[0].b", true),
            ("integration.request.header.X", "method.request.header.undeclared", false),
            ("integration.request.body.X", "'x'", false),
            ("integration.request.header.", "'x'", false),
            ("integration.request.header.X", "method.request.cookie.x", false),
            ("integration.request.header.X", "plain", false),
            ("integration.request.header.X", "'", false),
        ] {
            let declared = ["path.id", "querystring.q"].map(|name| (format!("method.request.{name}"), true));
            assert_eq!(check_request(target, source, &Flags::from(declared)).is_ok(), fine, "{target} {source}");
        }
        assert!(check_response("method.response.header.X", "integration.response.header.Y").is_ok());
        assert!(check_response("method.response.body.X", "'x'").is_err());
    }
}
