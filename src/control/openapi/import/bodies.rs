//! Bodies of requests and answers: which model a content type has.

use super::{Dialect, Node, Reader};
use crate::model::rest::{Method, Strings};

/// A body has at most so many content types.
const MAX_TYPES: usize = 100;
const JSON: &str = "application/json";

impl<'a> Reader<'a> {
    /// The body of Swagger 2: a parameter, of the types that the operation consumes.
    pub(super) fn read_body_parameter(
        &mut self,
        method: &mut Method,
        path: &str,
        operation: &Node<'a>,
        parameter: &Node<'a>,
    ) {
        self.document_body(path, method.verb, parameter);
        let Some(schema) = parameter.get("schema") else {
            return self.report.refuse(parameter, "a body has a schema");
        };
        if let Some(model) = self.model_for(&schema) {
            let types = self.types(operation, "consumes");
            method.request_models.extend(types.into_iter().map(|content_type| (content_type, model.clone())));
        }
    }

    /// The body of OpenAPI 3.
    pub(super) fn read_request_body(&mut self, method: &mut Method, path: &str, operation: &Node<'a>) {
        if self.dialect == Dialect::Swagger {
            return;
        }
        let Some(body) = operation.get("requestBody").and_then(|body| self.resolve(body)) else { return };
        self.document_body(path, method.verb, &body);
        method.request_models = self.content(&body).unwrap_or_default();
    }

    /// The models of an answer.
    pub(super) fn response_models(&mut self, operation: &Node<'a>, response: &Node<'a>) -> Option<Strings> {
        match self.dialect {
            Dialect::OpenApi => self.content(response).filter(|models| !models.is_empty()),
            Dialect::Swagger => {
                let model = self.model_for(&response.get("schema")?)?;
                let types = self.types(operation, "produces");
                Some(types.into_iter().map(|content_type| (content_type, model.clone())).collect())
            }
        }
    }

    fn content(&mut self, body: &Node<'a>) -> Option<Strings> {
        let content = body.get("content")?;
        let fine = content.object().is_some_and(|all| all.len() <= MAX_TYPES);
        self.expect(&content, fine, &format!("an object of at most {MAX_TYPES} content types is wanted"));
        let mut models = Strings::new();
        for (content_type, media) in content.members().into_iter().take(MAX_TYPES) {
            if let Some(schema) = media.get("schema")
                && let Some(model) = self.model_for(&schema)
            {
                models.insert(content_type.to_owned(), model);
            }
        }
        Some(models)
    }

    /// The content types that an operation says, or else the document; JSON where nobody does.
    fn types(&mut self, operation: &Node<'a>, name: &str) -> Vec<String> {
        let types = operation.get(name).or_else(|| self.root.get(name)).map(|list| list.texts()).unwrap_or_default();
        if types.is_empty() { vec![JSON.to_owned()] } else { types.into_iter().take(MAX_TYPES).collect() }
    }
}
