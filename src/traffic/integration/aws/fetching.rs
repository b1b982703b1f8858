//! HTTP to where credentials come from: few calls, short answers, an end to each.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use rustls::ClientConfig;

/// Where credentials come from must be reached in this time.
const CONNECT: Duration = Duration::from_secs(2);
/// And must have answered in this.
const WHOLE: Duration = Duration::from_secs(5);
/// An answer has at most so many bytes.
const LONGEST: usize = 64 * 1024;

/// A client that is made when it is needed first.
pub(super) struct Fetcher {
    tls: Arc<ClientConfig>,
    client: OnceLock<Client>,
}

impl Fetcher {
    /// Trusts certificates as `tls` says.
    pub(super) fn new(tls: Arc<ClientConfig>) -> Self {
        Self { tls, client: OnceLock::new() }
    }

    /// The client. No proxy and no redirect: what is fetched is secret.
    pub(super) fn client(&self) -> Result<Client, String> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let builder = Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(&self.tls))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(WHOLE);
        let client = builder.build().map_err(|error| said(&error))?;
        Ok(self.client.get_or_init(|| client).clone())
    }
}

/// Sends a request and reads the whole answer. The error names no URL: some of those are secrets.
pub(super) async fn answer(request: RequestBuilder) -> Result<(StatusCode, String), String> {
    let failed = |error: reqwest::Error| said(&error.without_url());
    let mut response = request.send().await.map_err(failed)?;
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        if body.len() + piece.len() > LONGEST {
            return Err(format!("the answer is longer than {LONGEST} bytes"));
        }
        body.extend_from_slice(&piece);
    }
    Ok((response.status(), String::from_utf8_lossy(&body).into_owned()))
}

/// An error with what caused it.
fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
