//! Authorizers, compiled: where they look, whom they ask, and where what they said is kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::service::Rights;
use crate::mapping::uri::Uri;
use crate::model::http;
use crate::model::id::AuthorizerId;
use crate::model::rest::{Authorizer, AuthorizerType, Snapshot, Strings};
use crate::traffic::authorizer::{IdentitySources, Permission};
use crate::traffic::integration::lambda::Function;
use crate::traffic::stage::kept::{Kept, Weighed};

/// What authorizers said, kept by the caller's identity.
pub type Permissions = Kept<Permission>;

impl Weighed for Permission {
    fn weight(&self) -> u64 {
        self.size()
    }
}

/// An authorizer, ready to be asked.
pub struct CompiledAuthorizer {
    /// The authorizer.
    pub model: Authorizer,
    /// Where it looks for a caller's identity.
    pub sources: IdentitySources,
    /// The function that it asks, or the URI that names none.
    pub function: Result<Function, String>,
    /// By whose rights it is invoked.
    pub rights: Rights,
    /// Where what it said is kept, and how long; nowhere, if it is asked each time.
    pub keeps: Option<(Arc<Permissions>, Duration)>,
}

impl CompiledAuthorizer {
    /// Compiles an authorizer for a stage's variables. What it says is kept nowhere.
    pub fn new(authorizer: &Authorizer, variables: &Strings) -> Self {
        let uri = authorizer.uri.as_deref().unwrap_or_default();
        let filled_in = || Uri::compile(uri, variables).render(|_| None);
        Self {
            model: authorizer.clone(),
            sources: IdentitySources::new(authorizer, variables),
            function: Function::read(uri, variables).filter(|function| !function.streams).ok_or_else(filled_in),
            rights: Rights::of(authorizer.credentials.as_deref().unwrap_or_default(), variables),
            keeps: None,
        }
    }

    /// How long what it said is kept; not at all, if that is nought. Where nobody is told from anybody, what is said of
    /// one holds for no other.
    fn ttl(&self) -> Duration {
        let keeps = self.model.kind != AuthorizerType::CognitoUserPools && !self.sources.is_empty();
        let seconds = self.model.result_ttl_seconds.unwrap_or(Authorizer::DEFAULT_TTL);
        Duration::from_secs(if keeps { u64::from(seconds) } else { 0 })
    }
}

/// The authorizers of a WebSocket API, by id. What they say is kept by those whom it is about: their connections.
pub(super) fn of_routes(
    snapshot: &http::Snapshot,
    variables: &Strings,
) -> HashMap<AuthorizerId, Arc<CompiledAuthorizer>> {
    let compile = |authorizer: &http::Authorizer| {
        let authorizer = Authorizer {
            id: authorizer.id.clone(),
            name: authorizer.name.clone(),
            kind: AuthorizerType::Request,
            provider_arns: Vec::new(),
            auth_type: "custom".to_owned(),
            uri: Some(authorizer.uri.clone()),
            credentials: authorizer.credentials.clone(),
            identity_source: Some(authorizer.identity_source.join(",")),
            identity_validation_expression: authorizer.identity_validation_expression.clone(),
            result_ttl_seconds: Some(0),
        };
        (authorizer.id.clone(), Arc::new(CompiledAuthorizer::new(&authorizer, variables)))
    };
    snapshot.authorizers.iter().map(compile).collect()
}

/// The authorizers of one deployment, by id.
pub(super) fn compile(
    snapshot: &Snapshot,
    variables: &Strings,
    mut kept: impl FnMut(&CompiledAuthorizer) -> Option<Arc<Permissions>>,
) -> HashMap<AuthorizerId, Arc<CompiledAuthorizer>> {
    let compile = |authorizer: &Authorizer| {
        let mut compiled = CompiledAuthorizer::new(authorizer, variables);
        let ttl = compiled.ttl();
        compiled.keeps = kept(&compiled).filter(|_| !ttl.is_zero()).map(|kept| (kept, ttl));
        (authorizer.id.clone(), Arc::new(compiled))
    };
    snapshot.authorizers.iter().map(compile).collect()
}
