//! Templates tried out: what they see is described in JSON, and each of their steps can be told.

use std::rc::Rc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map as Members, Value as Json};

use super::input::{Input, Parameters};
use super::template::Template as Compiled;
use super::util::Util;
use super::vtl::{Error, Map, Style, Template, Traced, Value, What};

/// What a template sees.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Trial {
    /// The body that `$input` reads.
    pub body: String,
    /// `$context`.
    pub context: Members<String, Json>,
    /// What `$input.params()` gives: path, querystring and header, each with names and values.
    pub parameters: Members<String, Json>,
    /// `$stageVariables`.
    pub stage_variables: Members<String, Json>,
    /// Further variables by their names.
    pub variables: Members<String, Json>,
}

/// One step of a rendering.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// `shows`, `sets`, `asks` or `takes`.
    pub what: &'static str,
    /// The value.
    pub value: String,
}

/// What is told as parameters is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Only three places have parameters.
    #[error("there are no parameters of {0}; there may be some of path, querystring and header")]
    Place(String),
    /// Parameters have names.
    #[error("the parameters of {0} are no object")]
    NoObject(String),
}

impl Trial {
    /// The variables, by their names.
    pub fn variables(&self) -> Result<Vec<(&str, Value)>, Malformed> {
        let body = Bytes::from(self.body.clone());
        let object = |members: &Members<String, Json>| plain(&Json::Object(members.clone()));
        let mut variables = vec![
            ("input", Input::value(body, None, Rc::new(self.parameters()?))),
            ("util", Util::value()),
            ("context", object(&self.context)),
            ("stageVariables", object(&self.stage_variables)),
        ];
        variables.extend(self.variables.iter().map(|(name, value)| (name.as_str(), plain(value))));
        Ok(variables)
    }

    fn parameters(&self) -> Result<Parameters, Malformed> {
        let mut parameters = Parameters::default();
        for (place, values) in &self.parameters {
            let pairs = match place.as_str() {
                "path" => &mut parameters.path,
                "querystring" => &mut parameters.querystring,
                "header" => &mut parameters.header,
                other => return Err(Malformed::Place(other.to_owned())),
            };
            for (name, value) in values.as_object().ok_or_else(|| Malformed::NoObject(place.clone()))? {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                pairs.push((name.clone(), value));
            }
        }
        Ok(parameters)
    }
}

/// Renders a template as a request would; `told` is given each step, if there is one.
pub fn render(
    source: &str,
    variables: &[(&str, Value)],
    mut told: Option<&mut dyn FnMut(Step)>,
) -> Result<String, Error> {
    let template = Template::parse(source)?;
    match &mut told {
        None => template.render(variables, &Compiled::LIMITS),
        Some(told) => template.render_traced(variables, &Compiled::LIMITS, &mut |step| told(Step::from(step))),
    }
}

impl From<Traced<'_>> for Step {
    fn from(traced: Traced<'_>) -> Self {
        let what = match traced.what {
            What::Shown => "shows",
            What::Set => "sets",
            What::Condition => "asks",
            What::Item => "takes",
        };
        Self { line: traced.line, column: traced.column, what, value: traced.value.to_owned() }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_sees_what_is_described() {
        let trial: Trial = serde_json::from_str(
            r#"{"body": "{\"a\": 1}", "context": {"stage": "s"}, "parameters": {"path": {"id": 7}},
                "stageVariables": {"v": "w"}, "variables": {"x": [1]}}"#,
        )
        .expect("a trial");
        let variables = trial.variables().expect("variables");
        let template = "$input.path('$.a') $context.stage $input.params('id') $stageVariables.v $x[0]";
        assert_eq!(render(template, &variables, None).as_deref(), Ok("1 s 7 w 1"));
        let mut steps = Vec::new();
        let rendered = render("#set($a = 2)$a", &variables, Some(&mut |step| steps.push(step)));
        assert_eq!(rendered.as_deref(), Ok("2"));
        let step = |column, what| Step { line: 1, column, what, value: "2".to_owned() };
        assert_eq!(steps, [step(6, "sets"), step(13, "shows")]);
    }

    #[test]
    fn parameters_that_are_none_are_refused() {
        for (parameters, expected) in [
            (r#"{"cookie": {}}"#, Malformed::Place("cookie".to_owned())),
            (r#"{"path": []}"#, Malformed::NoObject("path".to_owned())),
        ] {
            let trial = Trial { parameters: serde_json::from_str(parameters).expect("JSON"), ..Trial::default() };
            assert_eq!(trial.variables().err(), Some(expected));
        }
    }
}
