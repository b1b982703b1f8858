//! The walk over a body, schema by schema and value by value.

use serde_json::Value;

use super::MAX_DEPTH;
use super::budget::{Budget, Exhausted};
use super::keywords::{self, missing};
use super::node::{Id, Items, Keyword, Node};
use super::words::{Names, Report};

/// Checks a value with the first of these schemas, within the budget.
pub(super) fn check(nodes: &[Node], value: &Value, budget: Budget, report: &mut Report) -> Result<(), Exhausted> {
    Walk { nodes, budget, depth: 0 }.visit(0, value, report)
}

struct Walk<'s> {
    nodes: &'s [Node],
    budget: Budget,
    depth: usize,
}

impl<'s> Walk<'s> {
    fn visit(&mut self, id: Id, value: &Value, report: &mut Report) -> Result<(), Exhausted> {
        self.budget.spend(1 + weight(value))?;
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
    fn descend(&mut self, node: &'s Node, value: &Value, report: &mut Report) -> Result<(), Exhausted> {
        match value {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
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
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_unstable_by_key(|(name, _)| *name);
                for (name, member) in members {
                    for schema in self.schemas_of(node, name)? {
                        if report.is_complete() {
                            return Ok(());
                        }
                        self.visit(schema, member, report)?;
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        Ok(())
    }

    fn apply(
        &mut self,
        keyword: &'s Keyword,
        node: &'s Node,
        value: &Value,
        report: &mut Report,
    ) -> Result<(), Exhausted> {
        match (keyword, value) {
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
            (Keyword::Dependencies { properties, schemas }, Value::Object(members)) => {
                for (property, needed) in properties {
                    let missing = missing(needed, members);
                    if members.contains_key(property) && !missing.is_empty() {
                        let (needed, missing) = (Names(needed), Names(&missing));
                        report.wrong(format_args!(
                            "property \"{property}\" of object has missing property dependencies \
                             (schema requires {needed}; missing: {missing})"
                        ));
                    }
                }
                for (property, schema) in schemas {
                    if members.contains_key(property) {
                        self.visit(*schema, value, report)?;
                    }
                }
            }
            (Keyword::NoOtherProperties, Value::Object(members)) => {
                let mut others = Vec::new();
                for name in members.keys() {
                    if self.schemas_of(node, name)?.is_empty() {
                        others.push(name);
                    }
                }
                others.sort_unstable();
                if !others.is_empty() {
                    let others = Names(&others);
                    report.wrong(format_args!(
                        "object instance has properties which are not allowed by the schema: {others}"
                    ));
                }
            }
            (Keyword::Pattern(source, pattern), Value::String(text)) => {
                if !pattern.matches(value, &mut self.budget)? {
                    report.wrong(format_args!("ECMA 262 regex \"{source}\" does not match input string \"{text}\""));
                }
            }
            (keyword, value) => keywords::check(keyword, value, report),
        }
        Ok(())
    }

    /// How many of these schemas a value matches.
    fn matched(&mut self, schemas: &[Id], value: &Value) -> Result<usize, Exhausted> {
        let mut matched = 0;
        for schema in schemas {
            let mut report = Report::silent();
            self.visit(*schema, value, &mut report)?;
            matched += usize::from(!report.failed());
        }
        Ok(matched)
    }

    /// The schemas of a property; those of others only if it has none of its own.
    fn schemas_of(&mut self, node: &Node, name: &str) -> Result<Vec<Id>, Exhausted> {
        let mut schemas: Vec<Id> = node.properties.get(name).copied().into_iter().collect();
        if !node.pattern_properties.is_empty() {
            let name = Value::from(name);
            for (pattern, schema) in &node.pattern_properties {
                if pattern.matches(&name, &mut self.budget)? {
                    schemas.push(*schema);
                }
            }
        }
        if schemas.is_empty() {
            schemas.extend(node.other_properties);
        }
        Ok(schemas)
    }
}

/// How much more than one check a check of this value is.
fn weight(value: &Value) -> u64 {
    let size = match value {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        Value::String(text) => text.len() / 16,
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    size as u64
}
