//! How requests are made and answered.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::{HeaderMap, Request};

use super::sign::{self, Credentials};

/// What a client can be told; none of it is needed.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Another address of the API, with its stage.
    pub invoke_url: Option<String>,
    /// Sent as `x-api-key`.
    pub api_key: Option<String>,
    /// If given, requests are signed with AWS Signature Version 4.
    pub credentials: Option<Credentials>,
    /// The region that signatures name, `us-east-1` if there is none.
    pub region: Option<String>,
    /// Headers of all requests.
    pub headers: Vec<(String, String)>,
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    pub status: u16,
    pub headers: HeaderMap,
    pub data: T,
}

/// What a request without a model has for a body.
#[derive(Clone, Debug, Default)]
pub enum Payload {
    #[default]
    None,
    Json(Value),
    Bytes(Vec<u8>),
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self::Json(value)
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl Payload {
    pub(crate) fn bytes(self) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::None => Ok(None),
            Self::Json(value) => Ok(Some(serde_json::to_vec(&value)?)),
            Self::Bytes(bytes) => Ok(Some(bytes)),
        }
    }
}

/// Why there is no answer, or none that is a success.
#[derive(Debug)]
pub enum Error {
    /// The API could not be reached.
    Transport(Box<ureq::Error>),
    /// The answer is no success.
    Status(Box<Answer<Vec<u8>>>),
    /// A body is not what the API's models say.
    Json(serde_json::Error),
    /// A parameter in the path is empty or only dots, which would lead to another resource.
    Path(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => error.fmt(f),
            Self::Status(answer) => write!(f, "the API answered with status {}", answer.status),
            Self::Json(error) => error.fmt(f),
            Self::Path(name) => write!(f, "the path parameter {name} can't be this value"),
        }
    }
}

impl std::error::Error for Error {}

impl From<ureq::Error> for Error {
    fn from(error: ureq::Error) -> Self {
        Self::Transport(Box::new(error))
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

/// A request before it is addressed and signed.
pub(crate) struct Call<'a> {
    pub(crate) verb: &'a str,
    pub(crate) path: String,
    pub(crate) query: Vec<(&'a str, &'a str)>,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) content_type: &'a str,
    pub(crate) body: Option<Vec<u8>>,
}

/// Sends a client's requests.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    agent: ureq::Agent,
    invoke_url: String,
    config: Config,
}

impl Http {
    pub(crate) fn new(invoke_url: &str, config: Config) -> Self {
        // Keys and signatures are for this API, not for wherever it might lead.
        let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
        let invoke_url = config.invoke_url.as_deref().unwrap_or(invoke_url).trim_end_matches('/').to_owned();
        Self { agent, invoke_url, config }
    }

    pub(crate) fn send<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<Answer<T>, Error> {
        let mut query: Vec<String> =
            call.query.iter().map(|(name, value)| format!("{}={}", sign::encode(name), sign::encode(value))).collect();
        query.sort();
        let query = query.join("&");
        let mut url = format!("{}{}", self.invoke_url, call.path);
        if !query.is_empty() {
            url.push('?');
            url.push_str(&query);
        }
        let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
        if call.body.is_some() {
            set(&mut headers, "content-type", call.content_type);
        }
        for (name, value) in &self.config.headers {
            set(&mut headers, name, value);
        }
        for (name, value) in &call.headers {
            set(&mut headers, name, value);
        }
        if let Some(key) = &self.config.api_key {
            set(&mut headers, "x-api-key", key);
        }
        let body = call.body.unwrap_or_default();
        if let Some(credentials) = &self.config.credentials {
            let region = self.config.region.as_deref().unwrap_or("us-east-1");
            sign::sign(call.verb, &url, &mut headers, &body, credentials, region);
        }
        let mut request = Request::builder().method(call.verb).uri(url);
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let request = request.body(body).map_err(ureq::Error::from)?;
        let mut response = self.agent.run(request)?;
        let status = response.status();
        let body = response.body_mut().read_to_vec()?;
        let headers = response.headers().clone();
        if !status.is_success() {
            return Err(Error::Status(Box::new(Answer { status: status.as_u16(), headers, data: body })));
        }
        Ok(Answer { status: status.as_u16(), headers, data: decode(&body)? })
    }
}

/// A header is sent once: what is set later counts.
fn set(headers: &mut Vec<(String, String)>, name: &str, value: &str) {
    let name = name.to_ascii_lowercase();
    headers.retain(|(known, _)| *known != name);
    headers.push((name, value.to_owned()));
}

/// A body from JSON; nothing is `null`, and what is no JSON can be a text.
fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let body = if body.is_empty() { b"null" } else { body };
    let error = match serde_json::from_slice(body) {
        Ok(data) => return Ok(data),
        Err(error) => error,
    };
    if error.is_data() {
        return Err(error.into());
    }
    serde_json::from_value(Value::String(String::from_utf8_lossy(body).into_owned())).map_err(|_| error.into())
}

/// A value in a path. What is empty or only dots would lead to another resource.
pub(crate) fn segment(name: &'static str, value: &str, greedy: bool) -> Result<String, Error> {
    let parts: Vec<&str> = if greedy { value.split('/').collect() } else { vec![value] };
    if value.is_empty() || parts.iter().any(|part| matches!(*part, "." | "..")) {
        return Err(Error::Path(name));
    }
    let parts: Vec<String> = parts.into_iter().map(sign::encode).collect();
    Ok(parts.join("/"))
}
