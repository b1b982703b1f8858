//! Calls to a node, signed as any AWS client signs them.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Body, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::identity::sigv4::{self, Credentials};
use crate::observe::clock::Clock;

/// A call must be answered within this time; a deployment waits for all nodes.
const DEADLINE: Duration = Duration::from_secs(60);

/// A call that a node answered with an error's status.
#[derive(Debug, thiserror::Error)]
#[error("{call}: {status}{}{message}", if message.is_empty() { "" } else { ": " })]
pub(super) struct Refused {
    /// Verb and path.
    call: String,
    /// The status.
    pub(super) status: StatusCode,
    /// What the node says, if it says something.
    message: String,
}

/// A node's address: the control plane's, or the one where it serves APIs.
pub(super) struct Remote {
    client: reqwest::Client,
    endpoint: String,
    authority: String,
    credentials: Credentials,
    region: String,
    /// What calls are signed for.
    service: &'static str,
    clock: Clock,
}

impl Remote {
    pub(super) fn new(endpoint: &str, credentials: Credentials, region: &str) -> anyhow::Result<Self> {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let authority = endpoint.split_once("://").map(|(_, authority)| authority.to_owned());
        let authority = authority.with_context(|| format!("{endpoint} is not a URL like http://127.0.0.1:9000"))?;
        let client = reqwest::Client::builder().connect_timeout(DEADLINE).no_proxy().build()?;
        let region = region.to_owned();
        Ok(Self { client, endpoint, authority, credentials, region, service: "apigateway", clock: Clock::system() })
    }

    /// The same, for calls to another service than API Gateway's control plane.
    pub(super) fn of_service(self, service: &'static str) -> Self {
        Self { service, ..self }
    }

    /// Makes a call and reads its answer; an error's message is the error.
    pub(super) async fn call(&self, method: &str, target: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = self.request(method, target, &sigv4::hex_sha256(body.as_bytes()))?;
        let request = request.timeout(DEADLINE).header("content-type", "application/json").body(body);
        read(self.send(method, target, request).await?).await
    }

    /// Makes a call whose body is a document of its own.
    pub(super) async fn send_document(&self, method: &str, target: &str, document: Vec<u8>) -> anyhow::Result<Value> {
        let request = self.request(method, target, &sigv4::hex_sha256(&document))?;
        let request = request.timeout(DEADLINE).header("content-type", "application/octet-stream").body(document);
        read(self.send(method, target, request).await?).await
    }

    /// Makes a call whose answer is read piece by piece, for as long as it takes.
    pub(super) async fn download(&self, target: &str) -> anyhow::Result<Response> {
        let request = self.request("GET", target, &sigv4::hex_sha256(b""))?;
        self.send("GET", target, request).await
    }

    /// Makes a call whose answer is a document in this notation.
    pub(super) async fn document(&self, target: &str, accept: &str) -> anyhow::Result<Vec<u8>> {
        let request = self.request("GET", target, &sigv4::hex_sha256(b""))?;
        let request = request.timeout(DEADLINE).header("accept", accept);
        Ok(self.send("GET", target, request).await?.bytes().await?.to_vec())
    }

    /// The address of a target that may be read by whoever has it, for so many seconds.
    pub(super) fn presigned(&self, target: &str, seconds: i64) -> String {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = [("host", self.authority.as_str())];
        let request = sigv4::Request { method: "GET", path, query, headers: &headers, body: b"" };
        let now = self.clock.seconds();
        let query = sigv4::presign(&request, &self.credentials, &self.region, self.service, now, seconds);
        format!("{}{path}?{query}", self.endpoint)
    }

    /// Makes a call with a body that is sent piece by piece, and has this hash; it may take as long as it takes.
    pub(super) async fn upload(&self, target: &str, hash: &str, body: Body) -> anyhow::Result<Value> {
        let request = self.request("POST", target, hash)?.header("content-type", "application/octet-stream");
        read(self.send("POST", target, request.body(body)).await?).await
    }

    /// A request, signed for a body with this hash.
    fn request(&self, method: &str, target: &str, hash: &str) -> anyhow::Result<RequestBuilder> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = [("host", self.authority.as_str())];
        let request = sigv4::Request { method, path, query, headers: &headers, body: b"" };
        let now = self.clock.seconds();
        let signed = sigv4::sign(&request, hash, &self.credentials, &self.region, self.service, now);
        let mut request = self.client.request(method.parse()?, format!("{}{target}", self.endpoint));
        for (name, value) in signed {
            request = request.header(name, value);
        }
        Ok(request)
    }

    /// Sends a request; what is answered with an error's status is an error.
    async fn send(&self, method: &str, target: &str, request: RequestBuilder) -> anyhow::Result<Response> {
        let sent = request.send().await;
        let response = sent.with_context(|| format!("no answer from {}; is the node running?", self.endpoint))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await?;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let path = target.split('?').next().unwrap_or(target);
        let message = answer["message"].as_str().unwrap_or(&text).to_owned();
        bail!(Refused { call: format!("{method} {path}"), status, message });
    }
}

async fn read(response: Response) -> anyhow::Result<Value> {
    let text = response.text().await?;
    Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or_default() })
}
