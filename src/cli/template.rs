//! `turnpike template`: mapping templates, tried out without a node.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::{Map as Members, Value as Json};

use super::output;
use crate::mapping::input::{Input, Parameters};
use crate::mapping::util::Util;
use crate::mapping::vtl::{Error, Limits, Map, Style, Template, Traced, Value, What};

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
    let variables = variables(arguments)?;
    let variables: Vec<(&str, Value)> = variables.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let rendered = Template::parse(&source).and_then(|template| match arguments.trace {
        true => template.render_traced(&variables, &Limits::default(), &mut show_step),
        false => template.render(&variables, &Limits::default()),
    });
    output::say_exactly(&rendered.map_err(|error| anyhow!(pointed_at(&source, &error)))?);
    Ok(())
}

/// One step of a rendering, for people.
fn show_step(step: Traced<'_>) {
    let what = match step.what {
        What::Shown => "shows",
        What::Set => "sets",
        What::Condition => "asks",
        What::Item => "takes",
    };
    let place = format!("{}:{}", step.line, step.column);
    output::mention(format!("{place:<8} {what:<6} {}", step.value.escape_debug()));
}

/// The variables that the template sees.
fn variables(arguments: &Eval) -> anyhow::Result<Vec<(String, Value)>> {
    let object = |file: &Option<PathBuf>| file.as_deref().map_or_else(|| Ok(Members::new()), object_of);
    let body = match &arguments.input {
        Some(file) => std::fs::read(file).with_context(|| format!("can't read {}", file.display()))?,
        None => Vec::new(),
    };
    let stage_variables = match &arguments.stage_variables {
        Some(text) => members(text).context("--stage-variables")?,
        None => Members::new(),
    };
    let parameters = parameters(&object(&arguments.parameters)?)?;
    let mut variables = vec![
        ("input".to_owned(), Input::value(Bytes::from(body), Rc::new(parameters))),
        ("util".to_owned(), Util::value()),
        ("context".to_owned(), plain(&Json::Object(object(&arguments.context)?))),
        ("stageVariables".to_owned(), plain(&Json::Object(stage_variables))),
    ];
    let more = object(&arguments.variables)?;
    variables.extend(more.iter().map(|(name, value)| (name.clone(), plain(value))));
    Ok(variables)
}

/// A value whose lists and maps are Java's own.
fn plain(json: &Json) -> Value {
    match json {
        Json::Array(items) => Value::list(items.iter().map(plain).collect(), Style::Java),
        Json::Object(members) => {
            let entries = members.iter().map(|(name, value)| (name.as_str().into(), plain(value)));
            Value::Map(Map::new(entries, Style::Java))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Value::from(json),
    }
}

fn parameters(described: &Members<String, Json>) -> anyhow::Result<Parameters> {
    let mut parameters = Parameters::default();
    for (place, values) in described {
        let pairs = match place.as_str() {
            "path" => &mut parameters.path,
            "querystring" => &mut parameters.querystring,
            "header" => &mut parameters.header,
            other => bail!("--parameters has {other}; it may have path, querystring and header"),
        };
        for (name, value) in values.as_object().with_context(|| format!("--parameters: {place} is no object"))? {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            pairs.push((name.clone(), value));
        }
    }
    Ok(parameters)
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
