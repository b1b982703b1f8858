//! The MOCK integration: its request template says which status is answered.

/// Reads the status code out of a rendered template.
///
/// API Gateway's reader is lenient: names without quotes or in single ones, commas too many, and anything behind
/// the number are tolerated. A status in quotes, missing braces or no status are not.
pub fn status_code(rendered: &str) -> Option<i64> {
    let text = rendered.trim();
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut rest = inner;
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t', '\r', '\n']);
        let (name, value) = rest.split_once(':')?;
        let name = unquote(name.trim())?;
        let value = value.trim_start();
        if name == "statusCode" {
            let sign = usize::from(value.starts_with('-'));
            let digits = value[sign..].find(|c: char| !c.is_ascii_digit()).map_or(value.len(), |at| at + sign);
            return value[..digits].parse().ok();
        }
        rest = after_value(value)?;
    }
}

fn unquote(name: &str) -> Option<&str> {
    for quote in ['"', '\''] {
        if let Some(rest) = name.strip_prefix(quote) {
            return rest.strip_suffix(quote);
        }
    }
    (!name.ends_with(['"', '\''])).then_some(name)
}

/// What comes behind the comma that ends a value: strings, objects and lists are stepped over.
fn after_value(value: &str) -> Option<&str> {
    let (mut depth, mut quote) = (0_u32, None);
    let mut escaped = false;
    for (at, character) in value.char_indices() {
        match (quote, character) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') => depth = depth.checked_sub(1)?,
            (None, ',') if depth == 0 => return Some(&value[at + 1..]),
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_leniently() {
        for (text, expected) in [
            (r#"{"statusCode": 200}"#, Some(200)),
            ("{statusCode: 201}", Some(201)),
            ("{'statusCode':204}", Some(204)),
            (r#"{"statusCode": 200 , }"#, Some(200)),
            (r#"{"a": {"b": [1, "}"]}, "statusCode": 418}"#, Some(418)),
            (r#"{"statusCode": -1}"#, Some(-1)),
            (" \n{\"statusCode\": 200\n}\n", Some(200)),
            (r#"{"statusCode": "200"}"#, None),
            (r#""statusCode": 200"#, None),
            (r#"{"statusCode: 200}"#, None),
            (r#"{"a": 1}"#, None),
            ("{}", None),
            ("", None),
            ("{statusCode: é}", None),
        ] {
            assert_eq!(status_code(text), expected, "{text}");
        }
    }
}
