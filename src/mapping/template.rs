//! Mapping templates: so far those that are plain text; a template in the Velocity language is recognized and refused.

/// A template, compiled.
#[derive(Clone, Debug, PartialEq)]
pub enum Template {
    /// Renders as itself.
    Literal(String),
    /// Has references or directives, which this release cannot evaluate: every rendering fails.
    Velocity,
}

impl Template {
    /// Reads a template.
    pub fn compile(text: &str) -> Self {
        if has_velocity(text) { Self::Velocity } else { Self::Literal(text.to_owned()) }
    }

    /// The text that the template renders to.
    pub fn render(&self) -> Result<&str, Unsupported> {
        match self {
            Self::Literal(text) => Ok(text),
            Self::Velocity => Err(Unsupported),
        }
    }
}

/// A template needs the Velocity language.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("the mapping template has Velocity references or directives, which are not evaluated yet")]
pub struct Unsupported;

/// Whether Velocity would do anything but copy the text: `$name`, `${`, `$!`, `#word`, `##`, `#*`, `#[`, `#{`, `#@`.
fn has_velocity(text: &str) -> bool {
    let starts = |sign: u8, next: u8| match sign {
        b'$' => next.is_ascii_alphabetic() || matches!(next, b'_' | b'{' | b'!'),
        b'#' => next.is_ascii_alphabetic() || matches!(next, b'#' | b'*' | b'[' | b'{' | b'@'),
        _ => false,
    };
    text.as_bytes().windows(2).any(|pair| starts(pair[0], pair[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_told_from_velocity() {
        for (text, literal) in [
            (r#"{"statusCode": 200}"#, true),
            ("", true),
            ("costs 5$ or 5 $", true),
            ("#1", true),
            ("$input.body", false),
            ("${x}", false),
            ("$!x", false),
            ("#set($x = 1)", false),
            ("a ## comment", false),
        ] {
            assert_eq!(Template::compile(text) != Template::Velocity, literal, "{text}");
        }
    }
}
