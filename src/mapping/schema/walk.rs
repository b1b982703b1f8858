//! The walk over a body, schema by schema and value by value.

use serde_json::Value as Json;

use super::MAX_DEPTH;
use super::budget::{Budget, Exhausted};
use super::keywords;
use super::node::{Id, Items, Keyword, Node};
use super::value::Value;
use super::words::{Names, Report};
use crate::mapping::document::{Part, Shape};

/// Checks a value with the first of these schemas, within the budget.
pub(super) fn check(nodes: &[Node], value: Part<'_>, budget: Budget, report: &mut Report) -> Result<(), Exhausted> {
    Walk { nodes, budget, depth: 0 }.visit(0, value, report)
}

struct Walk<'s> {
    nodes: &'s [Node],
    budget: Budget,
    depth: usize,
}

impl<'s> Walk<'s> {
    fn visit(&mut self, id: Id, part: Part<'_>, report: &mut Report) -> Result<(), Exhausted> {
        self.judge(id, &Value::of(part), report)
    }

    fn judge(&mut self, id: Id, value: &Value<'_>, report: &mut Report) -> Result<(), Exhausted> {
        self.budget.spend(1 + value.weight())?;
        if self.depth == MAX_DEPTH {
            return Err(Exhausted);
        }
        self.depth += 1;
        let node = &self.nodes[id];
        if let Some(name) = &node.unknown_format {
            report.remark(format_args!("format attribute \"{name}\" not supported"));
        }
        for keyword in &node.keywords {
            if report.is_complete() {
                break;
            }
            self.apply(keyword, node, value, report)?;
        }
        if !report.failed() {
            self.descend(node, value, report)?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Checks what is in a value.
    fn descend(&mut self, node: &'s Node, value: &Value<'_>, report: &mut Report) -> Result<(), Exhausted> {
        match value.shape {
            Shape::Array => {
                for (at, item) in value.part.children().enumerate() {
                    let schema = match &node.items {
                        Items::Each(each) => Some(*each),
                        Items::Listed(listed) => listed.get(at).copied().or(node.other_items),
                        Items::Unsaid => node.other_items,
                    };
                    if report.is_complete() {
                        return Ok(());
                    }
                    if let Some(schema) = schema {
                        self.visit(schema, item, report)?;
                    }
                }
            }
            Shape::Object => {
                for member in &value.members {
                    let schemas = self.schemas_of(node, member.name())?;
                    for schema in schemas.iter() {
                        if report.is_complete() {
                            return Ok(());
                        }
                        self.visit(schema, *member, report)?;
                    }
                }
            }
            Shape::Null | Shape::Bool | Shape::Number(_) | Shape::Text(_) => {}
        }
        Ok(())
    }

    fn apply(
        &mut self,
        keyword: &'s Keyword,
        node: &'s Node,
        value: &Value<'_>,
        report: &mut Report,
    ) -> Result<(), Exhausted> {
        match (keyword, &value.shape) {
            (Keyword::AllOf(all), _) => {
                let (matched, of) = (self.matched(all, value)?, all.len());
                if matched < of {
                    report.wrong(format_args!(
                        "instance failed to match all required schemas (matched only {matched} out of {of})"
                    ));
                }
            }
            (Keyword::AnyOf(any), _) => {
                if self.matched(any, value)? == 0 {
                    let of = any.len();
                    report.wrong(format_args!("instance failed to match at least one required schema among {of}"));
                }
            }
            (Keyword::OneOf(one), _) => {
                let (matched, of) = (self.matched(one, value)?, one.len());
                if matched != 1 {
                    report.wrong(format_args!(
                        "instance failed to match exactly one schema (matched {matched} out of {of})"
                    ));
                }
            }
            (Keyword::Not(not), _) => {
                if self.matched(&[*not], value)? == 1 {
                    report.wrong(format_args!("instance matched a schema which it should not have"));
                }
            }
            (Keyword::Dependencies { properties, schemas }, Shape::Object) => {
                for (property, needed) in properties {
                    let missing = value.missing(needed);
                    if value.has(property) && !missing.is_empty() {
                        let (needed, missing) = (Names(needed), Names(&missing));
                        report.wrong(format_args!(
                            "property \"{property}\" of object has missing property dependencies \
                             (schema requires {needed}; missing: {missing})"
                        ));
                    }
                }
                for (property, schema) in schemas {
                    if value.has(property) {
                        self.judge(*schema, value, report)?;
                    }
                }
            }
            (Keyword::NoOtherProperties, Shape::Object) => {
                let mut others = Vec::new();
                for member in &value.members {
                    if self.schemas_of(node, member.name())?.iter().next().is_none() {
                        others.push(member.name());
                    }
                }
                if !others.is_empty() {
                    let others = Names(&others);
                    report.wrong(format_args!(
                        "object instance has properties which are not allowed by the schema: {others}"
                    ));
                }
            }
            (Keyword::Pattern(source, pattern), Shape::Text(text)) => {
                if !pattern.matches(&(*text).into(), &mut self.budget)? {
                    report.wrong(format_args!("ECMA 262 regex \"{source}\" does not match input string \"{text}\""));
                }
            }
            (keyword, _) => keywords::check(keyword, value, report),
        }
        Ok(())
    }

    /// How many of these schemas a value matches.
    fn matched(&mut self, schemas: &[Id], value: &Value<'_>) -> Result<usize, Exhausted> {
        let mut matched = 0;
        for schema in schemas {
            let mut report = Report::silent();
            self.judge(*schema, value, &mut report)?;
            matched += usize::from(!report.failed());
        }
        Ok(matched)
    }

    /// The schemas of a property; those of others only if it has none of its own.
    fn schemas_of(&mut self, node: &Node, name: &str) -> Result<Schemas, Exhausted> {
        let own = node.properties.binary_search_by_key(&name, |(known, _)| known);
        let mut schemas = Schemas { own: own.ok().map(|at| node.properties[at].1), others: Vec::new() };
        if !node.pattern_properties.is_empty() {
            let name = Json::from(name);
            for (pattern, schema) in &node.pattern_properties {
                if pattern.matches(&name, &mut self.budget)? {
                    schemas.others.push(*schema);
                }
            }
        }
        if schemas.iter().next().is_none() {
            schemas.own = node.other_properties;
        }
        Ok(schemas)
    }
}

/// The schemas of one property, mostly a single one.
struct Schemas {
    own: Option<Id>,
    others: Vec<Id>,
}

impl Schemas {
    fn iter(&self) -> impl Iterator<Item = Id> {
        self.own.into_iter().chain(self.others.iter().copied())
    }
}
