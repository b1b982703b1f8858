//! Model templates: a mapping template that makes what a model describes out of sample values, a start for writing one.

use serde_json::Value;

/// A template is at most so many levels deep; models may describe themselves in circles.
const MAX_DEPTH: usize = 10;
/// Nor does it grow beyond so many bytes.
const MAX_LENGTH: usize = 100 * 1024;

/// The template of a schema, whose references point into itself. Source: control-plane reference, 17.
pub(in crate::control) fn of(schema: &Value) -> String {
    let mut writer = Writer { root: schema, text: String::new(), loops: 0 };
    writer.text.push_str("#set($inputRoot = $input.path('$'))\n");
    writer.value(schema, "$inputRoot", 0);
    writer.text
}

struct Writer<'a> {
    root: &'a Value,
    text: String,
    loops: usize,
}

impl<'a> Writer<'a> {
    /// Writes what a schema describes; `from` is the expression that has it in the request.
    fn value(&mut self, schema: &'a Value, from: &str, depth: usize) {
        let schema = self.resolve(schema);
        if depth >= MAX_DEPTH || self.text.len() > MAX_LENGTH {
            self.text.push_str("{ }");
            return;
        }
        match kind(schema) {
            "array" => self.array(schema, from, depth),
            "object" => self.object(schema, from, depth),
            "integer" | "number" => self.text.push_str("42"),
            "boolean" => self.text.push_str("true"),
            "null" => self.text.push_str("null"),
            _ => self.text.push_str("\"foo\""),
        }
    }

    fn object(&mut self, schema: &'a Value, from: &str, depth: usize) {
        let properties = schema.get("properties").and_then(Value::as_object).filter(|members| !members.is_empty());
        let Some(properties) = properties else {
            self.text.push_str("{ }");
            return;
        };
        self.text.push_str("{\n");
        for (at, (name, property)) in properties.iter().enumerate() {
            let comma = if at == 0 { "" } else { ",\n" };
            self.text.push_str(comma);
            self.indent(depth + 1);
            self.text.push_str(&format!("{} : ", Value::from(name.as_str())));
            self.value(property, &format!("{from}.{name}"), depth + 1);
        }
        self.text.push('\n');
        self.indent(depth);
        self.text.push('}');
    }

    fn array(&mut self, schema: &'a Value, from: &str, depth: usize) {
        self.loops += 1;
        let element = if self.loops == 1 { "$elem".to_owned() } else { format!("$elem{}", self.loops) };
        self.text.push_str("[\n");
        self.indent(depth);
        self.text.push_str("##TODO: Update this foreach loop to reference array from input json\n");
        self.indent(depth);
        self.text.push_str(&format!("#foreach({element} in {from})\n"));
        self.indent(depth + 1);
        match schema.get("items") {
            Some(Value::Array(items)) => self.value(items.first().unwrap_or(&Value::Null), &element, depth + 1),
            Some(items) => self.value(items, &element, depth + 1),
            None => self.text.push_str("{ }"),
        }
        self.text.push_str("#if($foreach.hasNext),#end\n#end\n");
        self.indent(depth);
        self.text.push(']');
    }

    /// Follows references, as far as they lead somewhere in so many steps.
    fn resolve(&self, mut schema: &'a Value) -> &'a Value {
        for _ in 0..MAX_DEPTH {
            let reference = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
            match reference.and_then(|pointer| self.root.pointer(pointer)) {
                Some(found) => schema = found,
                None => break,
            }
        }
        schema
    }

    fn indent(&mut self, depth: usize) {
        self.text.extend(std::iter::repeat_n("  ", depth));
    }
}

/// What a schema describes; by its members where it doesn't say.
fn kind(schema: &Value) -> &str {
    let said = match schema.get("type") {
        Some(Value::String(kind)) => Some(kind.as_str()),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ => None,
    };
    match said {
        Some(kind) => kind,
        None if schema.get("items").is_some() => "array",
        None if schema.get("enum").is_some() => "string",
        None => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn templates_have_sample_values() {
        let first = "#set($inputRoot = $input.path('$'))\n";
        for (schema, expected) in [
            (json!({"type": "object", "title": "Empty Schema"}), "{ }"),
            (json!({}), "{ }"),
            (json!({"type": "string"}), "\"foo\""),
            (
                json!({"properties": {
                    "name": {"type": "string"}, "age": {"type": ["null", "integer"]}, "fine": {"type": "boolean"},
                    "owner": {"type": "object", "properties": {"id": {"type": "number"}}},
                }}),
                "{\n  \"name\" : \"foo\",\n  \"age\" : 42,\n  \"fine\" : true,\n  \"owner\" : {\n    \"id\" : 42\n  }\n}",
            ),
            (
                json!({"type": "array", "items": {"$ref": "#/definitions/x"}, "definitions": {"x": {"type": "boolean"}}}),
                "[\n##TODO: Update this foreach loop to reference array from input json\n#foreach($elem in $inputRoot)\n  true#if($foreach.hasNext),#end\n#end\n]",
            ),
        ] {
            assert_eq!(of(&schema), format!("{first}{expected}"), "{schema}");
        }
    }

    #[test]
    fn circles_end() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}, "c": {"$ref": "#"}, "d": {"$ref": "#"}}}),
            json!({"type": "array", "items": {"$ref": "#"}}),
        ] {
            assert!(of(&schema).len() < 2 * MAX_LENGTH, "{schema}");
        }
    }
}
