//! TypeScript: one file with the models as types and a client over `fetch`.

use std::fmt::Write;

use super::archive::File;
use super::interface::{Body, Interface, Operation, Parameter, Part, Place, literal};
use super::names::{self, Scope, javascript as quote};
use super::readme;
use super::types::{Declaration, Shape, Type};

/// Names that models can't have: TypeScript's own, and those of the code beside them.
const TYPE_NAMES: &[&str] = &[
    "Answer",
    "ApiError",
    "Array",
    "ArrayBuffer",
    "Blob",
    "Call",
    "Client",
    "Config",
    "Credentials",
    "Date",
    "Error",
    "Extra",
    "Headers",
    "JSON",
    "Object",
    "Promise",
    "Record",
    "RequestInit",
    "String",
    "TextEncoder",
    "TypeError",
    "URL",
    "Uint8Array",
    "Value",
    "AbortSignal",
];
/// A class has no method of this name.
const METHOD_NAMES: &[&str] = &["constructor"];

/// The files of a client.
pub(super) fn files(interface: &Interface, package: Option<&str>) -> Vec<File> {
    let package = interface.package(package, names::kebab);
    let mut scope = Scope::new(METHOD_NAMES);
    let named: Vec<(String, &Operation)> = interface
        .operations
        .iter()
        .map(|operation| (scope.name(&names::camel(&operation.words())), operation))
        .collect();
    let about = serde_json::json!({
        "name": package,
        "version": "0.1.0",
        "description": interface.description.as_deref().unwrap_or(&interface.name),
        "private": true,
        "type": "module",
        "exports": "./client.ts",
    });
    let compiler = serde_json::json!({
        "compilerOptions": {
            "target": "es2022", "module": "esnext", "moduleResolution": "bundler",
            "lib": ["es2022", "dom", "dom.iterable"], "strict": true, "skipLibCheck": true, "noEmit": true,
        },
        "files": ["client.ts"],
    });
    let arguments = |operation: &Operation| if operation.parameters.is_empty() { "" } else { "{ … }" };
    let own = [("example", readme::example(&named, arguments))];
    let readme = readme::write(include_str!("typescript/README.md"), interface, &named, &own);
    vec![
        File::new(format!("{package}/client.ts"), client(interface, &named)),
        File::new(format!("{package}/package.json"), format!("{about:#}\n")),
        File::new(format!("{package}/tsconfig.json"), format!("{compiler:#}\n")),
        File::new(format!("{package}/README.md"), readme),
    ]
}

fn client(interface: &Interface, named: &[(String, &Operation)]) -> String {
    let mut scope = Scope::new(TYPE_NAMES);
    let declarations = &interface.types.declarations;
    let models = declarations.iter().map(|declared| scope.name(&names::pascal(&declared.words)));
    let writer = Writer { models: models.collect() };
    let mut text = String::new();
    let title = names::comment(&interface.name).join(" ");
    let _ = writeln!(text, "/* A client of {title}, generated from a deployment. */\n");
    text.push_str(include_str!("typescript/runtime.ts"));
    for (declaration, name) in declarations.iter().zip(&writer.models) {
        text.push('\n');
        writer.declare(declaration, name, &mut text);
    }
    let _ = writeln!(text, "\nconst INVOKE_URL = {};", quote(&interface.invoke_url));
    text.push('\n');
    text.push_str(&documentation(interface.description.as_deref(), ""));
    text.push_str(
        "export class Client {\n  readonly #config: Config;\n\n  constructor(config: Config = {}) {\n    this.#config = config;\n  }\n",
    );
    for (name, operation) in named {
        writer.method(name, operation, &mut text);
    }
    text.push_str("}\n");
    text
}

struct Writer {
    /// The names of the declarations.
    models: Vec<String>,
}

impl Writer {
    fn declare(&self, declaration: &Declaration, name: &str, text: &mut String) {
        text.push_str(&documentation(declaration.description.as_deref(), ""));
        match &declaration.shape {
            Shape::Object { fields, open } => {
                let _ = writeln!(text, "export interface {name} {{");
                for field in fields {
                    text.push_str(&documentation(field.description.as_deref(), "  "));
                    let optional = if field.required { "" } else { "?" };
                    let _ = writeln!(text, "  {}{optional}: {};", key(&field.name), self.spell(&field.value));
                }
                if *open {
                    text.push_str("  [name: string]: unknown;\n");
                }
                text.push_str("}\n");
            }
            Shape::Choice(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| quote(text)).collect();
                let _ = writeln!(text, "export type {name} = {};", texts.join(" | "));
            }
            Shape::Alias(alias) => {
                let _ = writeln!(text, "export type {name} = {};", self.spell(alias));
            }
        }
    }

    fn spell(&self, value: &Type) -> String {
        match value {
            Type::Any => "unknown".to_owned(),
            Type::Null => "null".to_owned(),
            Type::Boolean => "boolean".to_owned(),
            Type::Integer | Type::Number => "number".to_owned(),
            Type::Text => "string".to_owned(),
            Type::Literals(values) => join(values.iter().map(|value| literal(value, quote))),
            Type::List(item) => format!("Array<{}>", self.spell(item)),
            Type::Map(value) => format!("Record<string, {}>", self.spell(value)),
            Type::Named(index) => self.models.get(*index).cloned().unwrap_or_else(|| "unknown".to_owned()),
            Type::Union(options) => join(options.iter().map(|option| self.spell(option))),
        }
    }

    fn method(&self, name: &str, operation: &Operation, text: &mut String) {
        let arguments = self.arguments(operation);
        let list: Vec<&str> = arguments.iter().map(String::as_str).chain(["extra: Extra = {}"]).collect();
        let answer = self.spell(&operation.answer);
        text.push('\n');
        text.push_str(&documentation(Some(&operation.summary()), "  "));
        let _ = writeln!(text, "  async {name}({}): Promise<Answer<{answer}>> {{", list.join(", "));
        let place = |place| {
            let given = operation.names_in(place).map(|one| format!("{}: {}", key(&one.name), access(&one.name)));
            let given: Vec<String> = given.collect();
            if given.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", given.join(", ")) }
        };
        let content_type = match &operation.body {
            Body::Model(content_type, _) => quote(content_type),
            Body::None | Body::Optional => quote("application/json"),
        };
        let body = if matches!(operation.body, Body::None) { "" } else { "\n      body," };
        let _ = writeln!(
            text,
            "    const call: Call = {{\n      verb: {},\n      path: {},\n      query: {},\n      headers: {},\n      contentType: {content_type},{body}\n    }};\n    return send(this.#config, INVOKE_URL, call, extra);\n  }}",
            quote(operation.verb.as_str()),
            path(operation),
            place(Place::Query),
            place(Place::Header),
        );
    }

    fn arguments(&self, operation: &Operation) -> Vec<String> {
        let mut arguments = Vec::new();
        if !operation.parameters.is_empty() {
            let members = operation.parameters.iter().map(|parameter| {
                let optional = if parameter.required { "" } else { "?" };
                format!("{}{optional}: {}", key(&parameter.name), value(parameter))
            });
            let members: Vec<String> = members.collect();
            // Whoever has to give nothing may leave all of it away, unless a body comes after it.
            let needed = operation.parameters.iter().any(|parameter| parameter.required);
            let default = if needed { "" } else { " = {}" };
            arguments.push(format!("params: {{ {} }}{default}", members.join("; ")));
        }
        match &operation.body {
            Body::None => {}
            Body::Optional => arguments.push("body?: unknown".to_owned()),
            Body::Model(_, model) => arguments.push(format!("body: {}", self.spell(model))),
        }
        arguments
    }
}

fn value(parameter: &Parameter) -> &'static str {
    if parameter.places.contains(&Place::Path) { "string | number | boolean" } else { "Value" }
}

/// A member's name where it is declared.
fn key(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    // As a literal this one would set what an object inherits from.
    if name == "__proto__" {
        return "[\"__proto__\"]".to_owned();
    }
    if !name.is_empty() && name.bytes().all(plain) { name.to_owned() } else { quote(name) }
}

fn access(name: &str) -> String {
    format!("params[{}]", quote(name))
}

fn path(operation: &Operation) -> String {
    let parts = operation.parts();
    let parts = parts.iter().map(|part| match part {
        Part::Text(text) => quote(text),
        Part::Variable { name, greedy } => format!("segment({}, {}, {greedy})", quote(name), access(name)),
    });
    let parts: Vec<String> = parts.collect();
    parts.join(" + ")
}

fn join(options: impl Iterator<Item = String>) -> String {
    options.collect::<Vec<_>>().join(" | ")
}

fn documentation(text: Option<&str>, indent: &str) -> String {
    let lines = names::comment(text.unwrap_or_default());
    match lines.as_slice() {
        [] => String::new(),
        [line] => format!("{indent}/** {line} */\n"),
        lines => {
            let lines: String = lines.iter().map(|line| format!("{indent} * {line}\n")).collect();
            format!("{indent}/**\n{lines}{indent} */\n")
        }
    }
}
