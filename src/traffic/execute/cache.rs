//! Between the method request and the integration: answers that the stage keeps.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};

use super::facts::Facts;
use super::integration::broken;
use super::method_request::Accepted;
use super::outcome::Outcome;
use super::sources::Sources;
use crate::model::rest::{GatewayResponseType, UnauthorizedCacheControl};
use crate::traffic::message::{Body, Refusal, Reply};
use crate::traffic::stage::{CachePolicy, KeptAnswer, Looked, MAX_ENTRY};

/// What callers are told whose wish for a fresh answer was ignored.
const IGNORED: HeaderValue =
    HeaderValue::from_static("199 Cache-control headers were ignored because the caller was unauthorized.");

/// The right to keep an answer.
pub(super) type Ticket = crate::traffic::stage::Ticket<KeptAnswer>;

/// What the cache has for a request.
pub(super) enum Found {
    /// An answer.
    Answer(Reply),
    /// Nothing: the request goes on, and its answer may be kept.
    Nothing(Accepted, Option<Ticket>),
}

/// Looks for an answer that is kept. Source: data-plane reference, 16.
pub(super) async fn look(accepted: Accepted, outcome: &mut Outcome) -> Result<Found, Refusal> {
    let Some(policy) = &accepted.routed.method.staged.cache else { return Ok(Found::Nothing(accepted, None)) };
    let facts = outcome.facts();
    let key = {
        let sources = Sources::new(facts);
        policy.key(policy.parameters.iter().map(|source| sources.text(source).unwrap_or_default()))
    };
    let mut is_ignored = false;
    if wants_fresh(facts) {
        match policy.unauthorized {
            None => {
                policy.misses.increment(1);
                let ticket = policy.cache.replace(key);
                outcome.decided("cache", |_| "passed over: the caller wants a fresh answer".to_owned());
                return Ok(Found::Nothing(accepted, Some(ticket)));
            }
            Some(UnauthorizedCacheControl::FailWith403) => return Err(unauthorized()),
            Some(UnauthorizedCacheControl::SucceedWithResponseHeader) => is_ignored = true,
            Some(UnauthorizedCacheControl::SucceedWithoutResponseHeader) => {}
        }
    }
    let looked = policy.cache.look(key).await;
    if is_ignored {
        outcome.warned(IGNORED);
    }
    match looked {
        Looked::Hit(entry) => {
            policy.hits.increment(1);
            outcome.decided("cache", |_| "hit: the endpoint is not asked".to_owned());
            Ok(Found::Answer(Reply {
                status: entry.status,
                headers: entry.headers.clone(),
                body: Body::Whole(entry.body.clone()),
            }))
        }
        Looked::Miss(ticket) => {
            policy.misses.increment(1);
            outcome.decided("cache", |_| "miss".to_owned());
            Ok(Found::Nothing(accepted, Some(ticket)))
        }
    }
}

/// Keeps an answer, if it is not too long.
pub(super) async fn keep(mut reply: Reply, ticket: Option<Ticket>, outcome: &Outcome) -> Result<Reply, Refusal> {
    let policy: Option<&CachePolicy> = outcome.facts().method().and_then(|method| method.staged.cache.as_ref());
    let Some((ticket, policy)) = ticket.zip(policy) else { return Ok(reply) };
    reply.body = reply.body.gathered(MAX_ENTRY).await.map_err(broken)?;
    let body = match &reply.body {
        Body::Empty => bytes::Bytes::new(),
        Body::Whole(bytes) if bytes.len() as u64 <= MAX_ENTRY => bytes.clone(),
        Body::Whole(_) | Body::Stream { .. } => return Ok(reply),
    };
    let answer = KeptAnswer { status: reply.status, headers: reply.headers.clone(), body };
    ticket.keep(Arc::new(answer), policy.ttl);
    Ok(reply)
}

/// Whether the caller wants an answer that was not kept.
fn wants_fresh(facts: &Facts) -> bool {
    let mut values = facts.head().headers.all(CACHE_CONTROL.as_str()).filter_map(|value| value.to_str().ok());
    values.any(|value| value.split(',').any(|directive| directive.trim().eq_ignore_ascii_case("max-age=0")))
}

/// Nobody is known to be allowed to have answers computed anew: callers that are signed are not known yet.
fn unauthorized() -> Refusal {
    Refusal {
        response: Some(GatewayResponseType::AccessDenied),
        status: StatusCode::FORBIDDEN,
        error_type: "AccessDeniedException",
        message: Cow::Borrowed("User is not authorized to access this resource"),
        reason: Cow::Borrowed("the caller may not have a cached answer computed anew"),
        validation: None,
    }
}
