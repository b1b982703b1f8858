//! The one door by which the control plane enters the data plane: requests that an operator makes up, to an API as it
//! is now and not as it was deployed.
//!
//! Such a request goes through the phases behind access, as any other; stage, authorizer, API key and limits are left
//! out. What happens is written down, and nothing is counted.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method as Verb, Uri};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tokio::time::Instant;

use super::access::Admitted;
use super::authorize::{self, Step};
use super::endpoint::Limits;
use super::journal::TRACE_ID;
use super::outcome::Outcome;
use super::route::Routed;
use super::{Backends, Owner, Reach, gateway_response, perform, policy};
use crate::model::id::StageName;
use crate::model::rest::{self, Authorizer, IntegrationType, Snapshot, Strings};
use crate::observe::clock::Clock;
use crate::observe::execution_log::ExecutionLog;
use crate::traffic::ids;
use crate::traffic::integration::Upstream;
use crate::traffic::message::{Body, Head, Headers, Peer, Refusal, Request, spelled};
use crate::traffic::stage::{CompiledAuthorizer, CompiledStage, PathParameters, Side};

/// A test takes at most so long: what an integration may take, and a little for the rest of its answer.
const DEADLINE: Duration = Duration::from_secs(30);
/// The stage that an authorizer is told of in a test.
const AUTHORIZER_STAGE: &str = "ESTestInvoke-stage";
/// What a path and a query can't hold as it is; braces and all that is encoded already stay.
const NOT_IN_A_URI: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'|');

/// Runs tests. Cheap to clone; each test has connections of its own, as a caller that nobody has seen before.
#[derive(Clone)]
pub struct Invoker {
    tls: Upstream,
    reach: Reach,
    clock: Clock,
    owner: Arc<Owner>,
    limits: Limits,
}

/// What an operator makes up of a request.
#[derive(Debug, Default)]
pub struct Sample {
    /// Path and query; a path that does not fit the resource has no parameters.
    pub path_with_query: Option<String>,
    /// Header fields, several values of a name among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// Stage variables.
    pub variables: Strings,
    /// `$context` variables, for authorizers.
    pub context: Strings,
}

/// A method to be tested.
pub struct Trial {
    /// The API as it is now, with this one method and what the method needs.
    pub api: Snapshot,
    /// The request's verb.
    pub verb: String,
    /// The rest of the request.
    pub sample: Sample,
}

/// What became of a test of a method.
pub struct Invoked {
    /// The status.
    pub status: u16,
    /// Header fields in AWS's spelling, in order, duplicates kept.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// The execution log.
    pub log: String,
    /// How long it took.
    pub latency: Duration,
}

/// What an authorizer lets a caller do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Permission {
    /// Who the caller is, as the authorizer says.
    pub principal: Option<String>,
    /// What the caller may call, a policy in JSON.
    pub policy: Option<String>,
    /// What the authorizer says besides, by name.
    pub authorization: BTreeMap<String, Vec<String>>,
    /// The claims of a user pool's token.
    pub claims: Strings,
}

/// What became of a test of an authorizer.
pub struct Asked {
    /// What a caller would be answered with, or 200 if it may pass.
    pub status: u16,
    /// What the caller may do.
    pub permission: Option<Permission>,
    /// The execution log.
    pub log: String,
    /// How long it took.
    pub latency: Duration,
}

/// A sample can't be a request.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// A header field's name or value is none.
    #[error("Invalid request header: {0}")]
    Header(String),
    /// The header fields are too many, or too long.
    #[error("Request header fields too large")]
    Headers,
    /// Path and query are too long.
    #[error("Request URI too long")]
    Uri,
    /// No method of this name.
    #[error("Invalid HTTP method: {0}")]
    Verb(String),
    /// There is no method to be tested.
    #[error("No integration defined for method")]
    NoMethod,
}

impl Invoker {
    /// Makes one that trusts backends' certificates as `tls` says, and reaches what else there is by `reach`.
    pub fn new(tls: Upstream, reach: Reach, clock: Clock, owner: Arc<Owner>, limits: Limits) -> Self {
        Self { tls, reach, clock, owner, limits }
    }

    fn backends(&self) -> Backends {
        Backends::new(self.reach.clone(), self.clock.clone(), self.limits)
    }

    /// Tests a method.
    pub async fn method(&self, trial: Trial) -> Result<Invoked, Malformed> {
        let (routed, path_parameters) = trial.route(self.clock.since_epoch(), &self.tls)?;
        let log = ExecutionLog::new(routed.request.id.to_string(), self.clock.clone());
        let mut outcome = Outcome::new(&self.owner, &routed.request, Instant::now()).journaled(log);
        outcome.located(&routed.stage, Side::Base, None);
        outcome.routed(&routed.request, &routed.method, &Rc::new(path_parameters));
        let backends = self.backends();
        let run = Box::pin(perform(Admitted(routed), &backends, &mut outcome));
        let result = tokio::time::timeout(DEADLINE, run).await.unwrap_or_else(|_| Err(Refusal::timeout()));
        let (reply, headers) = match result {
            Ok(reply) => {
                let trace = outcome.journal_and_trace().1.map(|trace| (TRACE_ID.to_owned(), trace.to_owned()));
                let headers = trace.into_iter().chain(readable(&reply.headers)).collect();
                (reply, headers)
            }
            Err(refusal) => {
                outcome.refused(&refusal);
                let reply = gateway_response::render(&refusal, outcome.facts());
                // Of a failure AWS shows the type of the error alone.
                let headers = readable(&reply.headers).filter(|(name, _)| name == "x-amzn-ErrorType").collect();
                (reply, headers)
            }
        };
        Ok(Invoked {
            status: reply.status.as_u16(),
            headers,
            // What is written down is taken whole first.
            body: if let Body::Whole(bytes) = reply.body { bytes } else { Bytes::new() },
            log: outcome.journal().map(|log| log.render()).unwrap_or_default(),
            latency: outcome.elapsed(),
        })
    }

    /// Tests an authorizer of an API as it is now.
    pub async fn authorizer(
        &self,
        api: &Snapshot,
        authorizer: &Authorizer,
        sample: Sample,
    ) -> Result<Asked, Malformed> {
        let (headers, uri) = (sample.headers()?, sample.uri("/")?);
        let path = uri.path().to_owned();
        let mut stage = CompiledStage::undeployed(api, &sample.variables, &self.tls);
        stage.name = StageName::new(AUTHORIZER_STAGE);
        let request = Request::new(made_up(Verb::GET, uri, headers, self.clock.since_epoch()), Body::Empty);
        let log = ExecutionLog::new(request.id.to_string(), self.clock.clone());
        let mut outcome = Outcome::new(&self.owner, &request, Instant::now()).journaled(log);
        outcome.located(&Arc::new(stage), Side::Base, None);
        outcome.given(sample.context);
        let compiled = CompiledAuthorizer::new(authorizer, &sample.variables);
        let arn = policy::method_arn(outcome.facts(), &path);
        let step = Step { authorizer: &compiled, path: &path, arn: &arn };
        let result = Box::pin(authorize::ask(step, &self.backends(), &mut outcome)).await;
        let status = result.as_ref().map_or_else(|denied| denied.status(), |_| 200);
        let permission = result.ok().map(|authorized| Permission {
            principal: Some(authorized.permission.principal.clone()),
            policy: Some(authorized.permission.policy_text.clone()),
            ..Permission::default()
        });
        let log = outcome.journal().map(|log| log.render()).unwrap_or_default();
        Ok(Asked { status, permission, log, latency: outcome.elapsed() })
    }
}

/// The head of a request that an operator makes up.
fn made_up(method: Verb, uri: Uri, headers: Headers, arrived: Duration) -> Head {
    Head {
        id: ids::long(),
        extended: ids::short(),
        arrived,
        method,
        uri,
        host: "testPrefix.testDomainName".into(),
        headers,
        peer: Peer::Test,
        port: 443,
        secure: true,
    }
}

impl Trial {
    /// The request at its method, past everything that a test leaves out.
    fn route(self, now: Duration, tls: &Upstream) -> Result<(Routed, PathParameters), Malformed> {
        let resource = self.api.resources.first().ok_or(Malformed::NoMethod)?;
        let method = resource.methods.first().ok_or(Malformed::NoMethod)?;
        let proxied = method.integration.as_ref().is_some_and(|integration| {
            matches!(integration.kind, IntegrationType::HttpProxy | IntegrationType::AwsProxy)
        });
        // Any verb finds a method of ANY.
        let verb = if method.verb == rest::Verb::Any { rest::Verb::Get } else { method.verb }.as_str();
        let uri = self.sample.uri(&resource.path)?;
        let path = uri.path().to_owned();
        let stage = CompiledStage::undeployed(&self.api, &self.sample.variables, tls);
        let router = &stage.deployed(Side::Base).router;
        let method = router.find(&resource.path, verb).map(|found| Arc::clone(found.method));
        let method = method.ok_or(Malformed::NoMethod)?;
        let path_parameters = router.find(&path, verb).map(|found| found.parameters).unwrap_or_default();
        let mut headers = self.sample.headers()?;
        // Mapping templates are chosen as for JSON, whatever the sample says.
        if !proxied && headers.last(&http::header::CONTENT_TYPE).is_some() {
            headers.set(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let verb = Verb::from_bytes(self.verb.as_bytes()).map_err(|_| Malformed::Verb(self.verb))?;
        let head = made_up(verb, uri, headers, now);
        let body = if self.sample.body.is_empty() { Body::Empty } else { Body::Whole(self.sample.body.into()) };
        let request = Request::new(head, body);
        Ok((Routed { request, stage: Arc::new(stage), method, path }, path_parameters))
    }
}

impl Sample {
    fn headers(&self) -> Result<Headers, Malformed> {
        let mut headers = Headers::with_capacity(self.headers.len() + 2);
        for (name, value) in &self.headers {
            let malformed = || Malformed::Header(name.clone());
            let field = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed())?;
            headers.append(field, HeaderValue::from_str(value).map_err(|_| malformed())?);
        }
        if headers.wire_size() > Limits::default().headers {
            return Err(Malformed::Headers);
        }
        Ok(headers)
    }

    /// Path and query, or else the resource's path with its braces.
    fn uri(&self, resource: &str) -> Result<Uri, Malformed> {
        let text = self.path_with_query.as_deref().filter(|text| !text.is_empty()).unwrap_or(resource);
        let slash = if text.starts_with('/') { "" } else { "/" };
        let encoded = format!("{slash}{}", utf8_percent_encode(text, NOT_IN_A_URI));
        if encoded.len() > Limits::default().url {
            return Err(Malformed::Uri);
        }
        Uri::builder().path_and_query(encoded).build().map_err(|_| Malformed::Uri)
    }
}

/// Header fields as text, in AWS's spelling.
fn readable(headers: &Headers) -> impl Iterator<Item = (String, String)> {
    headers.iter().map(|(name, value)| {
        (spelled(name.as_str()).into_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(path_with_query: &str) -> Sample {
        Sample { path_with_query: Some(path_with_query.to_owned()), ..Sample::default() }
    }

    #[test]
    fn any_text_is_path_and_query() {
        for (text, expected) in [
            ("/pets/1?a=b", "/pets/1?a=b"),
            ("pets", "/pets"),
            ("", "/pets/{petId}"),
            ("?a=b", "/?a=b"),
            ("/a b/é?x=|#y", "/a%20b/%C3%A9?x=%7C%23y"),
            ("http://elsewhere/x", "/http://elsewhere/x"),
            ("//elsewhere/x", "//elsewhere/x"),
            ("/a%2Fb", "/a%2Fb"),
        ] {
            let uri = sample(text).uri("/pets/{petId}").map(|uri| uri.to_string());
            assert_eq!(uri.as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(sample(&"/é".repeat(5_000)).uri("/").err(), Some(Malformed::Uri));
    }

    #[test]
    fn headers_that_are_none_are_refused() {
        for (name, value, expected) in [
            ("X-Fine", "é".to_owned(), None),
            ("not a name", "x".to_owned(), Some(Malformed::Header("not a name".to_owned()))),
            ("X-Split", "a\r\nb".to_owned(), Some(Malformed::Header("X-Split".to_owned()))),
            ("X-Long", "x".repeat(20_000), Some(Malformed::Headers)),
        ] {
            let sample = Sample { headers: vec![(name.to_owned(), value)], ..Sample::default() };
            assert_eq!(sample.headers().err(), expected, "{name}");
        }
    }
}
