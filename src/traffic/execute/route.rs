//! Second phase: which method of the API; path and verb are matched together.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderName, Method, StatusCode};

use super::endpoint::Located;
use super::outcome::Outcome;
use crate::model::rest::GatewayResponseType;
use crate::traffic::message::{Refusal, Request};
use crate::traffic::stage::{CompiledMethod, CompiledStage};

/// A request whose method is known.
pub(super) struct Routed {
    pub(super) request: Request,
    pub(super) stage: Arc<CompiledStage>,
    pub(super) method: Arc<CompiledMethod>,
    /// The path within the stage, with its slash at the start.
    pub(super) path: String,
}

/// Takes the place of the request's verb ("known issues" of the developer guide).
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

pub(super) fn find(located: Located, outcome: &mut Outcome) -> Result<Routed, Refusal> {
    let Located { mut request, stage, side, path } = located;
    let verb = request.headers.last(&METHOD_OVERRIDE).and_then(|verb| Method::from_bytes(verb.as_bytes()).ok());
    if let Some(verb) = verb {
        let head = request.head_mut();
        head.method = verb;
        head.headers.remove(&METHOD_OVERRIDE);
    }
    let deployed = stage.deployed(side);
    let Some(found) = deployed.router.find(&path, request.method.as_str()) else {
        return Err(unknown_route(&request));
    };
    let method = Arc::clone(found.method);
    outcome.routed(&request, &method, &Rc::new(found.parameters));
    outcome.decided("route", |facts| {
        let parameters: Vec<String> =
            facts.path_parameters().iter().map(|(name, value)| format!(", {name}={value}")).collect();
        format!("{} {}{}", facts.head().method, facts.context("resourcePath").unwrap_or_default(), parameters.concat())
    });
    Ok(Routed { request, stage, method, path })
}

/// AWS answers a path that it does not know as if a signature were missing, and says so if one is there but is none.
fn unknown_route(request: &Request) -> Refusal {
    let refusal = |error_type, message: Cow<'static, str>| Refusal {
        response: Some(GatewayResponseType::MissingAuthenticationToken),
        status: StatusCode::FORBIDDEN,
        error_type,
        message,
        reason: Cow::Borrowed("the API has no method for this path and verb"),
        validation: None,
    };
    match request.headers.last_text("authorization") {
        Some(value) if !value.starts_with("AWS4-") => {
            refusal("IncompleteSignatureException", Cow::Owned(crate::identity::sigv4::not_key_value(value)))
        }
        _ => refusal("MissingAuthenticationTokenException", Cow::Borrowed("Missing Authentication Token")),
    }
}
