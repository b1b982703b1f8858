//! Templates by content type, and which of them a message gets.

use super::routes::DEFAULT;
use crate::mapping::selection::Selection;
use crate::mapping::template::Template;
use crate::model::http;
use crate::model::rest::{Integration, Passthrough, Strings, Templates};

/// The templates of a request, and what happens without one.
pub struct TemplateChoice {
    templates: Vec<(String, Template)>,
    passthrough: Passthrough,
    /// What the template's key is read from; of REST APIs it is the content type.
    selection: Option<Selection>,
}

/// What a request's body goes through.
#[derive(Debug)]
pub enum Chosen<'a> {
    /// This template.
    Template(&'a Template),
    /// Nothing: it passes.
    Passes,
    /// It is refused with 415.
    Refused,
}

impl TemplateChoice {
    pub(super) fn new(integration: &Integration) -> Self {
        Self {
            templates: compile_templates(integration.request_templates.as_ref()),
            passthrough: integration.passthrough,
            selection: None,
        }
    }

    /// The templates of a route's messages. Without an expression the default one is chosen.
    pub(super) fn of_route(integration: &http::Integration, variables: &Strings) -> Self {
        let selection = integration.template_selection_expression.as_deref();
        Self {
            templates: compile_selected(integration.request_templates.as_ref()),
            passthrough: integration.passthrough,
            selection: Some(
                selection
                    .map_or_else(|| Selection::constant(DEFAULT), |selection| Selection::compile(selection, variables)),
            ),
        }
    }

    /// What the template's key is read from, where it is not the content type.
    pub fn selection(&self) -> Option<&Selection> {
        self.selection.as_ref()
    }

    /// Chooses by a request's content type; one without counts as JSON. Source: "Integration passthrough behaviors".
    pub fn choose(&self, content_type: Option<&str>) -> Chosen<'_> {
        self.choose_by(&media_type(content_type))
    }

    /// Chooses by a key.
    pub fn choose_by(&self, key: &str) -> Chosen<'_> {
        let find = |key: &str| self.templates.iter().find(|(known, _)| known == key).map(|(_, template)| template);
        match (find(key).or_else(|| find(DEFAULT)), self.passthrough) {
            (Some(template), _) => Chosen::Template(template),
            (None, Passthrough::Never) => Chosen::Refused,
            (None, Passthrough::WhenNoTemplates) if !self.templates.is_empty() => Chosen::Refused,
            (None, Passthrough::WhenNoTemplates | Passthrough::WhenNoMatch) => Chosen::Passes,
        }
    }
}

/// Of templates by content type the one for what a caller accepts: its own, else JSON's, else the first.
pub fn accepted<'t, T>(templates: &'t [(String, T)], accept: Option<&str>) -> Option<(&'t str, &'t T)> {
    let wanted = media_type(accept);
    let find = |wanted: &str| templates.iter().find(|(content_type, _)| content_type == wanted);
    let found = find(&wanted).or_else(|| find("application/json")).or_else(|| templates.first());
    found.map(|(content_type, template)| (content_type.as_str(), template))
}

/// The media type of a `Content-Type` or of the first entry of an `Accept`, without parameters, in small letters.
pub fn media_type(header: Option<&str>) -> String {
    let first = header.unwrap_or_default().split([';', ',']).next().unwrap_or_default().trim();
    if first.is_empty() { "application/json".to_owned() } else { first.to_ascii_lowercase() }
}

pub(super) fn compile_templates(templates: Option<&Templates>) -> Vec<(String, Template)> {
    let templates = templates.into_iter().flatten();
    templates
        .map(|(content_type, text)| {
            (content_type.to_ascii_lowercase(), Template::compile(text.as_deref().unwrap_or_default()))
        })
        .collect()
}

/// Templates by whatever an expression gives, which is told apart by its letters' case too.
pub(super) fn compile_selected(templates: Option<&Strings>) -> Vec<(String, Template)> {
    templates.into_iter().flatten().map(|(key, text)| (key.clone(), Template::compile(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passthrough_follows_the_table() {
        let templates = |some: bool| {
            let xml = ("application/xml".to_owned(), Template::compile("x"));
            if some { vec![xml] } else { Vec::new() }
        };
        for (some, passthrough, content_type, expected) in [
            (true, Passthrough::WhenNoMatch, Some("application/json"), "passes"),
            (true, Passthrough::WhenNoTemplates, None, "refused"),
            (true, Passthrough::Never, None, "refused"),
            (true, Passthrough::Never, Some("Application/XML; a=b"), "template"),
            (false, Passthrough::WhenNoMatch, None, "passes"),
            (false, Passthrough::WhenNoTemplates, None, "passes"),
            (false, Passthrough::Never, None, "refused"),
        ] {
            let choice = TemplateChoice { templates: templates(some), passthrough, selection: None };
            let chosen = match choice.choose(content_type) {
                Chosen::Template(_) => "template",
                Chosen::Passes => "passes",
                Chosen::Refused => "refused",
            };
            assert_eq!(chosen, expected, "{passthrough:?} {content_type:?}");
        }
    }
}
