//! `turnpike docs`: a link to the documentation of a stage.

use clap::Args;

use super::cluster::credentials;
use super::export::{encoded, find};
use super::output;
use super::remote::Remote;

/// A link is good for a week at most, as all presigned URLs.
const MAX_MINUTES: i64 = 7 * 24 * 60;

/// Print a link to the documentation of a stage, for a browser.
///
/// Whoever has the link can read the page for as long as it is good, and nothing else.
#[derive(Args)]
pub(super) struct Arguments {
    /// The API: its id, or its name if no other has it.
    api: String,
    /// The stage.
    stage: String,
    /// How long the link is good; at most a week.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(i64).range(1..=MAX_MINUTES))]
    valid_minutes: i64,
    /// Admin address of any node, as the browser reaches it.
    #[arg(long, env = "TURNPIKE_ADMIN_URL", default_value = "http://127.0.0.1:9000")]
    admin_url: String,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let remote = Remote::new(&arguments.admin_url, credentials()?, "us-east-1")?;
        let api = find(&remote, &arguments.api).await?;
        // So that a wrong name is told here, and not in the browser.
        let stage = encoded(&arguments.stage);
        remote.call("GET", &format!("/restapis/{api}/stages/{stage}"), None).await?;
        output::say(remote.presigned(&format!("/docs/{api}/{stage}"), arguments.valid_minutes * 60));
        Ok(())
    })
}
