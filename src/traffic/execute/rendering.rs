//! Mapping templates on a request: what they see of it, and what they write over it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;

use http::{HeaderName, HeaderValue};

use super::content::Content;
use super::facts::{Facts, NAMES};
use crate::mapping::document::Document;
use crate::mapping::input::Input;
use crate::mapping::template::Template;
use crate::mapping::util::Util;
use crate::mapping::vtl::{Entries, Found, Map, Object, Origin, Style, Value};
use crate::traffic::message::Headers;

/// What `$context.identity` has, whoever calls.
const IDENTITY: [&str; 2] = ["sourceIp", "userAgent"];
/// What it has besides, where a method wants an API key.
const OF_KEYS: [&str; 2] = ["apiKey", "apiKeyId"];

/// What templates write over request and answer: `$context.requestOverride` and `$context.responseOverride`. Both are
/// one for all templates of a request, and made for the first that looks at them. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Overrides(Rc<Written>);

#[derive(Default)]
struct Written {
    request: OnceCell<Map>,
    response: OnceCell<Map>,
}

/// What an override has before anybody writes: an empty map under each of these names. Most templates write nothing, and
/// none of it is made for them.
struct Parts(&'static [&'static str]);

/// The place of the override itself; its maps have those behind it.
const WHOLE: u32 = 0;

impl Parts {
    /// The override that has these.
    fn whole(names: &'static [&'static str]) -> Map {
        Map::waiting(Rc::new(Self(names)), WHOLE, Style::Silent)
    }
}

impl Origin for Parts {
    fn size(&self, place: u32) -> usize {
        if place == WHOLE { self.0.len() } else { 0 }
    }

    fn entries(self: Rc<Self>, place: u32) -> Entries {
        if place != WHOLE {
            return Entries::new();
        }
        let parts = (WHOLE + 1..).zip(self.0);
        let empty = |place| Value::Map(Map::waiting(Rc::clone(&self) as Rc<dyn Origin>, place, Style::Silent));
        parts.map(|(place, name)| ((*name).into(), empty(place))).collect()
    }

    fn get(&self, place: u32, key: &str) -> Found {
        let known = (WHOLE + 1..).zip(self.0).find(|(_, name)| place == WHOLE && **name == key);
        known.map_or(Found::Value(Value::Null), |(part, _)| Found::Map(part, Style::Silent))
    }
}

impl Overrides {
    fn request(&self) -> &Map {
        self.0.request.get_or_init(|| Parts::whole(&["header", "querystring", "path"]))
    }

    fn response(&self) -> &Map {
        self.0.response.get_or_init(|| Parts::whole(&["header"]))
    }

    /// What is written over the call's headers, query and path.
    pub(super) fn of_request(&self, place: &str) -> Vec<(String, Vec<String>)> {
        entries(self.0.request.get(), place)
    }

    /// What is written over the answer's headers.
    pub(super) fn of_response_headers(&self) -> Vec<(String, Vec<String>)> {
        entries(self.0.response.get(), "header")
    }

    /// The status that is written over the answer's, if it is one.
    pub(super) fn status(&self) -> Option<http::StatusCode> {
        let text = touched(self.0.response.get())?.get("status").text();
        let code = text.trim().parse().ok().filter(|code| (100..600).contains(code))?;
        http::StatusCode::from_u16(code).ok()
    }
}

/// An override that a template may have written.
fn touched(overrides: Option<&Map>) -> Option<&Map> {
    overrides.filter(|overrides| !overrides.is_untouched())
}

/// Names and values of one part of an override; a list is several values.
fn entries(overrides: Option<&Map>, place: &str) -> Vec<(String, Vec<String>)> {
    let Some(Value::Map(map)) = touched(overrides).map(|overrides| overrides.get(place)) else { return Vec::new() };
    let texts = |value: &Value| match value {
        Value::List(list) => list.items().iter().map(|item| item.text().to_string()).collect(),
        other => vec![other.text().to_string()],
    };
    map.entries().iter().map(|(name, value)| (name.to_string(), texts(value))).collect()
}

/// Writes headers over others; what can't be a header is left out.
pub(super) fn override_headers(headers: &mut Headers, overrides: Vec<(String, Vec<String>)>) {
    for (name, values) in overrides {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        headers.remove(&name);
        for value in values.iter().filter_map(|value| HeaderValue::from_str(value).ok()) {
            headers.append(name.clone(), value);
        }
    }
}

/// Renders a template over a body, which is the request's or the endpoint's answer, and must be text. `document` is the
/// body as JSON, if somebody has read it already. The error says what went wrong, for the log.
pub(super) fn render<'t>(
    template: &'t Template,
    content: &Content,
    document: Option<Rc<Document>>,
    facts: &Rc<Facts>,
    overrides: &mut Option<Overrides>,
) -> Result<Cow<'t, str>, String> {
    if !content.is_text {
        return Err("the body is not text".to_owned());
    }
    let language = match template {
        Template::Literal(text) => return Ok(Cow::Borrowed(text)),
        Template::Broken(error) => return Err(error.to_string()),
        Template::Velocity(language) => language,
    };
    let variable = |name: &str| {
        Some(match name {
            "input" => Input::value(content.bytes.clone(), document.clone(), Rc::clone(facts) as _),
            "util" => Util::value(),
            "context" => {
                let overrides = overrides.get_or_insert_default().clone();
                Value::Object(Rc::new(Context { facts: Rc::clone(facts), overrides }))
            }
            "stageVariables" => stage_variables(facts),
            _ => return None,
        })
    };
    language.render_with(variable, &Template::LIMITS).map(Cow::Owned).map_err(|error| error.to_string())
}

fn stage_variables(facts: &Facts) -> Value {
    let variables = facts.deployed().into_iter().flat_map(|deployed| &deployed.variables);
    let entries = variables.map(|(name, value)| (name.as_str().into(), value.as_str().into()));
    Value::Map(Map::new(entries, Style::Java))
}

/// `$context`.
struct Context {
    facts: Rc<Facts>,
    overrides: Overrides,
}

impl Context {
    /// The variables that there are, in AWS's order.
    fn names(&self) -> Vec<&'static str> {
        let canary = self.facts.context("isCanaryRequest").map(|_| "isCanaryRequest");
        let authorizer = self.facts.authorized().map(|_| "authorizer");
        match self.facts.socket() {
            Some(event) => event.names().chain(authorizer).collect(),
            None => NAMES.into_iter().chain(canary).chain(authorizer).collect(),
        }
    }

    /// What the method's authorizer says of the caller; without one it is a map of nothing.
    fn authorizer(&self) -> Value {
        let value = |name: &str| {
            let value = self.facts.context(&format!("authorizer.{name}"));
            (name.into(), value.map_or(Value::Null, |value| Value::from(&*value)))
        };
        let names = self.facts.authorized().into_iter().flat_map(|authorized| authorized.names());
        Value::Map(Map::new(names.map(value), Style::Silent))
    }

    fn identity(&self) -> Value {
        let value = |name: &'static str| {
            let value = self.facts.context(&format!("identity.{name}"));
            (name.into(), value.map_or(Value::Null, |value| Value::from(&*value)))
        };
        let of_keys = OF_KEYS.map(value).into_iter().filter(|(_, value)| !matches!(value, Value::Null));
        Value::Map(Map::new(IDENTITY.map(value).into_iter().chain(of_keys), Style::Silent))
    }
}

impl Object for Context {
    fn property(&self, name: &str) -> Value {
        match name {
            "requestOverride" => Value::Map(self.overrides.request().clone()),
            "responseOverride" => Value::Map(self.overrides.response().clone()),
            "identity" => self.identity(),
            "authorizer" => self.authorizer(),
            "requestTimeEpoch" => Value::Int(i64::try_from(self.facts.head().arrived.as_millis()).unwrap_or(i64::MAX)),
            "connectedAt" => match self.facts.socket() {
                Some(event) => {
                    Value::Int(i64::try_from(event.connection().connected_at.as_millis()).unwrap_or(i64::MAX))
                }
                None => Value::Null,
            },
            name if name.contains('.') => Value::Null,
            name => self.facts.context(name).map_or(Value::Null, |value| Value::from(&*value)),
        }
    }

    fn write_property(&self, name: &str, out: &mut String) -> bool {
        // Those with points in their names belong to the maps; what is no text shows as nothing.
        let value = if name.contains('.') { None } else { self.facts.context(name) };
        value.inspect(|value| out.push_str(value)).is_some()
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        Ok(match (name, arguments) {
            ("get", [key]) => self.property(&key.text()),
            ("containsKey", [key]) => Value::Bool(self.names().contains(&&*key.text())),
            ("keySet", []) => Value::list(self.names().into_iter().map(Value::from).collect(), Style::Java),
            ("size", []) => Value::Int(i64::try_from(self.names().len()).unwrap_or(i64::MAX)),
            ("isEmpty", []) => Value::Bool(false),
            _ => Value::Null,
        })
    }

    fn held(&self) -> Vec<Value> {
        let Written { request, response } = &*self.overrides.0;
        [request, response].into_iter().filter_map(|map| map.get().cloned()).map(Value::Map).collect()
    }

    fn text(&self) -> String {
        String::new()
    }
}
