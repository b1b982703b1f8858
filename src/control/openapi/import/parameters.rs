//! Parameters become names that a method requires or knows.

use std::collections::BTreeMap;

use super::{Dialect, Node, Reader};
use crate::model::rest::{Flags, LocationType, Method};

/// A method has at most so many parameters.
const MAX_PARAMETERS: usize = 500;

impl<'a> Reader<'a> {
    /// The parameters of an operation: its own, and those of its path that it doesn't say anew.
    fn parameters(&mut self, item: &Node<'a>, operation: &Node<'a>) -> BTreeMap<(String, String), Node<'a>> {
        let mut found = BTreeMap::new();
        for list in [item.get("parameters"), operation.get("parameters")].into_iter().flatten() {
            let fine = list.value.as_array().is_some_and(|all| all.len() <= MAX_PARAMETERS);
            self.expect(&list, fine, &format!("a list of at most {MAX_PARAMETERS} parameters is wanted"));
            for parameter in list.items().into_iter().take(MAX_PARAMETERS) {
                let Some(parameter) = self.resolve(parameter) else { continue };
                match (parameter.text_of("in"), parameter.text_of("name")) {
                    (Some(place), Some(name)) => {
                        found.insert((place, name), parameter);
                    }
                    _ => self.report.refuse(&parameter, "a parameter has a name and says where it is (in)"),
                }
            }
        }
        found
    }

    pub(super) fn read_parameters(&mut self, method: &mut Method, path: &str, item: &Node<'a>, operation: &Node<'a>) {
        let mut flags = Flags::new();
        for ((place, name), parameter) in self.parameters(item, operation) {
            let (place, kind) = match place.as_str() {
                "path" => ("path", LocationType::PathParameter),
                "query" => ("querystring", LocationType::QueryParameter),
                "header" => ("header", LocationType::RequestHeader),
                "body" if self.dialect == Dialect::Swagger => {
                    self.read_body_parameter(method, path, operation, &parameter);
                    continue;
                }
                other => {
                    self.report.warn(&parameter, format!("parameters in '{other}' are not supported: it is ignored"));
                    continue;
                }
            };
            self.document_parameter(path, method.verb, kind, &name, &parameter);
            let required = parameter.get("required").and_then(|flag| flag.flag()).unwrap_or_default();
            flags.insert(format!("method.request.{place}.{name}"), required);
        }
        method.request_parameters = flags;
    }
}
