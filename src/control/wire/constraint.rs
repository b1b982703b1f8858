//! Violations of the service model's constraints, all told at once, in AWS's grammar.

use super::Error;

/// What was found so far.
#[derive(Debug, Default)]
pub struct Violations(Vec<String>);

impl Violations {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A value must be one of these.
    pub fn one_of(&mut self, value: &str, position: &str, allowed: &[&str]) {
        if !allowed.contains(&value) {
            self.0.push(format!(
                "Value '{value}' at '{position}' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
                allowed.join(", ")
            ));
        }
    }

    /// A value must be what a constraint says, in AWS's words.
    pub fn holds(&mut self, holds: bool, value: impl std::fmt::Display, position: &str, constraint: &str) {
        if !holds {
            self.0.push(format!("Value '{value}' at '{position}' failed to satisfy constraint: {constraint}"));
        }
    }

    /// A value must not be absent.
    pub fn present(&mut self, is_there: bool, position: &str) {
        if !is_there {
            self.0.push(format!("Value null at '{position}' failed to satisfy constraint: Member must not be null"));
        }
    }

    /// Each of a list's values must be one of these.
    pub fn each_of(&mut self, values: &[String], position: &str, allowed: &[&str]) {
        if values.iter().any(|value| !allowed.contains(&value.as_str())) {
            self.0.push(format!(
                "Value '[{}]' at '{position}' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [{}]]",
                values.join(", "),
                allowed.join(", ")
            ));
        }
    }

    /// A status code has three digits.
    pub fn status_code(&mut self, value: &str) {
        let digits = value.as_bytes();
        if !(digits.len() == 3 && (b'1'..=b'5').contains(&digits[0]) && digits.iter().all(u8::is_ascii_digit)) {
            self.0.push(format!(
                r"Value '{value}' at 'statusCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [1-5]\d\d"
            ));
        }
    }

    /// All in order, or the refusal.
    pub fn check(self) -> Result<(), Error> {
        match self.0.len() {
            0 => Ok(()),
            1 => Err(Error::validation(format!("1 validation error detected: {}", self.0[0]))),
            count => Err(Error::validation(format!("{count} validation errors detected: {}", self.0.join("; ")))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_told_together() {
        let mut violations = Violations::new();
        violations.one_of("HTTPS", "putIntegrationInput.type", &["HTTP", "MOCK"]);
        violations.status_code("2000");
        let expected = Error::validation(
            "2 validation errors detected: Value 'HTTPS' at 'putIntegrationInput.type' failed to satisfy constraint: \
             Member must satisfy enum value set: [HTTP, MOCK]; Value '2000' at 'statusCode' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: [1-5]\\d\\d",
        );
        assert_eq!(violations.check(), Err(expected));
        let mut fine = Violations::new();
        fine.status_code("404");
        assert_eq!(fine.check(), Ok(()));
    }
}
