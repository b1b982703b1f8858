//! READMEs of clients, and texts with places to fill.

use super::interface::{Interface, Operation};
use super::names;

/// Writes a README: `template` with the API's texts, the client's functions, and what is the language's own.
pub(super) fn write(
    template: &str,
    interface: &Interface,
    named: &[(String, &Operation)],
    own: &[(&str, String)],
) -> String {
    let function =
        |(name, operation): &(String, &Operation)| format!("- `{name}`: {}", names::markdown(&operation.summary()));
    let functions: Vec<String> = named.iter().map(function).collect();
    let functions = functions.join("\n");
    let name = names::markdown(&interface.name);
    let description = names::markdown(interface.description.as_deref().unwrap_or_default());
    let mut values = vec![("name", name.as_str()), ("description", &description), ("functions", &functions)];
    values.extend(own.iter().map(|(place, value)| (*place, value.as_str())));
    fill(template, &values)
}

/// What a README shows as a call: of the first function, if there is one.
pub(super) fn example(named: &[(String, &Operation)], arguments: impl FnOnce(&Operation) -> &'static str) -> String {
    named.first().map_or_else(|| "…()".to_owned(), |(name, operation)| format!("{name}({})", arguments(operation)))
}

/// Fills the `{places}` of a text; what fills one is not looked into for others.
pub(super) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let found = values.iter().find_map(|(name, value)| {
            let after = rest[1..].strip_prefix(name)?.strip_prefix('}')?;
            Some((value, after))
        });
        match found {
            Some((value, after)) => {
                out.push_str(value);
                rest = after;
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}
