//! `turnpike template`: mapping templates, tried out without a node.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use serde_json::{Map as Members, Value as Json};

use super::output;
use crate::mapping::trial::{self, Step, Trial};
use crate::mapping::vtl::Error;

/// Of a long line of a template so many characters before an error are shown, and as many behind it.
const SHOWN: usize = 60;

/// Try a mapping template out.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Subcommand)]
enum Sub {
    /// Render a template as an integration would, and print what comes out; no node is needed.
    Eval(Eval),
}

#[derive(Args)]
struct Eval {
    /// The template's file; `-` is standard input.
    template: PathBuf,
    /// A file with the body that `$input` reads.
    #[arg(long)]
    input: Option<PathBuf>,
    /// A file with `$context`, as JSON.
    #[arg(long)]
    context: Option<PathBuf>,
    /// A file with what `$input.params()` gives, as JSON: path, querystring and header, each with names and values.
    #[arg(long)]
    parameters: Option<PathBuf>,
    /// `$stageVariables`, as JSON: {"name": "value"}.
    #[arg(long)]
    stage_variables: Option<String>,
    /// A file with further variables by their names, as JSON.
    #[arg(long)]
    variables: Option<PathBuf>,
    /// Show each step with its value, on standard error, before the output.
    #[arg(long)]
    trace: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Sub::Eval(arguments) = &arguments.command;
    let source = read(&arguments.template)?;
    let trial = trial(arguments)?;
    let variables = trial.variables().context("--parameters")?;
    let rendered = match arguments.trace {
        true => trial::render(&source, &variables, Some(&mut |step| show(&step))),
        false => trial::render(&source, &variables, None),
    };
    output::say_exactly(&rendered.map_err(|error| anyhow!(pointed_at(&source, &error)))?);
    Ok(())
}

/// One step of a rendering, for people.
fn show(step: &Step) {
    let place = format!("{}:{}", step.line, step.column);
    output::mention(format!("{place:<8} {:<6} {}", step.what, step.value.escape_debug()));
}

/// What the template sees.
fn trial(arguments: &Eval) -> anyhow::Result<Trial> {
    let object = |file: &Option<PathBuf>| file.as_deref().map_or_else(|| Ok(Members::new()), object_of);
    Ok(Trial {
        body: match &arguments.input {
            Some(file) => {
                let body = std::fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
                String::from_utf8_lossy(&body).into_owned()
            }
            None => String::new(),
        },
        context: object(&arguments.context)?,
        parameters: object(&arguments.parameters)?,
        stage_variables: match &arguments.stage_variables {
            Some(text) => members(text).context("--stage-variables")?,
            None => Members::new(),
        },
        variables: object(&arguments.variables)?,
    })
}

fn object_of(file: &Path) -> anyhow::Result<Members<String, Json>> {
    members(&read(file)?).with_context(|| file.display().to_string())
}

fn members(text: &str) -> anyhow::Result<Members<String, Json>> {
    serde_json::from_str(text).context("a JSON object is wanted")
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("can't read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))
}

/// An error, with the line of the template that it is in and a caret below the place.
fn pointed_at(source: &str, error: &Error) -> String {
    let line = source.split('\n').nth(error.line - 1).unwrap_or_default().trim_end_matches('\r');
    let start = error.column.saturating_sub(SHOWN + 1);
    let shown: String = line.chars().skip(start).take(2 * SHOWN).map(|c| if c == '\t' { ' ' } else { c }).collect();
    let caret = format!("{:>1$}", '^', error.column - start);
    format!("{error}\n{shown}\n{caret}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::vtl::Template;

    #[test]
    fn errors_point_at_their_place() {
        let long = format!("{}#if($x{}", "a".repeat(200), "b".repeat(200));
        for (source, expected) in [
            ("a\n\t#set($x = )\nb", "expected a value (line 2, column 12)\n #set($x = )\n           ^".to_owned()),
            ("é#end", {
                let message = "there is no directive open that this could belong to (line 1, column 6)";
                format!("{message}\né#end\n     ^")
            }),
            (long.as_str(), {
                let shown = "b".repeat(60);
                format!("expected `)` (line 1, column 407)\n{shown}\n{:>61}", '^')
            }),
        ] {
            let error = Template::parse(source).expect_err("no template");
            assert_eq!(pointed_at(source, &error), expected);
        }
    }
}
