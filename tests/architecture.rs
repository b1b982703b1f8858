//! The house's rules as tests: who may import whom, what stands at the root, and that every file says what it is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of `src/`, from the roof down: a room imports only rooms of the lines below its own.
const ROOMS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["node"],
    &["console"],
    &["control"],
    &["traffic"],
    &["functions"],
    &["catalog"],
    &["mapping", "identity", "observe"],
    &["model"],
    &["fuzz"],
];

/// The rooms of `src/traffic/`, in the same way.
const TRAFFIC_ROOMS: &[&[&str]] = &[
    &["ingress"],
    &["websocket"],
    &["execute"],
    &["stage", "usage"],
    &["authorizer", "integration"],
    &["message", "ids"],
];

/// The one place of the data plane that the control plane may call: a test invocation is a request.
const CONTROLS_DOOR: &str = "crate::traffic::execute::invoke";

/// What a visitor sees at the root.
const ROOT: &[&str] =
    &["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "bench", "cluster", "helm", "src", "target", "tests"];

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for file in rust_files("src") {
        let Some(room) = room_of(&file, "src") else { continue };
        let text = fs::read_to_string(&file).expect("a source file");
        for import in imports(&text) {
            let allowed = match import.first() {
                // `crate::traffic` inside of traffic has a table of its own.
                Some(other) if *other == room => room != "traffic" || inside_traffic(&file, &import),
                Some(other) if room == "control" && *other == "traffic" => {
                    format!("crate::{}", import.join("::")) == CONTROLS_DOOR
                }
                Some(other) => line(ROOMS, other) > line(ROOMS, &room),
                None => false,
            };
            if !allowed {
                wrong.push(format!("{}: crate::{}", file.display(), import.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that point up or across:\n{}", wrong.join("\n"));
}

#[test]
fn the_cluster_has_never_heard_of_an_api() {
    for file in rust_files("cluster") {
        let text = fs::read_to_string(&file).expect("a source file");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for word in ["turnpike::", "RestApi", "apigateway", "actix"] {
            assert!(!code.clone().any(|line| line.contains(word)), "{} speaks of {word}", file.display());
        }
    }
}

#[test]
fn every_file_opens_with_a_sentence() {
    for folder in ["src", "cluster", "bench", "tests"] {
        for file in rust_files(folder) {
            let text = fs::read_to_string(&file).expect("a source file");
            let opens = text.starts_with("//! ") || text.starts_with("#![doc = include_str!");
            assert!(opens, "{} does not say what it is", file.display());
        }
    }
}

#[test]
fn the_root_holds_what_a_visitor_expects() {
    let known: BTreeSet<&str> = ROOT.iter().copied().collect();
    for entry in fs::read_dir(".").expect("the root") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(name.starts_with('.') || known.contains(name.as_str()), "{name} has no place at the root");
    }
}

#[test]
fn imports_are_found_in_every_spelling() {
    let text = "use crate::catalog::{self, Catalog};\n\
                // crate::control is only spoken of\n\
                use crate::{model::id, observe};\n\
                fn f(x: crate::mapping::query::Query) {}\n";
    let found: Vec<String> = imports(text).iter().map(|import| import[0].clone()).collect();
    assert_eq!(found, ["catalog", "model", "observe", "mapping"]);
}

fn inside_traffic(file: &Path, import: &[String]) -> bool {
    let Some(from) = room_of(file, "src/traffic") else { return true };
    match import.get(1) {
        Some(to) if *to == from => true,
        Some(to) => line(TRAFFIC_ROOMS, to) > line(TRAFFIC_ROOMS, &from),
        None => true,
    }
}

/// Where in a table a room stands; a room that no table knows is an error of its own.
fn line(table: &[&[&str]], room: &str) -> usize {
    let found = table.iter().position(|rooms| rooms.contains(&room));
    found.unwrap_or_else(|| panic!("{room} is not in the table of rooms: tests/architecture.rs"))
}

/// The folder or file below `base` that a file belongs to; none for the parents' own files.
fn room_of(file: &Path, base: &str) -> Option<String> {
    let inside = file.strip_prefix(base).ok()?;
    let room = inside.components().next()?.as_os_str().to_string_lossy().into_owned();
    let room = room.strip_suffix(".rs").unwrap_or(&room).to_owned();
    (room != "mod" && room != "lib").then_some(room)
}

/// The paths behind every `crate::` outside of comments, as segments; a group gives one path for each of its members.
fn imports(text: &str) -> Vec<Vec<String>> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, marker) in code.match_indices("crate::") {
        // `$crate::` and identifiers that end so are not paths of this crate.
        if code[..at].ends_with(|before: char| before == '$' || before == '_' || before.is_alphanumeric()) {
            continue;
        }
        let rest = &code[at + marker.len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split('}').next().unwrap_or_default();
                found.extend(group.split(',').map(str::trim).filter(|member| !member.is_empty()).map(segments));
            }
            None => found.push(segments(rest)),
        }
    }
    found
}

fn segments(path: &str) -> Vec<String> {
    let end = path.find(|c: char| c != ':' && c != '_' && !c.is_alphanumeric()).unwrap_or(path.len());
    path[..end].split("::").filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
