//! Lambda functions: whom an integration's URI names, and how they are invoked.
//!
//! Every invocation is a call of Lambda's Invoke API, as logs show it. It goes where the settings say that Lambda is; if
//! they don't say, to the functions that the node runs itself, where it runs any, and otherwise to AWS.

mod eventstream;
mod here;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method};
use tokio::time::Instant;
use uuid::Uuid;

use super::aws::{self, As, Aws, AwsUri, Callee};
use super::http1;
use crate::functions::Functions;
use crate::model::rest::Strings;
use crate::traffic::message::{Body, Headers};

/// An event, and what a function answers, has at most so many bytes: Lambda's 6 MiB and 100 bytes.
pub const MAX_PAYLOAD: u64 = 6_291_556;
/// How Lambda says that a function did not do its work.
pub const FUNCTION_ERROR: &str = "x-amz-function-error";

/// The type of an answer that comes in events.
const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// Lambda, as ARNs name it.
const SERVICE: &str = "lambda";
const INVOCATION_TYPE: HeaderName = HeaderName::from_static("x-amz-invocation-type");
const SOURCE_ARN: HeaderName = HeaderName::from_static("x-amz-source-arn");
const TAG: HeaderName = HeaderName::from_static("x-amzn-lambda-integration-tag");
const API_ID: HeaderName = HeaderName::from_static("x-amzn-apigateway-api-id");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// A function, as an integration or an authorizer names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its ARN or its name, perhaps with a version or an alias behind it.
    pub name: String,
    /// Where it is called.
    pub region: String,
    /// Whether its answer comes piece by piece.
    pub streams: bool,
    /// The path by which Lambda's API knows the invocation.
    path: String,
}

/// What a function shall be told, and in whose name.
pub struct Wish<'a> {
    /// The event.
    pub payload: Bytes,
    /// What of which API calls, as resource policies have it.
    pub source_arn: &'a str,
    /// The API.
    pub api: &'a str,
    /// The request.
    pub request: Uuid,
    /// The trace that the request belongs to.
    pub trace: &'a str,
    /// By whose rights.
    pub identity: As<'a>,
    /// How long the function may take.
    pub timeout: Duration,
}

/// An invocation, ready to go.
pub struct Invocation {
    /// The call of Lambda's API, not yet signed.
    pub call: http1::Call,
    /// The function's ARN or its name, perhaps with a version or an alias behind it.
    pub function: String,
    /// Where it is called.
    pub region: String,
    /// The role that invokes it, instead of the gateway itself.
    pub role: Option<String>,
}

/// Why a function was not invoked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Lambda can't be found, or the call can't be signed.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// The call failed.
    #[error(transparent)]
    Call(#[from] http1::Error),
    /// The event is longer than Lambda takes.
    #[error("the event has {0} bytes, and Lambda takes at most {MAX_PAYLOAD}")]
    TooLong(u64),
}

/// Invokes functions. Cheap to clone; the connections are each worker's own.
#[derive(Clone)]
pub struct Lambda {
    aws: Aws,
    functions: Option<Functions>,
}

impl Function {
    /// Reads the URI of an integration or an authorizer, with a stage's variables; nothing if it names no function.
    pub fn read(uri: &str, variables: &Strings) -> Option<Self> {
        let uri = AwsUri::compile(uri, variables)?;
        let Callee::Constant(place) = &uri.callee else { return None };
        let name = uri.function()?.constant()?.to_owned();
        let path = uri.rest.constant()?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'$' | b'.');
        // An alias that a missing stage variable should have named, for one, is none.
        if name.is_empty() || name.ends_with(':') || !name.bytes().all(is_name) {
            return None;
        }
        let streams = path.ends_with("/response-streaming-invocations");
        Some(Self { region: place.region.clone(), path: format!("/{path}"), name, streams })
    }
}

impl Lambda {
    /// Finds Lambda where `aws` says, or in the functions that the node runs itself.
    pub fn new(aws: Aws, functions: Option<Functions>) -> Self {
        Self { aws, functions }
    }

    /// Makes an invocation of a wish. Source of the header fields: data-plane reference, 10.5.
    pub fn prepare(&self, function: &Function, wish: Wish<'_>) -> Result<Invocation, Error> {
        let length = wish.payload.len() as u64;
        if length > MAX_PAYLOAD {
            return Err(Error::TooLong(length));
        }
        let endpoint = self.aws.endpoint(SERVICE, &function.region)?;
        let mut headers = Headers::with_capacity(12);
        let tag = wish.request.to_string();
        let agent = format!("AmazonAPIGateway_{}", wish.api);
        for (name, value) in [
            (TAG, tag.as_str()),
            (API_ID, wish.api),
            (ACCEPT, "application/json"),
            (USER_AGENT, &agent),
            (TRACE_ID, wish.trace),
            (SOURCE_ARN, wish.source_arn),
            (CONTENT_TYPE, "application/json"),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.append(name, value);
            }
        }
        let call = http1::Call {
            origin: Arc::clone(&endpoint.origin),
            tls: None,
            method: Method::POST,
            target: format!("{}{}", endpoint.base, function.path),
            headers,
            body: Body::Whole(wish.payload),
            timeout: wish.timeout,
        };
        let role = if let As::Role(arn) = wish.identity { Some(arn.to_owned()) } else { None };
        Ok(Invocation { call, function: function.name.clone(), region: function.region.clone(), role })
    }

    /// Invokes a function, which may take as long as the call says, signing included. The answer is free of the framing
    /// that it may have come in.
    pub async fn invoke(&self, client: &http1::Client, invocation: Invocation) -> Result<http1::Answer, Error> {
        let is_awss = self.aws.endpoint(SERVICE, &invocation.region)?.is_awss;
        if let (Some(functions), true) = (&self.functions, is_awss) {
            return Ok(here::invoke(functions, invocation).await?);
        }
        let Invocation { mut call, region, role, .. } = invocation;
        let (timeout, started) = (call.timeout, Instant::now());
        let identity = role.as_deref().map_or(As::Node, As::Role);
        let signing = self.aws.sign(&mut call, SERVICE, &region, identity);
        tokio::time::timeout(timeout, signing).await.map_err(|_| http1::Error::Timeout(timeout))??;
        call.timeout = timeout.saturating_sub(started.elapsed());
        let mut answer = client.send(call).await?;
        if answer.headers.last_text(CONTENT_TYPE.as_str()) == Some(EVENT_STREAM) {
            answer.body = eventstream::unframed(answer.body);
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::clock::Clock;
    use crate::traffic::integration::Upstream;
    use crate::traffic::integration::aws::Environment;

    const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

    fn uri(name: &str) -> String {
        format!("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{name}/invocations")
    }

    #[test]
    fn uris_name_functions() {
        for (text, expected) in [
            (uri(ARN), Some(ARN)),
            (uri(&format!("{ARN}:live")), Some(&*format!("{ARN}:live"))),
            (uri(&format!("{ARN}:$LATEST")), Some(&*format!("{ARN}:$LATEST"))),
            (uri("f"), Some("f")),
            (uri(&format!("{ARN}:")), None),
            (uri(""), None),
            (uri("f/../g"), None),
            (uri("f?x"), None),
            (uri("f").replace("lambda:path", "sqs:path"), None),
            (uri("f").replace("eu-west-1", ""), None),
            (uri("f").replace("/invocations", ""), None),
            (uri("f").replace("2015-03-31", "2021-11-15").replace("/inv", "/response-streaming-inv"), Some("f")),
            (uri("f").replace("/inv", "/response-streaming-inv"), None),
            ("http://h/2015-03-31/functions/f/invocations".to_owned(), None),
            (String::new(), None),
        ] {
            let function = Function::read(&text, &Strings::new());
            assert_eq!(function.as_ref().map(|function| &*function.name), expected, "{text}");
            assert!(function.is_none_or(|function| function.region == "eu-west-1"), "{text}");
        }
    }

    #[tokio::test]
    async fn invocations_are_calls_of_lambdas_api() {
        let environment = Environment::from([("AWS_ENDPOINT_URL_LAMBDA", "http://localhost:4000/base/")]);
        let tls = Arc::clone(Upstream::of_this_machine().expect("certificates").plain());
        let lambda = Lambda::new(Aws::new(environment, "us-east-1", Clock::fixed(0), tls), None);
        let wish = |payload| Wish {
            payload,
            source_arn: "arn:aws:execute-api:us-east-1:123456789012:abc/prod/GET/pets/{id}",
            api: "abc",
            request: Uuid::nil(),
            trace: "Root=1-0-0",
            identity: As::Role("arn:aws:iam::123456789012:role/r"),
            timeout: Duration::from_secs(1),
        };
        let function = Function::read(&uri("f:live"), &Strings::new()).expect("a function");
        let invocation = lambda.prepare(&function, wish(Bytes::from_static(b"{}"))).expect("an invocation");
        assert_eq!(invocation.call.uri(), "http://localhost:4000/base/2015-03-31/functions/f:live/invocations");
        assert_eq!(invocation.call.headers.last_text("user-agent"), Some("AmazonAPIGateway_abc"));
        assert_eq!(invocation.role.as_deref(), Some("arn:aws:iam::123456789012:role/r"));
        let long = Bytes::from(vec![b' '; MAX_PAYLOAD as usize + 1]);
        assert!(matches!(lambda.prepare(&function, wish(long)), Err(Error::TooLong(_))));
    }
}
