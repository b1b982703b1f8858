//! Rust: a crate with the models as types of serde and a client over ureq.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::archive::File;
use super::interface::{Body, Interface, Operation, Part, Place};
use super::names::{self, Scope, rust as quote};
use super::readme;
use super::types::{Declaration, Shape, Type, Types};

const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield", "new",
];
/// Names that models can't have: Rust's own, and those that the module uses.
const TYPE_NAMES: &[&str] = &[
    "Box",
    "BTreeMap",
    "Clone",
    "Debug",
    "Default",
    "Deserialize",
    "Eq",
    "Err",
    "None",
    "Ok",
    "Option",
    "PartialEq",
    "Result",
    "Self",
    "Serialize",
    "Some",
    "String",
    "Value",
    "Vec",
];

/// Whether no crate can be called so.
pub(super) fn is_reserved_crate(name: &str) -> bool {
    KEYWORDS.contains(&name) || ["alloc", "core", "proc_macro", "proc-macro", "std", "test"].contains(&name)
}

/// The files of a client.
pub(super) fn files(interface: &Interface, package: Option<&str>) -> Vec<File> {
    let package = interface.package(package, names::kebab);
    let mut functions = Scope::new(KEYWORDS);
    let named: Vec<(String, &Operation)> = interface
        .operations
        .iter()
        .map(|operation| (functions.name(&names::snake(&operation.words())), operation))
        .collect();
    let mut scope = Scope::new(TYPE_NAMES);
    let declarations = &interface.types.declarations;
    let models = declarations.iter().map(|declared| scope.name(&names::pascal(&declared.words)));
    let writer = Writer { types: &interface.types, models: models.collect() };
    let description = names::comment(interface.description.as_deref().unwrap_or(&interface.name)).join(" ");
    let manifest = format!(
        "[package]\nname = \"{package}\"\nversion = \"0.1.0\"\nedition = \"2021\"\ndescription = {}\n\n[dependencies]\nhmac = \"0.13\"\nserde = {{ version = \"1\", features = [\"derive\"] }}\nserde_json = \"1\"\nsha2 = \"0.11\"\nureq = \"3\"\n",
        // TOML escapes as Python does.
        names::python(&description)
    );
    let title = names::comment(&interface.name).join(" ");
    let about = format!(
        "//! A client of {title}, generated from a deployment.\n\nmod client;\nmod http;\npub mod models;\nmod sign;\n\npub use client::*;\npub use http::{{Answer, Config, Error, Payload}};\npub use sign::Credentials;\n"
    );
    let own = [("package", package.replace('-', "_")), ("example", readme::example(&named, |_| "…"))];
    let readme = readme::write(include_str!("rust/README.md"), interface, &named, &own);
    vec![
        File::new(format!("{package}/Cargo.toml"), manifest),
        File::new(format!("{package}/README.md"), readme),
        File::new(format!("{package}/src/client.rs"), writer.client(interface, &named)),
        File::new(format!("{package}/src/http.rs"), include_str!("rust/http.rs")),
        File::new(format!("{package}/src/lib.rs"), about),
        File::new(format!("{package}/src/models.rs"), writer.models()),
        File::new(format!("{package}/src/sign.rs"), include_str!("rust/sign.rs")),
    ]
}

struct Writer<'a> {
    types: &'a Types,
    /// The names of the declarations.
    models: Vec<String>,
}

impl Writer<'_> {
    fn models(&self) -> String {
        let mut text = String::from(
            "//! The API's models.\n#![allow(non_camel_case_types, unused_imports)]\n\nuse std::collections::BTreeMap;\n\nuse serde::{Deserialize, Serialize};\nuse serde_json::Value;\n",
        );
        for (index, name) in self.models.iter().enumerate() {
            text.push('\n');
            self.declare(index, name, &mut text);
        }
        text
    }

    fn declare(&self, index: usize, name: &str, text: &mut String) {
        let Declaration { description, shape, .. } = &self.types.declarations[index];
        text.push_str(&documentation(description.as_deref(), ""));
        match shape {
            Shape::Object { fields, open } => {
                let mut scope = Scope::new(KEYWORDS);
                let _ =
                    writeln!(text, "#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]\npub struct {name} {{");
                for field in fields {
                    text.push_str(&documentation(field.description.as_deref(), "    "));
                    let member = scope.name(&names::snake(&names::words(&field.name)));
                    let mut value = self.spell(&field.value, Some(index));
                    let mut attributes = Vec::new();
                    if member != field.name {
                        attributes.push(format!("rename = {}", quote(&field.name)));
                    }
                    if !field.required {
                        attributes.push("default, skip_serializing_if = \"Option::is_none\"".to_owned());
                        if !value.starts_with("Option<") {
                            value = format!("Option<{value}>");
                        }
                    }
                    if !attributes.is_empty() {
                        let _ = writeln!(text, "    #[serde({})]", attributes.join(", "));
                    }
                    let _ = writeln!(text, "    pub {member}: {value},");
                }
                if *open {
                    let rest = scope.name("rest");
                    let _ = writeln!(text, "    #[serde(flatten)]\n    pub {rest}: BTreeMap<String, Value>,");
                }
                text.push_str("}\n");
            }
            Shape::Choice(texts) => {
                let mut scope = Scope::new(TYPE_NAMES);
                let _ = writeln!(
                    text,
                    "#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]\npub enum {name} {{"
                );
                for choice in texts {
                    let variant = scope.name(&names::pascal(&names::words(choice)));
                    let _ = writeln!(text, "    #[serde(rename = {})]\n    {variant},", quote(choice));
                }
                text.push_str("}\n");
            }
            Shape::Alias(alias) => {
                let _ = writeln!(text, "pub type {name} = {};", self.spell(alias, None));
            }
        }
    }

    /// A type; within an object, what contains that object again is boxed.
    fn spell(&self, value: &Type, within: Option<usize>) -> String {
        match value {
            Type::Any | Type::Null => "Value".to_owned(),
            Type::Boolean => "bool".to_owned(),
            Type::Integer => "i64".to_owned(),
            Type::Number => "f64".to_owned(),
            Type::Text => "String".to_owned(),
            Type::Literals(values) if values.iter().all(serde_json::Value::is_i64) => "i64".to_owned(),
            Type::Literals(_) => "Value".to_owned(),
            Type::List(item) => format!("Vec<{}>", self.spell(item, None)),
            Type::Map(value) => format!("BTreeMap<String, {}>", self.spell(value, None)),
            Type::Named(index) => {
                let name = self.models.get(*index).map_or("Value", String::as_str);
                match within {
                    Some(owner) if self.contains(*index, owner) => format!("Box<{name}>"),
                    _ => name.to_owned(),
                }
            }
            Type::Union(_) => match nullable(value) {
                Some(inner) => format!("Option<{}>", self.spell(inner, within)),
                None => "Value".to_owned(),
            },
        }
    }

    /// Whether a value of one declaration has one of another in it, without a list or a map between.
    fn contains(&self, outer: usize, inner: usize) -> bool {
        let (mut seen, mut next) = (BTreeSet::new(), vec![outer]);
        while let Some(index) = next.pop() {
            if index == inner {
                return true;
            }
            if !seen.insert(index) {
                continue;
            }
            match self.types.declarations.get(index).map(|declaration| &declaration.shape) {
                Some(Shape::Object { fields, .. }) => next.extend(fields.iter().filter_map(|one| direct(&one.value))),
                Some(Shape::Alias(alias)) => next.extend(direct(alias)),
                Some(Shape::Choice(_)) | None => {}
            }
        }
        false
    }

    fn client(&self, interface: &Interface, named: &[(String, &Operation)]) -> String {
        let mut text = String::from(
            "//! The client: a function for each operation.\n\nuse serde_json::Value;\n\nuse super::http::{segment, Answer, Call, Config, Error, Http, Payload};\nuse super::models;\n\n",
        );
        let _ = writeln!(text, "const INVOKE_URL: &str = {};\n", quote(&interface.invoke_url));
        text.push_str(&documentation(Some(interface.description.as_deref().unwrap_or("The client.")), ""));
        text.push_str(
            "#[derive(Clone, Debug)]\npub struct Client {\n    http: Http,\n}\n\nimpl Client {\n    /// A client; `Config::default()` is enough for an API that asks for nothing.\n    pub fn new(config: Config) -> Self {\n        Self { http: Http::new(INVOKE_URL, config) }\n    }\n",
        );
        let mut scope = Scope::new(&[]);
        let mut structs = String::new();
        for (name, operation) in named {
            let parameters = scope.name(&format!("{}Params", names::pascal(&names::words(name))));
            let members = members(operation);
            self.method(name, &parameters, operation, &members, &mut text);
            declare_parameters(&parameters, operation, &members, &mut structs);
        }
        text.push_str("}\n");
        text + &structs
    }

    fn method(&self, name: &str, parameters: &str, operation: &Operation, members: &[String], text: &mut String) {
        let mut arguments = vec!["&self".to_owned()];
        if !members.is_empty() {
            arguments.push(format!("params: &{parameters}"));
        }
        let (mut content_type, mut body) = ("application/json", "None".to_owned());
        match &operation.body {
            Body::None => {}
            Body::Model(given, model @ Type::Named(_)) => {
                content_type = given;
                arguments.push(format!("body: &models::{}", self.spell(model, None)));
                "Some(serde_json::to_vec(body)?)".clone_into(&mut body);
            }
            Body::Model(..) | Body::Optional => {
                if let Body::Model(given, _) = &operation.body {
                    content_type = given;
                }
                arguments.push("body: Payload".to_owned());
                "body.bytes()?".clone_into(&mut body);
            }
        }
        let answer = match &operation.answer {
            answer @ Type::Named(_) => format!("models::{}", self.spell(answer, None)),
            _ => "Value".to_owned(),
        };
        text.push('\n');
        text.push_str(&documentation(Some(&operation.summary()), "    "));
        let _ = writeln!(text, "    pub fn {name}({}) -> Result<Answer<{answer}>, Error> {{", arguments.join(", "));
        let _ = writeln!(text, "        self.http.send(Call {{\n            verb: {},", quote(operation.verb.as_str()));
        let parts: Vec<String> = operation.parts().iter().map(|part| path_part(part, operation, members)).collect();
        let _ = writeln!(text, "            path: [{}].concat(),", parts.join(", "));
        for (member, place) in [("query", Place::Query), ("headers", Place::Header)] {
            let given = operation.parameters.iter().zip(members);
            let given = given.filter(|(parameter, _)| parameter.places.contains(&place));
            let given: Vec<String> = given
                .map(|(parameter, member)| {
                    let name = quote(&parameter.name);
                    if parameter.required {
                        format!("Some(({name}, params.{member}.as_str()))")
                    } else {
                        format!("params.{member}.as_deref().map(|value| ({name}, value))")
                    }
                })
                .collect();
            let list = if given.is_empty() {
                "Vec::new()".to_owned()
            } else {
                format!("[{}].into_iter().flatten().collect()", given.join(", "))
            };
            let _ = writeln!(text, "            {member}: {list},");
        }
        let content_type = quote(content_type);
        let _ =
            writeln!(text, "            content_type: {content_type},\n            body: {body},\n        }})\n    }}");
    }
}

fn path_part(part: &Part<'_>, operation: &Operation, members: &[String]) -> String {
    match part {
        Part::Text(text) => format!("{}.to_owned()", quote(text)),
        Part::Variable { name, greedy } => {
            let mut known = operation.parameters.iter().zip(members);
            let member = known.find(|(parameter, _)| parameter.name == *name).map_or("", |(_, member)| member);
            format!("segment({}, &params.{member}, {greedy})?", quote(name))
        }
    }
}

/// The names of an operation's parameters as members of a struct.
fn members(operation: &Operation) -> Vec<String> {
    let mut scope = Scope::new(KEYWORDS);
    let names = operation.parameters.iter().map(|parameter| scope.name(&names::snake(&names::words(&parameter.name))));
    names.collect()
}

fn declare_parameters(name: &str, operation: &Operation, members: &[String], text: &mut String) {
    if members.is_empty() {
        return;
    }
    let line = format!("Parameters of {} {}.", operation.verb, operation.path);
    let _ =
        writeln!(text, "\n{}#[derive(Clone, Debug, Default)]\npub struct {name} {{", documentation(Some(&line), ""));
    for (parameter, member) in operation.parameters.iter().zip(members) {
        let value = if parameter.required { "String" } else { "Option<String>" };
        let _ = writeln!(text, "    pub {member}: {value},");
    }
    text.push_str("}\n");
}

/// What a value is unless it is null.
fn nullable(value: &Type) -> Option<&Type> {
    match value {
        Type::Union(options) => match options.as_slice() {
            [Type::Null, inner] | [inner, Type::Null] => Some(inner),
            _ => None,
        },
        _ => None,
    }
}

/// The declaration whose value is in a value of this type itself.
fn direct(value: &Type) -> Option<usize> {
    match nullable(value).unwrap_or(value) {
        Type::Named(index) => Some(*index),
        _ => None,
    }
}

fn documentation(text: Option<&str>, indent: &str) -> String {
    let lines = names::comment(text.unwrap_or_default());
    lines.iter().map(|line| format!("{indent}/// {line}\n")).collect()
}
