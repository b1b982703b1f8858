//! `turnpike import FILE`: an API made or changed after an OpenAPI document, once what would change was shown.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::cluster::{Output, credentials};
use super::output;
use super::remote::Remote;

/// AWS's limit of a document, in bytes.
const MAX_DOCUMENT: u64 = 6 * 1024 * 1024;
/// So many APIs are asked for at a time.
const PAGE: usize = 500;

/// Make an API after an OpenAPI document, or change the one that has its name.
///
/// Swagger 2.0 and OpenAPI 3.0, JSON and YAML, with API Gateway's extensions. What would change is shown first. Stages
/// serve what was deployed before until the next deployment.
#[derive(Args)]
pub(super) struct Arguments {
    /// The document.
    file: PathBuf,
    /// Change this API, by its id.
    #[arg(long, conflicts_with = "name")]
    api: Option<String>,
    /// Refuse a document whose title is another: an import names the API after its title.
    #[arg(long)]
    name: Option<String>,
    /// What becomes of that which the document doesn't have.
    #[arg(long, value_enum, default_value_t = Mode::Overwrite)]
    mode: Mode,
    /// What becomes of the document's base path.
    #[arg(long, value_enum, default_value_t = BasePath::Ignore)]
    base_path: BasePath,
    /// Change nothing if there is a warning.
    #[arg(long)]
    fail_on_warnings: bool,
    /// Don't ask.
    #[arg(long)]
    yes: bool,
    /// Admin address of any node.
    #[arg(long, env = "TURNPIKE_ADMIN_URL", default_value = "http://127.0.0.1:9000")]
    admin_url: String,
    /// How to print the answer.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Mode {
    /// It stays
    Merge,
    /// It goes
    Overwrite,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum BasePath {
    /// Nothing
    Ignore,
    /// It comes before every path
    Prepend,
    /// The same, without its first segment
    Split,
}

/// The word of a choice, as it is on the command line and on the wire.
fn word(choice: impl ValueEnum) -> String {
    choice.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(carry_out(arguments))
}

async fn carry_out(arguments: Arguments) -> anyhow::Result<()> {
    let document = read(&arguments)?;
    let remote = Remote::new(&arguments.admin_url, credentials()?, "us-east-1")?;
    let settings = format!("basepath={}&failonwarnings={}", word(arguments.base_path), arguments.fail_on_warnings);
    let create = format!("/restapis?mode=import&{settings}");
    // Tells the document's title as well, and what is wrong with it, whichever API it is for.
    let mut planned = remote.send_document("POST", &dry(&create), document.clone()).await?;
    let title = planned["name"].as_str().unwrap_or_default().to_owned();
    if arguments.name.as_ref().is_some_and(|name| *name != title) {
        bail!(
            "the document's title is '{title}', and an import names the API after it; say --api ID to change another"
        );
    }
    let known = match &arguments.api {
        Some(id) => Some(id.clone()),
        None => find(&remote, &title).await?,
    };
    let target = match &known {
        Some(id) => {
            let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
            let target = format!("/restapis/{id}?mode={}&{settings}", word(arguments.mode));
            planned = remote.send_document("PUT", &dry(&target), document.clone()).await?;
            target
        }
        None => create,
    };
    let shown = arguments.output == Output::Table;
    if shown {
        output::say(difference(&planned, known.as_deref()));
    }
    let nothing = planned["changes"].as_array().is_none_or(Vec::is_empty);
    let answer = if nothing {
        remote.call("GET", target.split('?').next().unwrap_or_default(), None).await?
    } else {
        if !arguments.yes && !ask()? {
            bail!("nothing was changed");
        }
        let verb = if known.is_some() { "PUT" } else { "POST" };
        remote.send_document(verb, &target, document).await?
    };
    let id = answer["id"].as_str().unwrap_or_default();
    if shown {
        output::say(hints(id, nothing));
    } else {
        let answer = json!({"api": answer, "changes": planned["changes"], "warnings": planned["warnings"]});
        output::say(serde_json::to_string_pretty(&answer)?);
    }
    Ok(())
}

fn read(arguments: &Arguments) -> anyhow::Result<Vec<u8>> {
    let file = &arguments.file;
    let size = std::fs::metadata(file).with_context(|| format!("can't read {}", file.display()))?.len();
    if size > MAX_DOCUMENT {
        bail!("{} has {}: a document may have 6 MiB; split the API", file.display(), output::size(size));
    }
    std::fs::read(file).with_context(|| format!("can't read {}", file.display()))
}

/// The same import, that only tells what it would change.
fn dry(target: &str) -> String {
    format!("{target}&turnpike-dry-run=true")
}

/// The API of a name, if there is one; two of the same name are for the caller to tell apart.
async fn find(remote: &Remote, name: &str) -> anyhow::Result<Option<String>> {
    let mut found = Vec::new();
    let mut position = String::new();
    loop {
        let page = remote.call("GET", &format!("/restapis?limit={PAGE}{position}"), None).await?;
        let items = page["item"].as_array().into_iter().flatten();
        found.extend(items.filter(|api| api["name"] == name).filter_map(|api| api["id"].as_str().map(str::to_owned)));
        match page["position"].as_str() {
            Some(next) => position = format!("&position={}", utf8_percent_encode(next, NON_ALPHANUMERIC)),
            None => break,
        }
    }
    if found.len() > 1 {
        bail!("{} APIs are named '{name}': {}; say which with --api ID", found.len(), found.join(", "));
    }
    Ok(found.pop())
}

fn ask() -> anyhow::Result<bool> {
    let mut terminal = std::io::stderr();
    if !std::io::stdin().is_terminal() {
        bail!("nobody can be asked whether to go on: look at the changes and say --yes");
    }
    write!(terminal, "Go on? [y/N] ")?;
    terminal.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// What would change, for people: a line each, with a sign before it.
fn difference(planned: &Value, known: Option<&str>) -> String {
    let name = planned["name"].as_str().unwrap_or_default();
    let changes: Vec<&Value> = planned["changes"].as_array().into_iter().flatten().collect();
    let head = match known {
        Some(id) if changes.is_empty() => format!("{name} ({id}) is as the document says"),
        Some(id) => format!("{name} ({id}) changes:"),
        None => format!("{name} is new:"),
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines = vec![head];
    for change in changes {
        let sign = match change["change"].as_str() {
            Some("added") => '+',
            Some("removed") => '-',
            _ => '~',
        };
        lines.push(format!("  {sign} {} {}", text(&change["kind"]), text(&change["name"])));
    }
    for warning in planned["warnings"].as_array().into_iter().flatten() {
        lines.push(format!("  ! {}", text(warning)));
    }
    lines.join("\n")
}

/// What to do next.
fn hints(id: &str, nothing: bool) -> String {
    if nothing {
        return "nothing to change".to_owned();
    }
    format!(
        "imported as {id}\n\
         deploy it:  aws apigateway create-deployment --rest-api-id {id} --stage-name dev\n\
         call it:    curl http://GATEWAY/_aws/execute-api/{id}/dev/PATH"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_readable() {
        let change = |how: &str, name: &str| json!({"change": how, "kind": "method", "name": name});
        let planned = json!({"name": "Pets", "warnings": ["paths./a: odd"], "changes": [
            change("added", "GET /a"), change("changed", "PUT /a"), change("removed", "ANY /b"),
        ]});
        assert_eq!(
            difference(&planned, Some("x1")),
            "Pets (x1) changes:\n  + method GET /a\n  ~ method PUT /a\n  - method ANY /b\n  ! paths./a: odd"
        );
        let same = json!({"name": "Pets", "changes": []});
        assert_eq!(difference(&same, Some("x1")), "Pets (x1) is as the document says");
        assert_eq!(difference(&same, None), "Pets is new:");
    }
}
