//! Calls to a node's admin address, signed as any AWS client signs them.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::identity::sigv4::{self, Credentials};
use crate::observe::clock::Clock;

/// A call must be answered within this time; a deployment waits for all nodes.
const DEADLINE: Duration = Duration::from_secs(60);

/// A node's admin address.
pub(super) struct Remote {
    client: reqwest::Client,
    endpoint: String,
    authority: String,
    credentials: Credentials,
    region: String,
    clock: Clock,
}

impl Remote {
    pub(super) fn new(endpoint: &str, credentials: Credentials, region: &str) -> anyhow::Result<Self> {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let authority = endpoint.split_once("://").map(|(_, authority)| authority.to_owned());
        let authority = authority.with_context(|| format!("{endpoint} is not a URL like http://127.0.0.1:9000"))?;
        let client = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build()?;
        let region = region.to_owned();
        Ok(Self { client, endpoint, authority, credentials, region, clock: Clock::system() })
    }

    /// Makes a call and reads its answer; an error's message is the error.
    pub(super) async fn call(&self, method: &str, target: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = [("host", self.authority.as_str())];
        let request = sigv4::Request { method, path, query, headers: &headers, body: body.as_bytes() };
        let signed = sigv4::sign(&request, &self.credentials, &self.region, "apigateway", self.clock.seconds());
        let mut request = self.client.request(method.parse()?, format!("{}{target}", self.endpoint));
        for (name, value) in signed {
            request = request.header(name, value);
        }
        let sent = request.header("content-type", "application/json").body(body).send().await;
        let response = sent.with_context(|| format!("no answer from {}; is the node running?", self.endpoint))?;
        let status = response.status();
        let text = response.text().await?;
        let answer: Value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or_default() };
        if !status.is_success() {
            bail!("{method} {path}: {status}: {}", answer["message"].as_str().unwrap_or(&text));
        }
        Ok(answer)
    }
}
