//! Integrations with Lambda functions that get the whole request (`AWS_PROXY`), compiled.

use std::time::Duration;

use super::integration::{Unmappable, breaks_every_call};
use super::service::Rights;
use crate::mapping::parameters::Target;
use crate::mapping::uri::Uri;
use crate::model::rest::{ContentHandling, Integration, Strings, TransferMode};
use crate::traffic::integration::lambda::Function;

/// A function that gets the whole request.
pub struct CompiledLambda {
    /// The function, or the URI that names none.
    pub function: Result<Function, String>,
    /// Whether the integration's verb is the one by which functions are invoked.
    pub is_post: bool,
    /// A mapping that makes every call fail. No mapping does anything else here: the event is made of the caller's
    /// request.
    pub unmappable: Option<Unmappable>,
    /// By whose rights it is invoked.
    pub rights: Rights,
    /// Conversion of a message; requests are told of as their API takes their type.
    pub content_handling: Option<ContentHandling>,
    /// Whether answers of any length are passed on as they come.
    pub streams: bool,
    /// How long the function may take.
    pub timeout: Duration,
}

impl CompiledLambda {
    pub(super) fn new(integration: &Integration, variables: &Strings) -> Self {
        let uri = integration.uri.as_deref().unwrap_or_default();
        let targets = integration.request_parameters.keys().filter_map(|target| Target::parse(target));
        let unmappable = targets.into_iter().find_map(|target| match target {
            Target::Header(name) if breaks_every_call(&name, integration.kind) => Some(Unmappable(name)),
            Target::Header(_) | Target::Path(_) | Target::Query(_) => None,
        });
        let streams = integration.transfer_mode == Some(TransferMode::Stream);
        // An answer that comes piece by piece is asked for in another way than one that comes whole.
        let function = Function::read(uri, variables).filter(|function| function.streams == streams);
        Self {
            function: function.ok_or_else(|| Uri::compile(uri, variables).render(|_| None)),
            is_post: integration.http_method.as_deref() == Some("POST"),
            unmappable,
            rights: Rights::of(integration.credentials.as_deref().unwrap_or_default(), variables),
            content_handling: integration.content_handling,
            streams,
            timeout: Duration::from_millis(u64::from(integration.timeout_millis)),
        }
    }
}
