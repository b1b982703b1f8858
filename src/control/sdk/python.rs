//! Python: a package with the models as types and a client over the standard library.

use std::fmt::Write;

use serde_json::Value;

use super::archive::File;
use super::interface::{Body, Interface, Operation, Part, Place};
use super::names::{self, Scope, python as quote};
use super::readme::{self, fill};
use super::types::{Declaration, Shape, Type, Types};

const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];
/// Names that models can't have: Python's own, and those that the module imports.
const TYPE_NAMES: &[&str] =
    &["False", "None", "True", "Any", "Literal", "NotRequired", "TypeAlias", "TypedDict", "Union"];
/// Names that functions and their arguments can't have: keywords, and what a function has or needs anyway.
const RESERVED: &[&str] = &[
    "False",
    "None",
    "True",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "self",
    "body",
    "extra_headers",
    "extra_query",
    "segment",
    "models",
];

/// Whether nothing can be called so.
pub(super) fn is_keyword(name: &str) -> bool {
    KEYWORDS.contains(&name)
}

/// The files of a client.
pub(super) fn files(interface: &Interface, package: Option<&str>) -> Vec<File> {
    let package = interface.package(package, names::snake);
    let mut scope = Scope::new(RESERVED);
    let named: Vec<(String, &Operation)> = interface
        .operations
        .iter()
        .map(|operation| (scope.name(&names::snake(&operation.words())), operation))
        .collect();
    let mut scope = Scope::new(TYPE_NAMES);
    let declarations = &interface.types.declarations;
    let models = declarations.iter().map(|declared| scope.name(&names::pascal(&declared.words)));
    let writer = Writer { types: &interface.types, models: models.collect() };
    let root = package.replace('_', "-");
    let description = names::comment(interface.description.as_deref().unwrap_or(&interface.name)).join(" ");
    let project = format!(
        "[build-system]\nrequires = [\"setuptools>=61\"]\nbuild-backend = \"setuptools.build_meta\"\n\n[project]\nname = {}\nversion = \"0.1.0\"\ndescription = {}\nrequires-python = \">=3.11\"\n\n[tool.setuptools]\npackages = [{}]\n\n[tool.setuptools.package-data]\n\"*\" = [\"py.typed\"]\n",
        quote(&root),
        quote(&description),
        quote(&package)
    );
    let about = format!(
        "{}\n\nfrom . import models\nfrom ._runtime import Answer, ApiError, Credentials\nfrom .client import Client\n\n__all__ = [\"Answer\", \"ApiError\", \"Client\", \"Credentials\", \"models\"]\n",
        quote(&format!("A client of {}, generated from a deployment.", interface.name))
    );
    let own = [("package", package.clone()), ("example", readme::example(&named, |_| "…"))];
    let readme = readme::write(include_str!("python/README.md"), interface, &named, &own);
    vec![
        File::new(format!("{root}/{package}/__init__.py"), about),
        File::new(format!("{root}/{package}/_runtime.py"), include_str!("python/runtime.py")),
        File::new(format!("{root}/{package}/client.py"), writer.client(interface, &named)),
        File::new(format!("{root}/{package}/models.py"), writer.models()),
        File::new(format!("{root}/{package}/py.typed"), ""),
        File::new(format!("{root}/pyproject.toml"), project),
        File::new(format!("{root}/README.md"), readme),
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
            "\"\"\"The API's models.\"\"\"\n\nfrom typing import Any, Literal, NotRequired, TypeAlias, TypedDict, Union\n",
        );
        for (declaration, name) in self.types.declarations.iter().zip(&self.models) {
            text.push('\n');
            self.declare(declaration, name, &mut text);
        }
        text
    }

    fn declare(&self, declaration: &Declaration, name: &str, text: &mut String) {
        text.push_str(&comment(declaration.description.as_deref(), ""));
        match &declaration.shape {
            Shape::Object { fields, .. } => {
                // Written so that names that are none in Python, and types that come later, can be in it.
                let _ = writeln!(text, "{name} = TypedDict({}, {{", quote(name));
                for field in fields {
                    text.push_str(&comment(field.description.as_deref(), "    "));
                    let value = self.spell(&field.value, "");
                    let value = if field.required { value } else { format!("NotRequired[{value}]") };
                    let _ = writeln!(text, "    {}: {value},", quote(&field.name));
                }
                text.push_str("})\n");
            }
            Shape::Choice(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| quote(text)).collect();
                let _ = writeln!(text, "{name}: TypeAlias = Literal[{}]", texts.join(", "));
            }
            Shape::Alias(alias) => {
                let _ = writeln!(text, "{name}: TypeAlias = {}", self.spell(alias, ""));
            }
        }
    }

    /// A type; models are in `module`, or may come later in the same one, and are quoted there.
    fn spell(&self, value: &Type, module: &str) -> String {
        match value {
            Type::Any => "Any".to_owned(),
            Type::Null => "None".to_owned(),
            Type::Boolean => "bool".to_owned(),
            Type::Integer => "int".to_owned(),
            Type::Number => "float".to_owned(),
            Type::Text => "str".to_owned(),
            Type::Literals(values) => literals(values),
            Type::List(item) => format!("list[{}]", self.spell(item, module)),
            Type::Map(value) => format!("dict[str, {}]", self.spell(value, module)),
            Type::Named(index) => match self.models.get(*index) {
                Some(name) if module.is_empty() => format!("\"{name}\""),
                Some(name) => format!("{module}.{name}"),
                None => "Any".to_owned(),
            },
            Type::Union(options) => {
                let options: Vec<String> = options.iter().map(|option| self.spell(option, module)).collect();
                format!("Union[{}]", options.join(", "))
            }
        }
    }

    fn client(&self, interface: &Interface, named: &[(String, &Operation)]) -> String {
        let mut text = fill(
            include_str!("python/client.py"),
            &[
                ("description", &quote(interface.description.as_deref().unwrap_or(&interface.name))),
                ("invoke_url", &quote(&interface.invoke_url)),
            ],
        );
        for (name, operation) in named {
            self.method(name, operation, &mut text);
        }
        text
    }

    fn method(&self, name: &str, operation: &Operation, text: &mut String) {
        let mut scope = Scope::new(RESERVED);
        let arguments: Vec<(String, _)> = operation
            .parameters
            .iter()
            .map(|parameter| (scope.name(&names::snake(&names::words(&parameter.name))), parameter))
            .collect();
        let _ = write!(text, "\n    def {name}(\n        self,\n        *,\n");
        for (argument, parameter) in &arguments {
            let value = if parameter.places.contains(&Place::Path) { "Scalar" } else { "Value" };
            let rest = if parameter.required { value.to_owned() } else { format!("{value} | None = None") };
            let _ = writeln!(text, "        {argument}: {rest},");
        }
        match &operation.body {
            Body::None => {}
            Body::Optional => text.push_str("        body: Any = None,\n"),
            Body::Model(_, model) => {
                let _ = writeln!(text, "        body: {},", self.spell(model, "models"));
            }
        }
        let place = |place| {
            let here = arguments.iter().filter(|(_, parameter)| parameter.places.contains(&place));
            here.map(|(argument, parameter)| format!("{}: {argument}, ", quote(&parameter.name))).collect::<String>()
        };
        let content_type = match &operation.body {
            Body::Model(content_type, _) => content_type.as_str(),
            Body::None | Body::Optional => "application/json",
        };
        let parts = operation.parts();
        let parts = parts.iter().map(|part| match part {
            Part::Text(text) => quote(text),
            Part::Variable { name, greedy } => {
                let argument = arguments.iter().find(|(_, parameter)| parameter.name == *name);
                let argument = argument.map_or("None", |(argument, _)| argument.as_str());
                format!("segment({}, {argument}, {})", quote(name), if *greedy { "True" } else { "False" })
            }
        });
        let _ = writeln!(
            text,
            "        extra_headers: Mapping[str, Value] = {{}},
        extra_query: Mapping[str, Value] = {{}},
    ) -> Answer[{answer}]:
        {summary}
        return self._sender.send(
            {verb},
            {path},
            {{{query}**extra_query}},
            {{{headers}**extra_headers}},
            {content_type},
            {body},
        )",
            answer = self.spell(&operation.answer, "models"),
            summary = quote(&operation.summary()),
            verb = quote(operation.verb.as_str()),
            path = parts.collect::<Vec<_>>().join(" + "),
            query = place(Place::Query),
            headers = place(Place::Header),
            content_type = quote(content_type),
            body = if matches!(operation.body, Body::None) { "None" } else { "body" },
        );
    }
}

/// Values that a type can be; numbers with a point can't.
fn literals(values: &[Value]) -> String {
    let spelled = values.iter().map(|value| match value {
        Value::String(text) => Some(quote(text)),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Null => Some("None".to_owned()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    });
    let spelled: Option<Vec<String>> = spelled.collect();
    spelled.map_or_else(|| "Any".to_owned(), |spelled| format!("Literal[{}]", spelled.join(", ")))
}

fn comment(text: Option<&str>, indent: &str) -> String {
    let lines = names::comment(text.unwrap_or_default());
    lines.iter().map(|line| format!("{indent}# {line}\n")).collect()
}
