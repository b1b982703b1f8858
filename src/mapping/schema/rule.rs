//! Checks of single values that the crate `jsonschema` knows best: patterns, equality, division, formats.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationOptions, Validator};
use serde_json::{Value, json};

use super::budget::{Budget, Exhausted};
use super::{BACKTRACKING, Error, QUICK_BACKTRACKING};
use crate::mapping::PATTERN_SIZE;

/// One keyword with its value, ready.
#[derive(Debug)]
pub(super) struct Rule(Validator);

impl Rule {
    /// The rule of a keyword of draft 4.
    pub(super) fn keyword(keyword: &'static str, value: &Value) -> Result<Self, Error> {
        build(jsonschema::options().with_draft(Draft::Draft4), keyword, value)
    }

    /// The rule of a format that the crate knows in draft 7.
    pub(super) fn format(name: &'static str) -> Result<Self, Error> {
        let options = jsonschema::options().with_draft(Draft::Draft7).should_validate_formats(true);
        build(options, "format", &Value::from(name))
    }

    /// Whether a value obeys.
    pub(super) fn allows(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }
}

/// A regular expression, which may be anywhere in a string.
#[derive(Debug)]
pub(super) enum Pattern {
    /// It is matched in linear time.
    Linear(Rule),
    /// It looks around or back, which schemas may do. Most strings are judged quickly nevertheless; a match that
    /// goes back often is paid for.
    Backtracking { quick: Rule, patient: Rule },
}

impl Pattern {
    /// Reads a pattern.
    pub(super) fn compile(pattern: &str) -> Result<Self, Error> {
        let value = Value::from(pattern);
        let draft = || jsonschema::options().with_draft(Draft::Draft4);
        let linear = draft().with_pattern_options(PatternOptions::regex().size_limit(PATTERN_SIZE));
        if let Ok(rule) = build(linear, "pattern", &value) {
            return Ok(Self::Linear(rule));
        }
        let backtracking = |limit| {
            let options = PatternOptions::fancy_regex().backtrack_limit(limit).size_limit(PATTERN_SIZE);
            build(draft().with_pattern_options(options), "pattern", &value)
        };
        Ok(Self::Backtracking { quick: backtracking(QUICK_BACKTRACKING)?, patient: backtracking(BACKTRACKING)? })
    }

    /// Whether a string matches. One for which the search goes back too often doesn't.
    pub(super) fn matches(&self, text: &Value, budget: &mut Budget) -> Result<bool, Exhausted> {
        match self {
            Self::Linear(rule) => Ok(rule.allows(text)),
            Self::Backtracking { quick, patient } => match quick.0.validate(text) {
                Ok(()) => Ok(true),
                Err(error) if matches!(error.kind(), ValidationErrorKind::BacktrackLimitExceeded { .. }) => {
                    budget.spend(BACKTRACKING as u64)?;
                    Ok(patient.allows(text))
                }
                Err(_) => Ok(false),
            },
        }
    }
}

fn build(options: ValidationOptions<'_>, keyword: &'static str, value: &Value) -> Result<Rule, Error> {
    let built = options.offline().build(&json!({ keyword: value }));
    built.map(Rule).map_err(|_| Error::Keyword { keyword, value: value.to_string().chars().take(200).collect() })
}
