//! What a deployment offers its callers: operations with names, parameters, bodies and answers.

use serde_json::Value;

use super::names;
use super::types::{Type, Types};
use crate::model::rest::{AuthorizationType, Method, Snapshot, Strings, Verb};

/// What a client is generated from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Interface {
    /// The API's name.
    pub(crate) name: String,
    /// What the API is for.
    pub(crate) description: Option<String>,
    /// Its version, as its owner says it.
    pub(crate) version: Option<String>,
    /// Where the stage is served, without a `/` at the end.
    pub(crate) invoke_url: String,
    pub(super) operations: Vec<Operation>,
    pub(super) types: Types,
}

/// A method that a client has a function for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Operation {
    pub(super) verb: Verb,
    /// The resource's path, with its `{variables}`.
    pub(super) path: String,
    /// A name that its owner gave it.
    name: Option<String>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Body,
    pub(super) answer: Type,
    /// What callers need, for people.
    pub(super) needs: Vec<&'static str>,
}

/// A parameter, by its name in every place where the request has one of this name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) places: Vec<Place>,
    pub(super) required: bool,
}

/// Where a request has a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    Header,
}

/// What an operation's request has for a body.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    /// Nothing that is described, with a verb that is not for bodies.
    None,
    /// Whatever the caller wants to send.
    Optional,
    /// What a model describes, under this content type.
    Model(String, Type),
}

impl Interface {
    /// Reads what a deployment has. Methods of `ANY` have no verb that a client could send.
    pub(crate) fn new(snapshot: &Snapshot, invoke_url: String) -> Self {
        let types = Types::read(&snapshot.models);
        let mut operations = Vec::new();
        for resource in &snapshot.resources {
            let methods = resource.methods.iter().filter(|method| method.verb != Verb::Any);
            operations.extend(methods.map(|method| operation(&resource.path, method, &types)));
        }
        let api = &snapshot.api;
        let (name, description, version) = (api.name.clone(), api.description.clone(), api.version.clone());
        Self { name, description, version, invoke_url, operations, types }
    }

    /// The name of a package: what its owner wants, or the API's own, or `api-client` if nothing is left of that.
    pub(super) fn package(&self, wanted: Option<&str>, spell: fn(&[String]) -> String) -> String {
        if let Some(wanted) = wanted {
            return wanted.to_owned();
        }
        let mut words = names::words(&self.name);
        if words.first().is_none_or(|word| !word.starts_with(|first: char| first.is_ascii_alphabetic())) {
            words.insert(0, "api".to_owned());
        }
        words.push("client".to_owned());
        spell(&words)
    }
}

fn operation(path: &str, method: &Method, types: &Types) -> Operation {
    let mut needs = Vec::new();
    match method.authorization_type {
        AuthorizationType::None => {}
        AuthorizationType::AwsIam => needs.push("an AWS signature"),
        AuthorizationType::Custom => needs.push("what its authorizer asks for"),
        AuthorizationType::CognitoUserPools => needs.push("a token of its user pool"),
    }
    if method.api_key_required {
        needs.push("an API key");
    }
    Operation {
        verb: method.verb,
        path: path.to_owned(),
        name: method.operation_name.clone().filter(|name| !names::words(name).is_empty()),
        parameters: parameters(path, method),
        body: body(method, types),
        answer: answer(method, types),
        needs,
    }
}

fn parameters(path: &str, method: &Method) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    let mut add = |name: &str, place, required| match parameters.iter_mut().find(|known| known.name == name) {
        Some(known) => {
            known.required |= required;
            if !known.places.contains(&place) {
                known.places.push(place);
            }
        }
        None => parameters.push(Parameter { name: name.to_owned(), places: vec![place], required }),
    };
    // Without all variables there is no path, whether the method mentions them or not.
    for part in parts(path) {
        if let Part::Variable { name, .. } = part {
            add(name, Place::Path, true);
        }
    }
    for (parameter, required) in &method.request_parameters {
        if let Some(name) = parameter.strip_prefix("method.request.querystring.") {
            add(name, Place::Query, *required);
        } else if let Some(name) = parameter.strip_prefix("method.request.header.") {
            add(name, Place::Header, *required);
        }
    }
    parameters
}

/// JSON if there is a model of it, otherwise the first; a model named `Empty` describes nothing.
fn described<'a>(models: &'a Strings, types: &Types) -> Option<(&'a str, Type)> {
    let (content_type, model) = models.get_key_value("application/json").or_else(|| models.iter().next())?;
    let is_json = content_type.contains("json") && model != "Empty";
    Some((content_type, if is_json { types.model(model) } else { Type::Any }))
}

fn body(method: &Method, types: &Types) -> Body {
    match described(&method.request_models, types) {
        Some((content_type, model)) => Body::Model(content_type.to_owned(), model),
        None if matches!(method.verb, Verb::Get | Verb::Head | Verb::Options) => Body::None,
        None => Body::Optional,
    }
}

/// What the first answer that is a success holds.
fn answer(method: &Method, types: &Types) -> Type {
    let success = method.responses.iter().find(|(status, _)| status.starts_with('2'));
    let models = success.and_then(|(_, response)| response.models.as_ref());
    models.and_then(|models| described(models, types)).map_or(Type::Any, |(_, answer)| answer)
}

impl Operation {
    /// The words of the name that AWS's JavaScript clients give it: those of the path, `root` for `/`, then the verb.
    pub(super) fn derived_words(&self) -> Vec<String> {
        let mut words = names::words(&self.path);
        if words.is_empty() {
            words.push("root".to_owned());
        }
        words.push(self.verb.as_str().to_ascii_lowercase());
        words
    }

    /// The words of its name: its owner's if there is one.
    pub(super) fn words(&self) -> Vec<String> {
        self.name.as_deref().map_or_else(|| self.derived_words(), names::words)
    }

    pub(super) fn parts(&self) -> Vec<Part<'_>> {
        parts(&self.path)
    }

    /// The names of the parameters in one place.
    pub(super) fn names_in(&self, place: Place) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(move |parameter| parameter.places.contains(&place))
    }

    /// A line for people: `GET /pets/{petId}; needs an API key`.
    pub(super) fn summary(&self) -> String {
        let needs = if self.needs.is_empty() { String::new() } else { format!("; needs {}", self.needs.join(" and ")) };
        format!("{} {}{needs}", self.verb, self.path)
    }
}

/// A part of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part<'a> {
    /// Text as it is.
    Text(&'a str),
    /// A variable; a greedy one takes slashes as well.
    Variable { name: &'a str, greedy: bool },
}

fn parts(path: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = path;
    while let Some((text, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        let greedy = name.ends_with('+');
        parts.push(Part::Variable { name: name.trim_end_matches('+'), greedy });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// A literal value as JSON spells it.
pub(super) fn literal(value: &Value, quote: fn(&str) -> String) -> String {
    value.as_str().map_or_else(|| value.to_string(), quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(path: &str, verb: Verb, name: Option<&str>) -> (String, String) {
        let operation = Operation {
            verb,
            path: path.to_owned(),
            name: name.map(str::to_owned),
            parameters: Vec::new(),
            body: Body::None,
            answer: Type::Any,
            needs: Vec::new(),
        };
        (names::camel(&operation.derived_words()), names::camel(&operation.words()))
    }

    #[test]
    fn functions_are_called_as_awss_are() {
        let rows = [
            ("/", Verb::Get, None, "rootGet", "rootGet"),
            ("/pets", Verb::Post, None, "petsPost", "petsPost"),
            ("/{a}/{b}/{op}", Verb::Get, None, "aBOpGet", "aBOpGet"),
            ("/api/getBroker/{id}", Verb::Get, None, "apiGetBrokerIdGet", "apiGetBrokerIdGet"),
            ("/{proxy+}", Verb::Delete, None, "proxyDelete", "proxyDelete"),
            ("/my-pets/v1.0", Verb::Options, None, "myPetsV10Options", "myPetsV10Options"),
            ("/pets", Verb::Get, Some("ListPets"), "petsGet", "listPets"),
        ];
        for (path, verb, name, derived, own) in rows {
            assert_eq!(names_of(path, verb, name), (derived.to_owned(), own.to_owned()), "{path}");
        }
    }

    #[test]
    fn a_path_has_parts() {
        let variable = |name, greedy| Part::Variable { name, greedy };
        let rows: [(&str, &[Part<'_>]); 4] = [
            ("/", &[Part::Text("/")]),
            ("/a/{b}", &[Part::Text("/a/"), variable("b", false)]),
            ("/{a}/x/{b+}", &[Part::Text("/"), variable("a", false), Part::Text("/x/"), variable("b", true)]),
            ("/{a", &[Part::Text("/{a")]),
        ];
        for (path, expected) in rows {
            assert_eq!(parts(path), expected, "{path}");
        }
    }
}
