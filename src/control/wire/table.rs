//! The operations of a plane as a table, by verb and path, and how a call finds its own.

use super::Call;

/// Declares a plane's operations: name, verb, path, with `{}` where the path names something.
macro_rules! operation_table {
    ($($name:ident: $verb:ident $path:literal;)+) => {
        /// An operation, by AWS's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Operation { $($name),+ }

        const TABLE: &[(Operation, &str, &str)] = &[$((Operation::$name, stringify!($verb), $path)),+];
    };
}
pub(crate) use operation_table;

/// The operation that a call is for, and what its path names, in its order; nothing, if the table has none.
pub(crate) fn find_operation<O: Copy>(table: &[(O, &str, &str)], call: &Call) -> Option<(O, Vec<String>)> {
    let segments = call.segments();
    table.iter().find_map(|(operation, verb, path)| {
        let names = if *verb == call.method { names(path, &segments)? } else { return None };
        Some((*operation, names))
    })
}

/// What `segments` have where the path has `{}`, if they are of this path.
fn names(path: &str, segments: &[String]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = segments.iter();
    for part in path.split('/').skip(1) {
        let segment = rest.next()?;
        match part {
            "{}" => names.push(segment.clone()),
            literal if literal == segment => {}
            _ => return None,
        }
    }
    rest.next().is_none().then_some(names)
}
