//! Types from models: JSON Schema (draft 4) as the declarations that typed languages have in common.
//!
//! Objects and enumerations get a name of their own, however deep they are in a schema; references between models, to
//! `definitions` and in circles stay references. What a type can't say (`not`, patterns, tuples) is any value.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::names;
use crate::model::rest::Model;

/// The type of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    Any,
    Null,
    Boolean,
    Integer,
    Number,
    Text,
    /// One of these values, none of which is an object or a list.
    Literals(Vec<Value>),
    List(Box<Type>),
    /// An object whose members have any names.
    Map(Box<Type>),
    /// A declaration, by its number.
    Named(usize),
    Union(Vec<Type>),
}

/// A type with a name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Declaration {
    /// The words of its name; two declarations may have the same.
    pub(super) words: Vec<String>,
    pub(super) description: Option<String>,
    pub(super) shape: Shape,
}

/// What a declaration declares.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// An object; an open one says itself that it may have further members.
    Object { fields: Vec<Field>, open: bool },
    /// One of these texts.
    Choice(Vec<String>),
    /// Another name for a type.
    Alias(Type),
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: Type,
    pub(super) required: bool,
    pub(super) description: Option<String>,
}

/// The declarations of an API's models.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Types {
    pub(super) declarations: Vec<Declaration>,
    models: BTreeMap<String, usize>,
}

impl Types {
    /// Reads all models. A schema that is no JSON is any value.
    pub(super) fn read(models: &[Model]) -> Self {
        let schema = |model: &Model| model.schema.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let schemas: Vec<Value> = models.iter().map(|model| schema(model).unwrap_or_default()).collect();
        let mut reader = Reader::default();
        for (model, schema) in models.iter().zip(&schemas) {
            let description = model.description.clone().or_else(|| text(schema, "description"));
            let index = reader.declare(schema, reader.sources.len(), names::words(&model.name), description);
            reader.types.models.insert(model.name.clone(), index);
        }
        for (number, schema) in schemas.iter().enumerate() {
            let Some(definitions) = schema.get("definitions").and_then(Value::as_object) else { continue };
            for (name, definition) in definitions {
                let mut words = reader.types.declarations[number].words.clone();
                words.extend(names::words(name));
                let index = reader.declare(definition, number, words, text(definition, "description"));
                reader.definitions.insert((number, name.clone()), index);
            }
        }
        // Reading a declaration may add others, which come behind.
        let mut index = 0;
        while let Some((schema, model)) = reader.sources.get(index).copied() {
            let words = reader.types.declarations[index].words.clone();
            let shape = reader.shape(schema, model, &words);
            reader.types.declarations[index].shape = shape;
            index += 1;
        }
        reader.types.break_circles();
        reader.types
    }

    /// The type that is a model.
    pub(super) fn model(&self, name: &str) -> Type {
        self.models.get(name).map_or(Type::Any, |index| Type::Named(*index))
    }

    /// Other names that are only names of each other are any value: no language has such types.
    fn break_circles(&mut self) {
        for index in 0..self.declarations.len() {
            let Shape::Alias(alias) = &self.declarations[index].shape else { continue };
            let (mut seen, mut next) = (BTreeSet::new(), named(alias));
            while let Some(other) = next.pop() {
                if let (true, Shape::Alias(alias)) = (seen.insert(other), &self.declarations[other].shape) {
                    next.extend(named(alias));
                }
            }
            if seen.contains(&index) {
                self.declarations[index].shape = Shape::Alias(Type::Any);
            }
        }
    }
}

fn named(value: &Type) -> Vec<usize> {
    match value {
        Type::Named(index) => vec![*index],
        Type::List(inner) | Type::Map(inner) => named(inner),
        Type::Union(options) => options.iter().flat_map(named).collect(),
        _ => Vec::new(),
    }
}

fn text(schema: &Value, name: &str) -> Option<String> {
    schema.get(name).and_then(Value::as_str).map(str::to_owned)
}

#[derive(Default)]
struct Reader<'a> {
    types: Types,
    /// What each declaration is read from: a schema, and the number of the model that it is in.
    sources: Vec<(&'a Value, usize)>,
    /// The declaration of a schema, by the schema's place in memory: one that is met twice is declared once.
    declared: HashMap<*const Value, usize>,
    definitions: HashMap<(usize, String), usize>,
}

impl<'a> Reader<'a> {
    fn declare(&mut self, schema: &'a Value, model: usize, words: Vec<String>, description: Option<String>) -> usize {
        let index = self.sources.len();
        self.sources.push((schema, model));
        self.declared.insert(std::ptr::from_ref(schema), index);
        self.types.declarations.push(Declaration { words, description, shape: Shape::Alias(Type::Any) });
        index
    }

    fn shape(&mut self, schema: &'a Value, model: usize, words: &[String]) -> Shape {
        if let Some(texts) = choice(schema) {
            return Shape::Choice(texts);
        }
        let mut parts = Parts::default();
        if is_record(schema) && self.collect(schema, model, &mut parts, &mut BTreeSet::new()) {
            return self.object(parts, words);
        }
        Shape::Alias(self.unnamed(schema, model, words))
    }

    fn object(&mut self, parts: Parts<'a>, words: &[String]) -> Shape {
        let mut fields = Vec::new();
        for (name, (schema, model)) in parts.properties {
            let mut longer = words.to_vec();
            longer.extend(names::words(name));
            let value = self.value(schema, model, &longer);
            let required = parts.required.contains(name);
            fields.push(Field { name: name.to_owned(), value, required, description: text(schema, "description") });
        }
        Shape::Object { fields, open: parts.open }
    }

    /// The members of an object, from all that it is made of; `false` if something of it is no object.
    fn collect(&self, schema: &'a Value, model: usize, parts: &mut Parts<'a>, seen: &mut BTreeSet<usize>) -> bool {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let Some(index) = self.resolve(reference, model) else { return false };
            let (schema, model) = self.sources[index];
            return !seen.insert(index) || self.collect(schema, model, parts, seen);
        }
        if !is_record(schema) && schema.get("type").is_some_and(|kind| kind != "object") {
            return false;
        }
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            parts.add(name, property, model);
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        parts.required.extend(required.filter_map(Value::as_str));
        parts.open |= matches!(schema.get("additionalProperties"), Some(Value::Bool(true) | Value::Object(_)));
        let all_of = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
        all_of.into_iter().all(|part| self.collect(part, model, parts, seen))
    }

    /// The type of a value: a reference to a declaration, made if need be, or a type that needs no name.
    fn value(&mut self, schema: &'a Value, model: usize, words: &[String]) -> Type {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            return self.resolve(reference, model).map_or(Type::Any, Type::Named);
        }
        if let Some(index) = self.declared.get(&std::ptr::from_ref(schema)) {
            return Type::Named(*index);
        }
        if is_record(schema) || choice(schema).is_some() {
            let description = text(schema, "description");
            return Type::Named(self.declare(schema, model, words.to_vec(), description));
        }
        self.unnamed(schema, model, words)
    }

    fn unnamed(&mut self, schema: &'a Value, model: usize, words: &[String]) -> Type {
        if schema.get("$ref").is_some() {
            return self.value(schema, model, words);
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            let scalar = |value: &Value| !value.is_object() && !value.is_array();
            return if values.is_empty() || !values.iter().all(scalar) {
                Type::Any
            } else {
                Type::Literals(distinct(values))
            };
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            // Parts that are no objects narrow each other; the first says what the value is.
            return parts.first().map_or(Type::Any, |part| self.value(part, model, words));
        }
        let options = ["oneOf", "anyOf"].iter().find_map(|name| schema.get(*name).and_then(Value::as_array));
        if let Some(options) = options {
            let longer = extended(words, "option");
            return union(options.iter().map(|option| self.value(option, model, &longer)).collect());
        }
        match schema.get("type") {
            Some(Value::String(kind)) => self.kind(kind, schema, model, words),
            Some(Value::Array(kinds)) => {
                let kinds = kinds.iter().filter_map(Value::as_str);
                union(kinds.map(|kind| self.kind(kind, schema, model, words)).collect())
            }
            None if schema.get("items").is_some() => self.kind("array", schema, model, words),
            _ => Type::Any,
        }
    }

    fn kind(&mut self, kind: &str, schema: &'a Value, model: usize, words: &[String]) -> Type {
        match kind {
            "null" => Type::Null,
            "boolean" => Type::Boolean,
            "integer" => Type::Integer,
            "number" => Type::Number,
            "string" => Type::Text,
            "array" => {
                let items = schema.get("items").filter(|items| items.is_object());
                let item = items.map_or(Type::Any, |items| self.value(items, model, &extended(words, "item")));
                Type::List(Box::new(item))
            }
            "object" => {
                let rest = schema.get("additionalProperties").filter(|rest| rest.is_object());
                let value = rest.map_or(Type::Any, |rest| self.value(rest, model, &extended(words, "value")));
                Type::Map(Box::new(value))
            }
            _ => Type::Any,
        }
    }

    /// The declaration that a reference leads to: a model by its URL, a definition, or the whole schema.
    fn resolve(&self, reference: &str, model: usize) -> Option<usize> {
        let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let model = match address.rsplit_once("/models/") {
            Some((_, name)) => *self.types.models.get(name)?,
            None if address.is_empty() => model,
            None => return None,
        };
        match fragment.trim_start_matches('/') {
            "" => Some(model),
            path => {
                let name = path.strip_prefix("definitions/")?.replace("~1", "/").replace("~0", "~");
                self.definitions.get(&(model, name)).copied()
            }
        }
    }
}

/// What an object is made of, in the order in which it was found.
#[derive(Default)]
struct Parts<'a> {
    properties: Vec<(&'a str, (&'a Value, usize))>,
    known: HashMap<&'a str, usize>,
    required: BTreeSet<&'a str>,
    open: bool,
}

impl<'a> Parts<'a> {
    /// A property that is said twice is what was said last.
    fn add(&mut self, name: &'a str, schema: &'a Value, model: usize) {
        let at = *self.known.entry(name).or_insert(self.properties.len());
        match self.properties.get_mut(at) {
            Some(property) => property.1 = (schema, model),
            None => self.properties.push((name, (schema, model))),
        }
    }
}

/// Whether a schema describes an object with members that have names.
fn is_record(schema: &Value) -> bool {
    let has_properties = schema.get("properties").and_then(Value::as_object).is_some_and(|all| !all.is_empty());
    let composed = |part: &Value| part.get("$ref").is_some() || is_record(part);
    let parts = schema.get("allOf").and_then(Value::as_array);
    let of_objects = schema.get("type").is_none_or(|kind| kind == "object");
    of_objects && (has_properties || parts.is_some_and(|parts| parts.iter().any(composed)))
}

/// The texts of an enumeration of texts.
fn choice(schema: &Value) -> Option<Vec<String>> {
    let values = schema.get("enum").and_then(Value::as_array).filter(|values| !values.is_empty())?;
    let mut seen = BTreeSet::new();
    let mut texts = Vec::new();
    for value in values {
        let text = value.as_str()?;
        if seen.insert(text) {
            texts.push(text.to_owned());
        }
    }
    Some(texts)
}

fn distinct(values: &[Value]) -> Vec<Value> {
    let mut seen = Map::new();
    values.iter().filter(|value| seen.insert(value.to_string(), Value::Null).is_none()).cloned().collect()
}

fn union(options: Vec<Type>) -> Type {
    let mut distinct: Vec<Type> = Vec::new();
    for option in options {
        match option {
            Type::Any => return Type::Any,
            option if distinct.contains(&option) => {}
            option => distinct.push(option),
        }
    }
    match distinct.len() {
        0 => Type::Any,
        1 => distinct.swap_remove(0),
        _ => Type::Union(distinct),
    }
}

fn extended(words: &[String], word: &str) -> Vec<String> {
    let mut longer = words.to_vec();
    longer.push(word.to_owned());
    longer
}

#[cfg(test)]
mod tests;
