//! Mapping templates, compiled with their stage: most are plain text, and cost nothing.

use super::vtl::{self, Limits};

/// A template, compiled.
#[derive(Debug)]
pub enum Template {
    /// Renders as itself.
    Literal(String),
    /// Is rendered with each request.
    Velocity(Box<vtl::Template>),
    /// Can't be parsed: every rendering fails with this.
    Broken(vtl::Error),
}

impl Template {
    /// How much one rendering may do: API Gateway's limits of iterations and of a payload.
    pub const LIMITS: Limits = Limits { steps: 1_000_000, iterations: 1000, depth: 200, output: 10 * 1024 * 1024 };

    /// Reads a template.
    pub fn compile(text: &str) -> Self {
        if !has_velocity(text) {
            return Self::Literal(text.to_owned());
        }
        vtl::Template::parse(text).map_or_else(Self::Broken, |template| Self::Velocity(Box::new(template)))
    }
}

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
            ("a\\b", true),
            ("$input.body", false),
            ("${x}", false),
            ("$!x", false),
            ("#set($x = 1)", false),
            ("a ## comment", false),
        ] {
            assert_eq!(matches!(Template::compile(text), Template::Literal(_)), literal, "{text}");
        }
        assert!(matches!(Template::compile("#if(true)"), Template::Broken(_)));
    }

    #[test]
    fn what_is_taken_for_plain_renders_as_itself() {
        for text in [r#"{"statusCode": 200}"#, "5$ $ #1 # $1 \\ \\\\ \\n #", "", "a\r\n  b"] {
            let template = vtl::Template::parse(text).expect("a template");
            assert_eq!(template.render(&[], &Template::LIMITS).as_deref(), Ok(text));
        }
    }
}
