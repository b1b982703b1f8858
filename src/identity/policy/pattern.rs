//! Patterns of policies: text with `*` and `?`, and variables where the policy's version has them.

/// Finds the values of a condition key.
pub(super) type Context<'a> = &'a dyn Fn(&str) -> Vec<String>;

/// A text with wildcards.
#[derive(Debug, PartialEq)]
pub(super) struct Pattern(Vec<Token>);

/// An ARN with wildcards in its parts.
#[derive(Debug, PartialEq)]
pub(super) struct ArnPattern {
    parts: Vec<Pattern>,
    length: usize,
}

/// Parts of an ARN.
const PARTS: usize = 6;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    One,
    Any,
    Character(char),
    /// `${key}` or `${key, 'default'}`.
    Variable {
        key: String,
        default: Option<String>,
    },
}

impl Pattern {
    /// Reads a pattern. Any text is one.
    pub(super) fn read(text: &str, has_variables: bool) -> Self {
        let mut tokens = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if has_variables && let Some((token, after)) = variable(rest) {
                tokens.push(token);
                rest = after;
                continue;
            }
            tokens.push(match character {
                '*' => Token::Any,
                '?' => Token::One,
                character => Token::Character(character),
            });
            rest = &rest[character.len_utf8()..];
        }
        Self(tokens)
    }

    /// Whether a text matches, whatever the case of its letters; for patterns without variables.
    pub(super) fn matches_any_case(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        glob(&self.0, &text, |a, b| a.eq_ignore_ascii_case(&b))
    }

    /// Whether a text matches; one with a variable without a value matches nothing.
    pub(super) fn matches(&self, text: &str, context: Context<'_>) -> bool {
        let text: Vec<char> = text.chars().collect();
        self.filled_in(context).is_some_and(|tokens| glob(&tokens, &text, |a, b| a == b))
    }

    /// The text that the pattern is, if its wildcards are taken for what they look like; nothing if a variable has no
    /// value.
    pub(super) fn text(&self, context: Context<'_>) -> Option<String> {
        let letter = |token: Token| match token {
            Token::One => '?',
            Token::Any | Token::Variable { .. } => '*',
            Token::Character(character) => character,
        };
        Some(self.filled_in(context)?.into_iter().map(letter).collect())
    }

    /// The pattern with values in the place of its variables, whose wildcards are none.
    fn filled_in(&self, context: Context<'_>) -> Option<Vec<Token>> {
        let mut tokens = Vec::with_capacity(self.0.len());
        for token in &self.0 {
            let Token::Variable { key, default } = token else {
                tokens.push(token.clone());
                continue;
            };
            let value = match context(key).as_slice() {
                [value] => value.clone(),
                _ => default.clone()?,
            };
            tokens.extend(value.chars().map(Token::Character));
        }
        Some(tokens)
    }
}

impl ArnPattern {
    /// Reads a pattern. Any text is one; parts that are missing at its end are whatever they are.
    pub(super) fn read(text: &str, has_variables: bool) -> Self {
        let mut parts: Vec<Vec<Token>> = vec![Vec::new()];
        for token in Pattern::read(text, has_variables).0 {
            if parts.len() < PARTS && token == Token::Character(':') {
                parts.push(Vec::new());
            } else if let Some(part) = parts.last_mut() {
                part.push(token);
            }
        }
        parts.resize(PARTS, vec![Token::Any]);
        Self { parts: parts.into_iter().map(Pattern).collect(), length: text.len() }
    }

    /// How long the pattern was, in bytes.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Whether an ARN matches, part by part.
    pub(super) fn matches(&self, arn: &str, context: Context<'_>) -> bool {
        let mut parts = arn.splitn(PARTS, ':');
        self.parts.iter().all(|pattern| pattern.matches(parts.next().unwrap_or_default(), context))
    }
}

/// The variable that a text begins with, and what is behind it. `${*}`, `${?}` and `${$}` are the characters themselves.
fn variable(text: &str) -> Option<(Token, &str)> {
    let (inside, after) = text.strip_prefix("${")?.split_once('}')?;
    let token = match inside {
        "*" | "?" | "$" => Token::Character(inside.chars().next()?),
        _ => {
            let (key, default) = match inside.split_once(',') {
                Some((key, default)) => {
                    let default = default.trim().strip_prefix('\'')?.strip_suffix('\'')?;
                    (key, Some(default.to_owned()))
                }
                None => (inside, None),
            };
            Token::Variable { key: key.trim().to_ascii_lowercase(), default }
        }
    };
    Some((token, after))
}

/// Whether a text matches a pattern: after a mismatch the last `*` takes one character more, so that it never takes
/// longer than the two lengths multiplied.
fn glob(pattern: &[Token], text: &[char], same: impl Fn(char, char) -> bool) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some(Token::Any) => {
                star = Some((at, seen));
                at += 1;
                continue;
            }
            Some(Token::One) => {}
            Some(Token::Character(character)) if same(*character, text[seen]) => {}
            Some(Token::Character(_) | Token::Variable { .. }) | None => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                (at, seen) = (star_at + 1, taken + 1);
                continue;
            }
        }
        at += 1;
        seen += 1;
    }
    pattern[at..].iter().all(|token| *token == Token::Any)
}
