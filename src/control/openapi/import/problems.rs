//! What is wrong with a document: warnings and problems, each with its place.

use std::fmt::Display;

/// Of each kind at most so many are told; how many more there are is told as well.
const MAX_TOLD: usize = 100;

/// What was found wrong.
#[derive(Debug, Default, PartialEq)]
pub(in crate::control) struct Report {
    warnings: Findings,
    problems: Findings,
}

#[derive(Debug, Default, PartialEq)]
struct Findings {
    told: Vec<String>,
    untold: usize,
}

impl Report {
    /// Something that is left out.
    pub(in crate::control) fn warn(&mut self, place: impl Display, what: impl Display) {
        self.warnings.add(format!("{place}: {what}"));
    }

    /// Something that the import fails for.
    pub(in crate::control) fn refuse(&mut self, place: impl Display, what: impl Display) {
        self.problems.add(format!("{place}: {what}"));
    }

    /// The warnings; the last one counts those that were too many to tell.
    pub(in crate::control) fn warnings(&self) -> Vec<String> {
        self.warnings.list()
    }

    /// The problems, in the same way.
    pub(in crate::control) fn problems(&self) -> Vec<String> {
        self.problems.list()
    }
}

impl Findings {
    fn add(&mut self, line: String) {
        // What is shared is found wrong once for everyone who refers to it.
        if self.told.contains(&line) {
            return;
        }
        if self.told.len() < MAX_TOLD {
            self.told.push(line);
        } else {
            self.untold += 1;
        }
    }

    fn list(&self) -> Vec<String> {
        let more = (self.untold > 0).then(|| format!("and {} more", self.untold));
        self.told.iter().cloned().chain(more).collect()
    }
}
