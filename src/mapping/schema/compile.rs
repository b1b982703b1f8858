//! From a model's text to the schemas in it, each read once, however often it is referred to.

use std::collections::{BTreeMap, HashMap, HashSet};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::format::Format;
use super::node::{Bound, Id, Items, Keyword, Node, Types};
use super::rule::{Pattern, Rule};
use super::{Error, MAX_REFERENCES};
use crate::model::rest::schema::{flatten, referred_models};

/// All schemas that a model needs; the first is its own.
pub(super) fn compile(name: &str, models: &impl Fn(&str) -> Option<String>) -> Result<Vec<Node>, Error> {
    let document = collect(name, models)?;
    if let Err(error) = jsonschema::draft4::meta::validate(&document) {
        return Err(Error::NotDraft4 { model: name.to_owned(), place: error.instance_path().to_string() });
    }
    let mut compiler = Compiler { document: &document, places: HashMap::new(), schemas: Vec::new() };
    compiler.id(&document)?;
    let mut nodes = Vec::new();
    // Schemas are found while others are read. No recursion: references make chains of any length.
    while let Some(schema) = compiler.schemas.get(nodes.len()).copied() {
        nodes.push(compiler.node(schema)?);
    }
    Ok(nodes)
}

/// The model and those that it needs in one document.
fn collect(name: &str, models: &impl Fn(&str) -> Option<String>) -> Result<Value, Error> {
    let mut texts = BTreeMap::new();
    let mut asked = HashSet::from([name.to_owned()]);
    let mut rest = vec![name.to_owned()];
    while let Some(next) = rest.pop() {
        let Some(text) = models(&next) else {
            // A reference to what isn't there is found, with its words, when it is followed.
            if next == name {
                return Err(Error::NoModel(next));
            }
            continue;
        };
        let schema: Value = serde_json::from_str(&text).map_err(|_| Error::NotJson(next.clone()))?;
        rest.extend(
            referred_models(&schema).into_iter().map(str::to_owned).filter(|other| asked.insert(other.clone())),
        );
        texts.insert(next, schema);
    }
    let schemas = texts.iter().map(|(name, schema)| (name.as_str(), schema.clone())).collect();
    flatten(name, &schemas).ok_or_else(|| Error::NoModel(name.to_owned()))
}

struct Compiler<'d> {
    document: &'d Value,
    /// The ids of schemas, by where in memory the document has them.
    places: HashMap<*const Value, Id>,
    /// The schemas, by their ids.
    schemas: Vec<&'d Value>,
}

impl<'d> Compiler<'d> {
    /// The id of a schema, or of the one that it refers to.
    fn id(&mut self, schema: &'d Value) -> Result<Id, Error> {
        let schema = self.follow(schema)?;
        let next = self.schemas.len();
        let id = *self.places.entry(std::ptr::from_ref(schema)).or_insert(next);
        if id == next {
            self.schemas.push(schema);
        }
        Ok(id)
    }

    /// Follows references until there is none. What stands beside a `$ref` counts for nothing in draft 4.
    fn follow(&self, mut schema: &'d Value) -> Result<&'d Value, Error> {
        let mut last = "";
        for _ in 0..MAX_REFERENCES {
            let Some(Value::String(reference)) = schema.get("$ref") else {
                return if schema.is_object() { Ok(schema) } else { Err(Error::Reference(last.to_owned())) };
            };
            let pointer = reference.strip_prefix('#').and_then(|part| percent_decode_str(part).decode_utf8().ok());
            let target = pointer.and_then(|pointer| self.document.pointer(&pointer));
            schema = target.ok_or_else(|| Error::Reference(reference.clone()))?;
            last = reference;
        }
        Err(Error::References(last.to_owned()))
    }

    fn ids(&mut self, schemas: impl IntoIterator<Item = &'d Value>) -> Result<Vec<Id>, Error> {
        schemas.into_iter().map(|schema| self.id(schema)).collect()
    }

    fn node(&mut self, schema: &'d Value) -> Result<Node, Error> {
        let Value::Object(schema) = schema else { return Ok(Node::default()) };
        let mut node = Node::default();
        let in_order: BTreeMap<&str, &'d Value> = schema.iter().map(|(name, value)| (name.as_str(), value)).collect();
        for (name, value) in in_order {
            match (name, value) {
                ("properties", Value::Object(properties)) => {
                    for (name, schema) in properties {
                        node.properties.push((name.clone(), self.id(schema)?));
                    }
                    node.properties.sort();
                }
                ("patternProperties", Value::Object(patterns)) => {
                    for (pattern, schema) in patterns {
                        node.pattern_properties.push((Pattern::compile(pattern)?, self.id(schema)?));
                    }
                }
                ("additionalProperties", Value::Object(_)) => node.other_properties = Some(self.id(value)?),
                ("items", Value::Object(_)) => node.items = Items::Each(self.id(value)?),
                ("items", Value::Array(schemas)) => node.items = Items::Listed(self.ids(schemas)?),
                ("additionalItems", Value::Object(_)) => node.other_items = Some(self.id(value)?),
                _ => node.keywords.extend(self.keyword(name, value, schema)?),
            }
        }
        if let Some(Value::String(name)) = schema.get("format") {
            match Format::named(name)? {
                Some(format) => node.keywords.push(Keyword::Format(format)),
                None => node.unknown_format = Some(name.clone()),
            }
        }
        Ok(node)
    }

    /// A keyword that says something of the value itself. What draft 4 doesn't know says nothing, and neither does
    /// what is malformed, which only a reference into the midst of something else can lead to.
    fn keyword(&mut self, name: &str, value: &'d Value, schema: &Map<String, Value>) -> Result<Option<Keyword>, Error> {
        let count = |keyword: fn(u64) -> Keyword| Ok(value.as_u64().map(keyword));
        let bound = |other| match value {
            Value::Number(limit) => {
                let exclusive = schema.get(other) == Some(&Value::Bool(true));
                Some(Bound { limit: limit.clone(), exclusive })
            }
            _ => None,
        };
        let keyword = match (name, value) {
            ("additionalItems", Value::Bool(false)) => match schema.get("items") {
                Some(Value::Array(items)) => Keyword::NoOtherItems(items.len()),
                _ => return Ok(None),
            },
            ("additionalProperties", Value::Bool(false)) => Keyword::NoOtherProperties,
            ("allOf", Value::Array(schemas)) => Keyword::AllOf(self.ids(schemas)?),
            ("anyOf", Value::Array(schemas)) => Keyword::AnyOf(self.ids(schemas)?),
            ("oneOf", Value::Array(schemas)) => Keyword::OneOf(self.ids(schemas)?),
            ("not", Value::Object(_)) => Keyword::Not(self.id(value)?),
            ("dependencies", Value::Object(dependencies)) => self.dependencies(dependencies)?,
            ("enum", Value::Array(_)) => Keyword::Enum(value.clone(), Rule::keyword("enum", value)?),
            ("maxItems", _) => return count(Keyword::MaxItems),
            ("maxLength", _) => return count(Keyword::MaxLength),
            ("maxProperties", _) => return count(Keyword::MaxProperties),
            ("minItems", _) => return count(Keyword::MinItems),
            ("minLength", _) => return count(Keyword::MinLength),
            ("minProperties", _) => return count(Keyword::MinProperties),
            ("maximum", _) => return Ok(bound("exclusiveMaximum").map(Keyword::Maximum)),
            ("minimum", _) => return Ok(bound("exclusiveMinimum").map(Keyword::Minimum)),
            ("multipleOf", Value::Number(number)) => {
                Keyword::MultipleOf(number.clone(), Rule::keyword("multipleOf", value)?)
            }
            ("pattern", Value::String(pattern)) => Keyword::Pattern(pattern.clone(), Pattern::compile(pattern)?),
            ("required", Value::Array(names)) => Keyword::Required(sorted(names)),
            ("type", _) => Keyword::Type(Types::read(value)),
            ("uniqueItems", Value::Bool(true)) => Keyword::UniqueItems(Rule::keyword("uniqueItems", value)?),
            _ => return Ok(None),
        };
        Ok(Some(keyword))
    }

    fn dependencies(&mut self, dependencies: &'d Map<String, Value>) -> Result<Keyword, Error> {
        let (mut properties, mut schemas) = (Vec::new(), Vec::new());
        for (property, needed) in dependencies {
            match needed {
                Value::Array(names) => properties.push((property.clone(), sorted(names))),
                schema => schemas.push((property.clone(), self.id(schema)?)),
            }
        }
        properties.sort();
        schemas.sort();
        Ok(Keyword::Dependencies { properties, schemas })
    }
}

/// Names in their order, each once.
fn sorted(names: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}
