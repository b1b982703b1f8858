//! Paths become resources: every path with the base path before it, and the methods that are there.

use std::collections::BTreeMap;

use super::super::extensions::ANY_METHOD;
use super::root::OF_PATHS;
use super::{Dialect, Node, Reader};
use crate::model::rest::{Method, Verb};

/// A document has at most so many paths.
const MAX_PATHS: usize = 2000;
/// What a path may have that is no verb.
const BESIDE_VERBS: &[&str] = &["parameters", "summary", "description", "servers", "$ref"];

impl<'a> Reader<'a> {
    pub(super) fn read_paths(&mut self) {
        self.warn_of_servers();
        let Some(paths) = self.root.get("paths") else { return self.report.refuse("paths", "it is missing") };
        let count = paths.object().map(|all| all.len());
        if count.is_none_or(|count| count > MAX_PATHS) {
            return self.report.refuse(&paths, format!("an object of at most {MAX_PATHS} paths is wanted"));
        }
        let base = self.base_path();
        for (path, item) in paths.members() {
            if path.starts_with("x-") {
                continue;
            }
            if !path.starts_with('/') {
                self.report.refuse(&item, "a path starts with a slash");
                continue;
            }
            let segments = base.iter().map(String::as_str).chain(path.split('/').filter(|part| !part.is_empty()));
            let full = format!("/{}", segments.collect::<Vec<_>>().join("/"));
            let Some(item) = self.resolve(item) else { continue };
            let methods = self.read_path(&full, &item);
            let known = self.description.paths.entry(full).or_default();
            for (verb, method) in methods {
                if known.insert(verb, method).is_some() {
                    self.report.refuse(&item, format!("the method {verb} of this path is there twice"));
                }
            }
        }
    }

    fn read_path(&mut self, path: &str, item: &Node<'a>) -> BTreeMap<Verb, Method> {
        let mut methods = BTreeMap::new();
        if item.object().is_none() {
            self.report.refuse(item, "an object is wanted");
            return methods;
        }
        self.document_resource(path, item);
        self.warn_of_unknown(item, OF_PATHS);
        for (name, operation) in item.members() {
            let verb = match name {
                ANY_METHOD => Some(Verb::Any),
                "get" | "put" | "post" | "delete" | "patch" | "options" | "head" => {
                    Verb::parse(&name.to_ascii_uppercase())
                }
                _ => None,
            };
            match verb {
                Some(verb) if operation.object().is_some() => {
                    methods.insert(verb, self.read_method(path, verb, item, &operation));
                }
                Some(_) => self.report.refuse(&operation, "an operation is an object"),
                None if name.starts_with("x-") || BESIDE_VERBS.contains(&name) => {}
                None if name == "trace" && self.dialect == Dialect::OpenApi => {
                    self.report.warn(&operation, "REST APIs have no method for this verb: it is ignored");
                }
                None => self.report.warn(&operation, "this means nothing in a path: it is ignored"),
            }
        }
        methods
    }
}
