//! The environment that AWS's settings are read from, and the shared configuration files that it names.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::profiles::Profiles;

/// The variables of a process, as they were at its start. Values may be secrets: they are not shown.
#[derive(Default)]
pub struct Environment(HashMap<String, String>);

impl Environment {
    /// That of this process.
    pub fn of_this_process() -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
            (name.starts_with("AWS_") || name == "HOME").then_some((name, value))
        });
        Self(variables.collect())
    }

    /// The value of a variable, if it is set to anything.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a variable says yes.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The name of the profile that is meant where none is named.
    pub(super) fn profile(&self) -> &str {
        self.get("AWS_PROFILE").unwrap_or("default")
    }

    /// Reads the shared files; one that is not there has nothing in it.
    pub(super) fn profiles(&self) -> Profiles {
        let read = |variable: &str, name: &str| -> String {
            self.file(variable, name).and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
        };
        let config = read("AWS_CONFIG_FILE", "config");
        let credentials = read("AWS_SHARED_CREDENTIALS_FILE", "credentials");
        Profiles::read(&config, &credentials)
    }

    fn file(&self, variable: &str, name: &str) -> Option<PathBuf> {
        let home = || self.get("HOME").map(Path::new);
        match self.get(variable) {
            Some(given) => match given.strip_prefix("~/") {
                Some(below) => home().map(|home| home.join(below)),
                None => Some(PathBuf::from(given)),
            },
            None => home().map(|home| home.join(".aws").join(name)),
        }
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// The settings of one section.
pub(super) type Section = BTreeMap<String, String>;
