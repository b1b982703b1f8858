//! `control`: how long the control plane takes for large APIs: all resources read at once, a large file imported.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::cores::Cores;
use crate::gateway::admin::Admin;
use crate::gateway::turnpike::{self, Addresses, Launch};
use crate::output::{self, Format};
use crate::system;
use crate::table;
use crate::values::{Spread, round};

/// So many properties give a model's schema about three kilobytes.
const PROPERTIES: usize = 60;

/// Options of `control`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The turnpike program [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    turnpike: Option<PathBuf>,
    /// How many resources the API has whose resources are read
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=1000))]
    resources: u32,
    /// How often they are read
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    reads: u32,
    /// The size of the imported file in KiB
    #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u32).range(1..=6000))]
    kib: u32,
    /// How often it is imported
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    imports: u32,
    /// How to write the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

struct Measured {
    /// Milliseconds of GetResources with `embed=methods`.
    reads: Spread,
    /// Bytes of its answer.
    answer: usize,
    /// Bytes of the imported file.
    file: usize,
    /// Paths in it.
    paths: usize,
    /// Milliseconds of ImportRestApi.
    imports: Spread,
    /// Bytes that were resident before the imports, and at most until they were done.
    resident: u64,
    peak: u64,
}

/// Measures and prints.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let measured = measure(&options).await?;
    match options.output {
        Format::Table => output::print(&report(&options, &measured)),
        Format::Json => output::print(&document(&options, &measured).to_string()),
    }
    Ok(())
}

async fn measure(options: &Options) -> anyhow::Result<Measured> {
    let program = turnpike::program(options.turnpike.as_deref())?;
    let cores = Cores::choose(None, None)?;
    let everywhere = format!("{},{}", cores.gateway, cores.load);
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let launch = Launch {
        program: &program,
        data: directory.path().join("node"),
        listen: Addresses::free(),
        join: None,
        secret: turnpike::SECRET,
        cores: &everywhere,
        workers: 1,
        root: None,
    };
    let node = launch.start().await?;
    let admin = Admin::new(node.addresses.admin)?;

    // Every path is of two resources, the second with two methods.
    let api = admin.import(description(options.resources.div_ceil(2) as usize, 0)).await?;
    let mut reads = Vec::new();
    let mut answer = 0;
    for _ in 0..options.reads {
        let start = Instant::now();
        answer = admin.resources(&api).await?.len();
        reads.push(milliseconds(start));
    }

    let (file, paths) = file(options.kib as usize * 1024);
    let resident = system::resident(node.process.pid())?;
    let mut imports = Vec::new();
    for _ in 0..options.imports {
        let start = Instant::now();
        admin.import(file.clone()).await?;
        imports.push(milliseconds(start));
    }
    Ok(Measured {
        reads: Spread::of(reads.iter().copied()),
        answer,
        file: file.len(),
        paths,
        imports: Spread::of(imports.iter().copied()),
        resident,
        peak: system::peak(node.process.pid())?,
    })
}

/// A description of about so many bytes, and how many paths it has: half paths, half models.
fn file(bytes: usize) -> (String, usize) {
    let one = description(1, 1).len() - description(0, 0).len();
    let paths = (bytes / one).max(1);
    (description(paths, paths), paths)
}

/// An API in Swagger 2.0, two methods a path, one model a path where there are models.
fn description(paths: usize, models: usize) -> String {
    let mut text = String::from(r#"{"swagger":"2.0","info":{"title":"bench","version":"1"},"paths":{"#);
    for number in 0..paths {
        let comma = if number == 0 { "" } else { "," };
        let reference = match models {
            0 => "Empty".to_owned(),
            models => format!("Model{}", number % models),
        };
        let parameter = r#"{"name":"id","in":"path","required":true,"type":"string"}"#;
        let integration = r#"{"type":"http_proxy","httpMethod":"GET","uri":"http://127.0.0.1:9/{id}","requestParameters":{"integration.request.path.id":"method.request.path.id"}}"#;
        let method = |verb: &str| {
            format!(
                r##""{verb}":{{"operationId":"{verb}{number}","parameters":[{parameter}],"responses":{{"200":{{"description":"200 response","schema":{{"$ref":"#/definitions/{reference}"}}}}}},"x-amazon-apigateway-integration":{integration}}}"##
            )
        };
        let _ = write!(text, r#"{comma}"/items{number}/{{id}}":{{{},{}}}"#, method("get"), method("put"));
    }
    text.push_str(r#"},"definitions":{"Empty":{"type":"object"}"#);
    for number in 0..models {
        let properties: Vec<String> = (0..PROPERTIES)
            .map(|property| format!(r#""property{property}":{{"type":"string","maxLength":{property}}}"#))
            .collect();
        let _ = write!(text, r#","Model{number}":{{"type":"object","properties":{{{}}}}}"#, properties.join(","));
    }
    text.push_str("}}");
    text
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}

fn report(options: &Options, measured: &Measured) -> String {
    let row = |what: String, bytes: usize, spread: &Spread| {
        vec![
            what,
            format!("{:.1}", mebibytes(bytes as u64)),
            format!("{:.1}", spread.median),
            format!("{:.1} to {:.1}", spread.min, spread.max),
        ]
    };
    let rows = [
        row(format!("GetResources, {} resources with methods", options.resources), measured.answer, &measured.reads),
        row(format!("ImportRestApi, {} paths of two methods", measured.paths), measured.file, &measured.imports),
    ];
    format!(
        "{}\n\n{}\n\nresident before the imports {:.1} MiB, at most {:.1} MiB",
        system::machine(),
        table::render(&["call", "MiB", "median ms", "from"], &rows),
        mebibytes(measured.resident),
        mebibytes(measured.peak),
    )
}

fn document(options: &Options, measured: &Measured) -> Value {
    json!({
        "machine": system::machine(),
        "resources": options.resources,
        "get_resources_ms": measured.reads.to_json(),
        "paths": measured.paths,
        "file_bytes": measured.file,
        "import_ms": measured.imports.to_json(),
        "resident_mib": round(mebibytes(measured.resident)),
        "peak_mib": round(mebibytes(measured.peak)),
    })
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_json_and_about_as_large_as_asked() {
        let (text, paths) = file(200 * 1024);
        let parsed: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(parsed["paths"].as_object().map(serde_json::Map::len), Some(paths));
        assert!((150 * 1024..250 * 1024).contains(&text.len()), "{}", text.len());
    }
}
