//! References: `$ref` to another place of the same document, and the names of models that are referred to.

use percent_encoding::percent_decode_str;

use super::{Dialect, Node, Reader};

/// A reference leads to a reference at most so often.
const MAX_HOPS: usize = 32;

impl<'a> Reader<'a> {
    /// What a node stands for: itself, or what it refers to. What can't be found is a problem.
    pub(super) fn resolve(&mut self, node: Node<'a>) -> Option<Node<'a>> {
        let start = node.clone();
        let mut current = node;
        for _ in 0..MAX_HOPS {
            let Some(reference) = current.value.get("$ref") else { return Some(current) };
            let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
            let Some(pointer) = pointer else {
                self.report.refuse(&current, format!("the reference {reference} leads out of the document"));
                return None;
            };
            let pointer = percent_decode_str(pointer).decode_utf8_lossy();
            let Some(value) = self.root.value.pointer(&pointer) else {
                self.report.refuse(&current, format!("nothing is at the reference {reference}"));
                return None;
            };
            let place: Vec<String> =
                pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
            current = Node::at(value, place.join("."));
        }
        self.report.refuse(start, "the reference leads back to itself");
        None
    }

    /// The name of the model that a schema refers to. `None` if it refers to none; a model that is missing is a
    /// problem, and still the name.
    pub(super) fn model_named(&mut self, schema: &Node<'a>) -> Option<String> {
        let reference = schema.value.get("$ref")?.as_str().unwrap_or_default();
        let start = match self.dialect {
            Dialect::Swagger => "#/definitions/",
            Dialect::OpenApi => "#/components/schemas/",
        };
        if let Some(name) = reference.strip_prefix(start) {
            let name = percent_decode_str(name).decode_utf8_lossy().replace("~1", "/").replace("~0", "~");
            if self.schemas().is_none_or(|schemas| schemas.get(&name).is_none()) {
                self.report.refuse(schema, format!("nothing is at the reference \"{reference}\""));
            }
            return Some(name);
        }
        if let Some((start, name)) = reference.rsplit_once("/models/")
            && start.starts_with("https://apigateway.amazonaws.com/restapis/")
        {
            if !self.description.models.contains_key(name) {
                self.description.foreign_models.insert(name.to_owned());
            }
            return Some(name.to_owned());
        }
        self.report.refuse(schema, format!("\"{reference}\" refers to no model of the document"));
        Some(String::new())
    }

    /// The schemas that have names.
    pub(super) fn schemas(&self) -> Option<Node<'a>> {
        match self.dialect {
            Dialect::Swagger => self.root.get("definitions"),
            Dialect::OpenApi => self.root.within(&["components", "schemas"]),
        }
    }
}
