//! `turnpike export`: what a stage serves, as an OpenAPI document.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::cluster::credentials;
use super::output;
use super::remote::Remote;

/// What stands for itself in a URL.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// So many APIs are listed in one call: AWS's most.
const PAGE: u32 = 500;

/// Write what a stage serves as an OpenAPI document.
///
/// What is written is what was deployed, not what the API has become since.
#[derive(Args)]
pub(super) struct Arguments {
    /// The API: its id, or its name if no other has it.
    api: String,
    /// The stage.
    stage: String,
    /// The version of OpenAPI.
    #[arg(long, value_enum, default_value_t = Format::Oas30)]
    format: Format,
    /// Write YAML.
    #[arg(long)]
    yaml: bool,
    /// Write JSON; this is what is written if nothing else is asked for.
    #[arg(long, conflicts_with = "yaml")]
    json: bool,
    /// Extensions of API Gateway, with commas between them: apigateway (all, for an import), integrations, authorizers,
    /// postman.
    #[arg(long, default_value = "")]
    extensions: String,
    /// The file to write, instead of standard output.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Admin address of any node.
    #[arg(long, env = "TURNPIKE_ADMIN_URL", default_value = "http://127.0.0.1:9000")]
    admin_url: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// OpenAPI 3.0
    Oas30,
    /// Swagger 2.0
    Swagger,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(carry_out(arguments))
}

async fn carry_out(arguments: &Arguments) -> anyhow::Result<()> {
    let remote = Remote::new(&arguments.admin_url, credentials()?, "us-east-1")?;
    let api = find(&remote, &arguments.api).await?;
    let format = match arguments.format {
        Format::Oas30 => "oas30",
        Format::Swagger => "swagger",
    };
    let stage = encoded(&arguments.stage);
    let mut target = format!("/restapis/{}/stages/{stage}/exports/{format}", encoded(&api));
    if !arguments.extensions.is_empty() {
        target.push_str(&format!("?extensions={}", encoded(&arguments.extensions)));
    }
    let accept = if arguments.yaml { "application/yaml" } else { "application/json" };
    let document = remote.document(&target, accept).await?;
    match &arguments.file {
        Some(file) => std::fs::write(file, document).with_context(|| format!("can't write {}", file.display())),
        None => {
            output::say(String::from_utf8(document).context("the node sends no text")?.trim_end());
            Ok(())
        }
    }
}

/// The id of the API that is meant: it has this id, or alone has this name.
pub(super) async fn find(remote: &Remote, wanted: &str) -> anyhow::Result<String> {
    let mut named = Vec::new();
    let mut position = String::new();
    loop {
        let page = remote.call("GET", &format!("/restapis?limit={PAGE}{position}"), None).await?;
        let text = |api: &Value, name: &str| api[name].as_str().unwrap_or_default().to_owned();
        for api in page["item"].as_array().into_iter().flatten() {
            if text(api, "id") == wanted {
                return Ok(wanted.to_owned());
            }
            if text(api, "name") == wanted {
                named.push(text(api, "id"));
            }
        }
        let Some(next) = page["position"].as_str() else { break };
        position = format!("&position={}", encoded(next));
    }
    match named.as_slice() {
        [only] => Ok(only.clone()),
        [] => bail!("there is no API with the id or the name {wanted}"),
        several => bail!("{} APIs are called {wanted}: say which by its id, {}", several.len(), several.join(" or ")),
    }
}

/// A text as one part of a URL.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}
