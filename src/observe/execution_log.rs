//! The execution log of a request: what happened to it, step by step, in AWS's words, which are all in this file.
//!
//! Sources: logs of test invocations and execution logs that users published (data-plane reference, 22 and 23).

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter, Write};
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::clock::Clock;

/// A line has at most so many bytes, without its time; a longer one is cut and says so.
const MAX_LINE: usize = 1024;
/// How a line that was cut ends.
const CUT: &str = " [TRUNCATED]";
/// Of a secret so many characters at its end are shown, and never more than half of it.
const SHOWN: usize = 6;
/// Header fields whose values are secrets, in small letters.
const SECRETS: [&str; 5] =
    ["authorization", "proxy-authorization", "x-amz-security-token", "x-api-key", "x-turnpike-explain"];

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short] [month repr:short] [day] [hour]:[minute]:[second] UTC [year]");

/// What happened to one request so far.
pub struct ExecutionLog {
    request: String,
    clock: Clock,
    lines: Vec<(i64, String)>,
    hides_data: bool,
}

/// A line of the log.
pub enum Line<'a> {
    /// An authorizer is asked.
    StartingAuthorizer {
        /// Its id.
        authorizer: &'a str,
        /// The request's id.
        request: &'a str,
    },
    /// What identifies the caller.
    IncomingIdentity(&'a str),
    /// The caller may not pass.
    Unauthorized {
        /// The request's id.
        request: &'a str,
    },
    /// The authorizer itself is at fault.
    AuthorizerConfiguration,
    /// What the authorizer's function answered.
    AuthorizerAnswer(&'a str),
    /// Whose policy it is that says what the caller may do.
    AuthorizerPolicy(&'a str),
    /// The policy doesn't let the caller pass.
    NotAuthorized,
    /// The policy lets the caller pass.
    AuthorizerSuccessful,
    /// Lambda took no invocation.
    InvocationFailed {
        /// Lambda's status.
        status: u16,
        /// Lambda's id of the call.
        request: &'a str,
    },
    /// It is looked up what a caller's API key opens; without a key that is empty.
    VerifyingPlan {
        /// The request's id.
        request: &'a str,
        /// The key's value.
        key: &'a str,
        /// The API's id.
        api: &'a str,
        /// The stage's name.
        stage: &'a str,
    },
    /// The method wants no API key.
    NoKeyWanted {
        /// The key's value, where there is one all the same.
        key: &'a str,
        /// What is called, as in `method 'GET /'`.
        target: &'a str,
    },
    /// The API key does not open the method.
    KeyRefused {
        /// The key's value, or nothing.
        key: &'a str,
        /// What is called, as in `method 'GET /'`.
        target: &'a str,
        /// The API's id.
        api: &'a str,
        /// The stage's name.
        stage: &'a str,
    },
    /// The plan lets the request through.
    PlanSuccessful {
        /// The key's value, or nothing.
        key: &'a str,
        /// The API's id.
        api: &'a str,
        /// The stage's name.
        stage: &'a str,
    },
    /// The method begins its work.
    Starting {
        /// The request's id.
        request: &'a str,
    },
    /// Which method.
    Method {
        /// The request's verb.
        verb: &'a str,
        /// The request's path, not the resource's.
        path: &'a str,
    },
    /// Which route a connection's event is for.
    Route(&'a str),
    /// Somebody wants to connect.
    Connecting {
        /// What it says it is.
        agent: &'a str,
        /// Where it is.
        source: &'a str,
        /// The API's id.
        api: &'a str,
    },
    /// A connection may be opened.
    Connected {
        /// The connection's id.
        connection: &'a str,
        /// The API's id.
        api: &'a str,
    },
    /// A message came.
    Sent {
        /// The connection's id.
        connection: &'a str,
        /// The API's id.
        api: &'a str,
    },
    /// A connection has ended.
    Disconnected {
        /// The connection's id.
        connection: &'a str,
        /// The API's id.
        api: &'a str,
    },
    /// The path parameters.
    RequestPath(Pairs<'a>),
    /// The query parameters.
    RequestQuery(Pairs<'a>),
    /// The request's header fields.
    RequestHeaders(Pairs<'a>),
    /// The request's body.
    RequestBody(&'a str),
    /// What is called.
    EndpointUri(&'a str),
    /// The header fields of the call.
    EndpointRequestHeaders(Pairs<'a>),
    /// The body of the call.
    EndpointRequestBody(&'a str),
    /// The call is made.
    Sending(&'a str),
    /// The endpoint answered.
    Received {
        /// Its status.
        status: u16,
        /// How long it took.
        latency: Duration,
    },
    /// The header fields of the endpoint's answer.
    EndpointResponseHeaders(Pairs<'a>),
    /// The body of the endpoint's answer.
    EndpointResponseBody(&'a str),
    /// The body that the caller gets.
    ResponseBody(&'a str),
    /// The header fields that the caller gets.
    ResponseHeaders(Pairs<'a>),
    /// The method has done its work.
    Successful,
    /// The method has not done its work, and why.
    Failed(&'a str),
    /// The end, in every case.
    Completed {
        /// The status that the caller gets.
        status: u16,
    },
}

/// Names and values, shown as `{name=value, name=value}`; secrets among them are masked.
#[derive(Debug, Default, PartialEq)]
pub struct Pairs<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Pairs<'a> {
    /// Adds a value; a name that has one already gets both, with a comma between them.
    pub fn add(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => {
                let values = values.to_mut();
                values.push(',');
                values.push_str(&value);
            }
            None => self.0.push((name, value)),
        }
    }
}

impl ExecutionLog {
    /// A log without lines.
    pub fn new(request: impl Into<String>, clock: Clock) -> Self {
        Self { request: request.into(), clock, lines: Vec::new(), hides_data: false }
    }

    /// From here on what callers and endpoints say is left out.
    pub fn hide_data(&mut self) {
        self.hides_data = true;
    }

    /// The id of the request that the log is about.
    pub fn request(&self) -> &str {
        &self.request
    }

    /// Adds a line.
    pub fn write(&mut self, line: &Line<'_>) {
        if self.hides_data && line.is_data() {
            return;
        }
        let mut text = Bounded { text: String::new(), cut: false };
        // It fails only when the line is long enough to be cut.
        let _ = write!(text, "{line}");
        self.lines.push((self.clock.seconds(), text.finish()));
    }

    /// The lines, without their times.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(_, line)| line.as_str())
    }

    /// The whole log, as test invocations show it.
    pub fn render(&self) -> String {
        let mut out = format!("Execution log for request {}\n", self.request);
        for (at, line) in &self.lines {
            let time = OffsetDateTime::from_unix_timestamp(*at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
            let time = time.format(TIME).unwrap_or_default();
            let _ = writeln!(out, "{time} : {line}");
        }
        out
    }
}

impl Line<'_> {
    /// Whether it shows what a caller or an endpoint says.
    fn is_data(&self) -> bool {
        matches!(
            self,
            Self::AuthorizerAnswer(_)
                | Self::RequestPath(_)
                | Self::RequestQuery(_)
                | Self::RequestHeaders(_)
                | Self::RequestBody(_)
                | Self::EndpointRequestHeaders(_)
                | Self::EndpointRequestBody(_)
                | Self::EndpointResponseHeaders(_)
                | Self::EndpointResponseBody(_)
                | Self::ResponseBody(_)
                | Self::ResponseHeaders(_)
        )
    }
}

impl Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartingAuthorizer { authorizer, request } => {
                write!(f, "Starting authorizer: {authorizer} for request: {request}")
            }
            Self::IncomingIdentity(identity) => write!(f, "Incoming identity: {}", mask(identity)),
            Self::Unauthorized { request } => write!(f, "Unauthorized request: {request}"),
            Self::AuthorizerConfiguration => f.write_str("AuthorizerConfigurationException"),
            Self::AuthorizerAnswer(body) => write!(f, "Authorizer result body before parsing: {body}"),
            Self::AuthorizerPolicy(principal) => {
                write!(f, "Using valid authorizer policy for principal: {}", mask(principal))
            }
            Self::NotAuthorized => f.write_str("The client is not authorized to perform this operation."),
            Self::AuthorizerSuccessful => f.write_str("Successfully completed authorizer execution"),
            Self::InvocationFailed { status, request } => {
                write!(f, "Lambda invocation failed with status: {status}. Lambda request id: {request}")
            }
            Self::VerifyingPlan { request, key, api, stage } => {
                let key = mask(key);
                write!(f, "Verifying Usage Plan for request: {request}. API Key: {key} API Stage: {api}/{stage}")
            }
            Self::NoKeyWanted { key, target } => {
                let key = mask(key);
                write!(
                    f,
                    "API Key {key} authorized because {target} does not require API Key. Request will \
                     not contribute to throttle or quota limits"
                )
            }
            Self::KeyRefused { key, target, api, stage } => {
                let key = mask(key);
                write!(
                    f,
                    "API Key {key} not authorized because {target} requires API Key and API Key is not \
                     associated with a Usage Plan for API Stage {api}/{stage}: No Usage Plan found for key and API Stage"
                )
            }
            Self::PlanSuccessful { key, api, stage } => {
                let key = mask(key);
                write!(f, "Usage Plan check succeeded for API Key {key} and API Stage {api}/{stage}")
            }
            Self::Starting { request } => write!(f, "Starting execution for request: {request}"),
            Self::Method { verb, path } => write!(f, "HTTP Method: {verb}, Resource Path: {path}"),
            Self::Route(key) => write!(f, "WebSocket Request Route: [{key}]"),
            Self::Connecting { agent, source, api } => {
                write!(f, "Client [UserAgent: {agent}, SourceIp: {source}] is connecting to WebSocket API [{api}].")
            }
            Self::Connected { connection, api } => {
                write!(f, "Client [Connection Id: {connection}] connected to API [{api}] successfully.")
            }
            Self::Sent { connection, api } => {
                write!(f, "Client [Connection Id: {connection}] sent message to [{api}] WebSocket API.")
            }
            Self::Disconnected { connection, api } => {
                write!(f, "Client [Connection Id: {connection}] disconnected from API [{api}].")
            }
            Self::RequestPath(pairs) => write!(f, "Method request path: {pairs}"),
            Self::RequestQuery(pairs) => write!(f, "Method request query string: {pairs}"),
            Self::RequestHeaders(pairs) => write!(f, "Method request headers: {pairs}"),
            Self::RequestBody(body) => write!(f, "Method request body before transformations: {body}"),
            Self::EndpointUri(uri) => write!(f, "Endpoint request URI: {uri}"),
            Self::EndpointRequestHeaders(pairs) => write!(f, "Endpoint request headers: {pairs}"),
            Self::EndpointRequestBody(body) => write!(f, "Endpoint request body after transformations: {body}"),
            Self::Sending(uri) => write!(f, "Sending request to {uri}"),
            Self::Received { status, latency } => {
                write!(f, "Received response. Status: {status}, Integration latency: {} ms", latency.as_millis())
            }
            Self::EndpointResponseHeaders(pairs) => write!(f, "Endpoint response headers: {pairs}"),
            Self::EndpointResponseBody(body) => write!(f, "Endpoint response body before transformations: {body}"),
            Self::ResponseBody(body) => write!(f, "Method response body after transformations: {body}"),
            Self::ResponseHeaders(pairs) => write!(f, "Method response headers: {pairs}"),
            Self::Successful => f.write_str("Successfully completed execution"),
            Self::Failed(reason) => f.write_str(reason),
            Self::Completed { status } => write!(f, "Method completed with status: {status}"),
        }
    }
}

impl Display for Pairs<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('{')?;
        for (at, (name, value)) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            let value = if is_secret(name) { Cow::Owned(mask(value)) } else { Cow::Borrowed(&**value) };
            write!(f, "{separator}{name}={value}")?;
        }
        f.write_char('}')
    }
}

/// Whether the values of a header field are secrets.
pub fn is_secret(name: &str) -> bool {
    SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

/// A secret with only its end to be read.
pub fn mask(secret: &str) -> String {
    let length = secret.chars().count();
    let hidden = length - SHOWN.min(length / 2);
    secret.chars().enumerate().map(|(at, character)| if at < hidden { '*' } else { character }).collect()
}

/// Takes a line as far as it goes: of a large body no more is looked at than is shown.
struct Bounded {
    text: String,
    cut: bool,
}

impl Bounded {
    fn finish(mut self) -> String {
        if self.cut {
            self.text.truncate(boundary(&self.text, MAX_LINE - CUT.len()));
            self.text.push_str(CUT);
        }
        self.text
    }
}

impl Write for Bounded {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = MAX_LINE - self.text.len();
        if piece.len() <= room {
            self.text.push_str(piece);
            return Ok(());
        }
        self.text.push_str(&piece[..boundary(piece, room)]);
        self.cut = true;
        Err(fmt::Error)
    }
}

/// The last place up to `limit` bytes where a text may be cut.
fn boundary(text: &str, limit: usize) -> usize {
    let limit = limit.min(text.len());
    (0..=limit).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(given: &[(&'static str, &'static str)]) -> Pairs<'static> {
        let mut pairs = Pairs::default();
        given.iter().for_each(|(name, value)| pairs.add(*name, *value));
        pairs
    }

    #[test]
    fn lines_have_awss_words() {
        let id = "00000000-0000-0000-0000-000000000000";
        let request = id;
        let latency = Duration::from_micros(12_900);
        for (line, expected) in [
            (
                Line::StartingAuthorizer { authorizer: "abc123", request },
                &*format!("Starting authorizer: abc123 for request: {id}"),
            ),
            (Line::IncomingIdentity("allow"), "Incoming identity: ***ow"),
            (Line::Unauthorized { request }, &format!("Unauthorized request: {id}")),
            (Line::AuthorizerAnswer("{}"), "Authorizer result body before parsing: {}"),
            (Line::AuthorizerPolicy("user-1"), "Using valid authorizer policy for principal: ***r-1"),
            (
                Line::InvocationFailed { status: 429, request: "r" },
                "Lambda invocation failed with status: 429. Lambda request id: r",
            ),
            (
                Line::VerifyingPlan { request, key: "", api: "a", stage: "s" },
                &format!("Verifying Usage Plan for request: {id}. API Key:  API Stage: a/s"),
            ),
            (
                Line::NoKeyWanted { key: "", target: "method 'POST /x'" },
                "API Key  authorized because method 'POST /x' does not require API Key. Request will not contribute to \
                 throttle or quota limits",
            ),
            (
                Line::KeyRefused { key: "0123456789abcdef", target: "method 'GET /'", api: "a", stage: "s" },
                "API Key **********abcdef not authorized because method 'GET /' requires API Key and API Key is not \
                 associated with a Usage Plan for API Stage a/s: No Usage Plan found for key and API Stage",
            ),
            (
                Line::PlanSuccessful { key: "", api: "a", stage: "s" },
                "Usage Plan check succeeded for API Key  and API Stage a/s",
            ),
            (Line::Starting { request }, &format!("Starting execution for request: {id}")),
            (Line::Route("$connect"), "WebSocket Request Route: [$connect]"),
            (
                Line::Connecting { agent: "null", source: "192.0.2.1", api: "a" },
                "Client [UserAgent: null, SourceIp: 192.0.2.1] is connecting to WebSocket API [a].",
            ),
            (
                Line::Connected { connection: "c", api: "a" },
                "Client [Connection Id: c] connected to API [a] successfully.",
            ),
            (Line::Sent { connection: "c", api: "a" }, "Client [Connection Id: c] sent message to [a] WebSocket API."),
            (Line::Disconnected { connection: "c", api: "a" }, "Client [Connection Id: c] disconnected from API [a]."),
            (Line::Method { verb: "GET", path: "/pets/1" }, "HTTP Method: GET, Resource Path: /pets/1"),
            (Line::RequestPath(pairs(&[("petId", "1")])), "Method request path: {petId=1}"),
            (Line::RequestQuery(pairs(&[])), "Method request query string: {}"),
            (Line::RequestHeaders(pairs(&[("A", "1"), ("B", "2")])), "Method request headers: {A=1, B=2}"),
            (Line::RequestBody(""), "Method request body before transformations: "),
            (Line::EndpointUri("http://h/"), "Endpoint request URI: http://h/"),
            (Line::Sending("http://h/"), "Sending request to http://h/"),
            (Line::Received { status: 200, latency }, "Received response. Status: 200, Integration latency: 12 ms"),
            (Line::Successful, "Successfully completed execution"),
            (Line::Failed("Execution failed due to a timeout error"), "Execution failed due to a timeout error"),
            (Line::Completed { status: 504 }, "Method completed with status: 504"),
        ] {
            assert_eq!(line.to_string(), expected);
        }
    }

    #[test]
    fn data_is_left_out_where_it_is_not_to_be_seen() {
        let mut log = ExecutionLog::new("r", Clock::fixed(0));
        log.hide_data();
        log.write(&Line::RequestBody("data"));
        log.write(&Line::EndpointResponseBody("data"));
        log.write(&Line::Successful);
        assert_eq!(log.lines().collect::<Vec<_>>(), ["Successfully completed execution"]);
    }

    #[test]
    fn of_secrets_only_the_end_is_shown() {
        for (name, value, expected) in [
            ("Authorization", "Bearer abcdef123456", "{Authorization=*************123456}"),
            ("authorization", "user", "{authorization=**er}"),
            ("X-API-Key", "0123456789abcdef", "{X-API-Key=**********abcdef}"),
            ("X-Amz-Security-Token", "ééé", "{X-Amz-Security-Token=**é}"),
            ("Authorization", "x", "{Authorization=*}"),
            ("X-Other", "shown", "{X-Other=shown}"),
        ] {
            assert_eq!(pairs(&[(name, value)]).to_string(), expected);
        }
    }

    #[test]
    fn several_values_of_a_name_have_commas_between_them() {
        assert_eq!(pairs(&[("a", "1"), ("b", "x"), ("a", "2")]).to_string(), "{a=1,2, b=x}");
    }

    #[test]
    fn long_lines_are_cut_and_say_so() {
        let mut log = ExecutionLog::new("r", Clock::fixed(0));
        let prefix = "Method request body before transformations: ".len();
        for (body, kept) in [("x".repeat(MAX_LINE - prefix), true), ("é".repeat(5_000), false)] {
            log.write(&Line::RequestBody(&body));
            let line = &log.lines.last().expect("a line").1;
            assert!(line.len() <= MAX_LINE);
            assert_eq!(!line.ends_with(CUT), kept, "{line}");
        }
    }

    #[test]
    fn a_log_is_rendered_as_test_invocations_show_it() {
        let mut log = ExecutionLog::new("some-id", Clock::fixed(1_700_000_000));
        log.write(&Line::Successful);
        assert_eq!(
            log.render(),
            "Execution log for request some-id\n\
             Tue Nov 14 22:13:20 UTC 2023 : Successfully completed execution\n"
        );
    }
}
