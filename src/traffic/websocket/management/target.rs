//! What a request to a stage's URL wants of the stage's connections, by its host and path.

use percent_encoding::percent_decode_str;

use super::super::here::Place;
use crate::traffic::execute::address;
use crate::traffic::stage::Directory;

/// What a request wants of connections.
pub struct Target {
    /// Of which stage.
    pub(super) place: Place,
    /// Of which of them.
    pub(super) subject: Subject,
    /// The path within the stage, decoded, without a slash at its start.
    pub(super) path: String,
    /// Whether the request came by the `execute-api` host, and the API has that switched off.
    pub(super) is_disabled: bool,
}

/// Whom a path names.
#[derive(Debug, PartialEq)]
pub(super) enum Subject {
    /// `@connections/{id}`: AWS's.
    Connection(Box<str>),
    /// `@connections`.
    Connections,
    /// `@all`.
    All,
    /// `@groups/{group}`.
    Group(Box<str>),
    /// `@groups/{group}/connections/{id}`.
    Member(Box<str>, Box<str>),
    /// `@principals/{principal}`.
    Principal(Box<str>),
    /// Something else that begins with an `@`.
    Unknown,
}

/// Reads host and raw path. Quick where there is nothing to be found, which is nearly always.
pub(super) fn find(directory: &Directory, host: &str, path: &str) -> Option<Target> {
    if !path.contains("/@") && !path.contains("/%40") {
        return None;
    }
    let address = address::resolve(directory.names(), host, path)?;
    let within = address.path.trim_start_matches('/');
    if !within.starts_with('@') && !within.starts_with("%40") {
        return None;
    }
    let stage = directory.find(&address.api, &address.stage)?;
    stage.base.routes.as_ref()?;
    let segments: Option<Vec<Box<str>>> = within.split('/').map(decoded).collect();
    Some(Target {
        place: Place { api: address.api.into(), stage: address.stage.into() },
        subject: segments.map_or(Subject::Unknown, |segments| subject(&segments)),
        path: percent_decode_str(within).decode_utf8_lossy().into_owned(),
        is_disabled: address.by_host && stage.base.endpoint_disabled,
    })
}

/// A segment of a path; nothing, if it is not UTF-8.
fn decoded(segment: &str) -> Option<Box<str>> {
    percent_decode_str(segment).decode_utf8().ok().map(Box::from)
}

fn subject(segments: &[Box<str>]) -> Subject {
    let named: Vec<&str> = segments.iter().map(|segment| &**segment).collect();
    match named.as_slice() {
        ["@connections"] | ["@connections", ""] => Subject::Connections,
        ["@connections", id] => Subject::Connection(Box::from(*id)),
        ["@all"] => Subject::All,
        ["@groups", group] if !group.is_empty() => Subject::Group(Box::from(*group)),
        ["@groups", group, "connections", id] if !group.is_empty() => {
            Subject::Member(Box::from(*group), Box::from(*id))
        }
        ["@principals", principal] if !principal.is_empty() => Subject::Principal(Box::from(*principal)),
        _ => Subject::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_connections_in_both_spellings() {
        let connection = |id: &str| Subject::Connection(Box::from(id));
        for (path, expected) in [
            ("@connections/R1kmxc2VNjMCFIA=", connection("R1kmxc2VNjMCFIA=")),
            ("%40connections/R1kmxc2VNjMCFIA%3D", connection("R1kmxc2VNjMCFIA=")),
            ("@connections/R1kmxc2VNjMCFIA%3d", connection("R1kmxc2VNjMCFIA=")),
            ("@connections", Subject::Connections),
            ("@connections/", Subject::Connections),
            ("@connections/a/b", Subject::Unknown),
            ("@all", Subject::All),
            ("@groups/the%20blue%2Froom", Subject::Group("the blue/room".into())),
            ("@groups/r/connections/x", Subject::Member("r".into(), "x".into())),
            ("@groups/r/others/x", Subject::Unknown),
            ("@groups/", Subject::Unknown),
            ("@groups", Subject::Unknown),
            ("@principals/ann%40example.com", Subject::Principal("ann@example.com".into())),
            ("@else", Subject::Unknown),
        ] {
            let segments: Vec<Box<str>> = path.split('/').filter_map(decoded).collect();
            assert_eq!(subject(&segments), expected, "{path}");
        }
        assert_eq!(decoded("%ff"), None);
    }
}
