//! Client SDKs: what a deployment offers its callers, and the clients that are generated from it, a language a file.

mod archive;
mod interface;
mod javascript;
mod names;
mod python;
mod readme;
mod rust;
mod types;
mod typescript;

pub(super) use archive::{File, pack};
pub(super) use interface::Interface;

/// A language that clients are generated in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// Scripts for web pages, as AWS generates them.
    JavaScript,
    /// One file without dependencies.
    TypeScript,
    /// A package that needs nothing but Python's own library.
    Python,
    /// A crate.
    Rust,
}

impl Language {
    /// The files of a client. `package` is the name that its owner wants it to have; JavaScript's has none.
    pub(super) fn generate(self, interface: &Interface, package: Option<&str>) -> Vec<File> {
        match self {
            Self::JavaScript => javascript::files(interface),
            Self::TypeScript => typescript::files(interface, package),
            Self::Python => python::files(interface, package),
            Self::Rust => rust::files(interface, package),
        }
    }

    /// Whether the language's own tools take a package of this name.
    pub(super) fn takes_package(self, name: &str) -> bool {
        let mut bytes = name.bytes();
        let first = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase());
        let rest = |other: &[u8]| {
            bytes.clone().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || other.contains(&byte))
        };
        first
            && name.len() <= 64
            && match self {
                Self::JavaScript => false,
                Self::TypeScript => rest(b"-._"),
                Self::Python => rest(b"_") && !python::is_keyword(name),
                Self::Rust => rest(b"-_") && !rust::is_reserved_crate(name),
            }
    }
}
