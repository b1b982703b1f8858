//! What is found, in the words of AWS's validator: its message catalogue is
//! `com/github/fge/jsonschema/validator/validation.properties` of json-schema-validator 2.2.

use std::fmt::{self, Write as _};

use super::{MAX_FINDING, MAX_FINDINGS, MAX_REPETITIONS};

/// What one walk finds.
#[derive(Debug)]
pub(super) struct Report {
    failed: bool,
    /// `None` where only the outcome counts.
    words: Option<Words>,
}

#[derive(Debug, Default)]
struct Words {
    /// Each once, in the order in which they came.
    findings: Vec<String>,
    /// How many of them are wrong, and not only worth a word.
    wrong: usize,
    /// How often something was wrong, new or not.
    total: usize,
}

impl Report {
    /// A report that says what it finds.
    pub(super) fn speaking() -> Self {
        Self { failed: false, words: Some(Words::default()) }
    }

    /// A report of the outcome alone.
    pub(super) fn silent() -> Self {
        Self { failed: false, words: None }
    }

    /// Something is wrong.
    pub(super) fn wrong(&mut self, finding: fmt::Arguments<'_>) {
        self.failed = true;
        if let Some(words) = &mut self.words {
            words.total += 1;
            words.wrong += usize::from(words.add(finding));
        }
    }

    /// Something is worth a word, if anything is wrong.
    pub(super) fn remark(&mut self, finding: fmt::Arguments<'_>) {
        if let Some(words) = &mut self.words
            && words.findings.len() < words.wrong + MAX_FINDINGS
        {
            words.add(finding);
        }
    }

    /// Whether anything is wrong.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// Whether going on would change nothing.
    pub(super) fn is_complete(&self) -> bool {
        let is_full = |words: &Words| words.wrong >= MAX_FINDINGS || words.total >= MAX_REPETITIONS;
        self.failed && self.words.as_ref().is_none_or(is_full)
    }

    /// All that was found, in AWS's order; nothing if nothing is wrong.
    pub(super) fn into_findings(self) -> Vec<String> {
        match self.words {
            Some(words) if self.failed => in_a_hash_set(words.findings),
            _ => Vec::new(),
        }
    }
}

impl Words {
    /// Adds a finding unless it is there; whether it wasn't.
    fn add(&mut self, finding: fmt::Arguments<'_>) -> bool {
        let mut text = Bounded(String::new());
        // The only error is that the rest was too much.
        let _ = text.write_fmt(finding);
        let is_new = !self.findings.contains(&text.0);
        if is_new {
            self.findings.push(text.0);
        }
        is_new
    }
}

/// A text that ends where it becomes too long.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = text.floor_char_boundary(MAX_FINDING - self.0.len());
        self.0.push_str(&text[..fits]);
        if fits < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Names as a JSON array.
pub(super) struct Names<'a, N>(pub(super) &'a [N]);

impl<N: AsRef<str>> fmt::Display for Names<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('[')?;
        for (at, name) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_char(',')?;
            }
            f.write_str(&serde_json::to_string(name.as_ref()).map_err(|_| fmt::Error)?)?;
        }
        f.write_char(']')
    }
}

/// Texts, all different, in the order in which a Java `HashSet` has them.
///
/// AWS's order follows from nothing else: the four findings of one recorded answer, the two of another, and a
/// remark beside a finding come as here, and neither as in the body nor as in the schema.
pub(super) fn in_a_hash_set(mut texts: Vec<String>) -> Vec<String> {
    // A set grows when it is filled to three quarters; what shares a place stays in the order in which it came.
    let mut places = 16;
    while texts.len() > places / 4 * 3 {
        places *= 2;
    }
    texts.sort_by_cached_key(|text| {
        let hash = text.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
        (hash ^ (hash >> 16)) as usize & (places - 1)
    });
    texts
}
