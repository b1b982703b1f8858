//! How a node runs functions.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Settings of the functions of a node. Every field is a flag of `turnpike serve`, where it is described.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where packages are unpacked and functions have their own directories.
    pub directory: PathBuf,
    /// The user that functions run as; the node's own, if none is set.
    pub user: Option<User>,
    /// The most processes, busy and idle.
    pub processes: usize,
    /// How long an event that a function failed on waits before it is tried again; the second time twice as long.
    pub retry_after: Duration,
}

impl Settings {
    /// The processes that a node has, if nothing else is said.
    pub const PROCESSES: u32 = 64;
    /// Seconds until an event is tried again, if nothing else is said: AWS's minute.
    pub const RETRY_SECONDS: u64 = 60;

    /// Functions as a flag asks for them: in a directory, or, with `on`, below the data directory; with `off` none.
    pub fn asked_for(flag: Option<PathBuf>, data: &Path) -> Option<Self> {
        let directory = flag.filter(|flag| flag != Path::new("off") && flag != Path::new(""))?;
        Some(Self {
            directory: if directory == Path::new("on") { data.join("functions") } else { directory },
            user: None,
            processes: Self::PROCESSES as usize,
            retry_after: Duration::from_secs(Self::RETRY_SECONDS),
        })
    }
}

/// A user of the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct User {
    /// Its number.
    pub uid: u32,
    /// Its group's.
    pub gid: u32,
}

/// No such user.
#[derive(Debug, thiserror::Error)]
#[error("{0} is no user of this machine: a name, or UID:GID, is wanted")]
pub struct NoUser(String);

impl User {
    /// Finds a user by name, or by two numbers.
    pub fn find(text: &str) -> Result<Self, NoUser> {
        let unknown = || NoUser(text.to_owned());
        if let Some((uid, gid)) = text.split_once(':') {
            let number = |text: &str| text.parse().map_err(|_| unknown());
            return Ok(Self { uid: number(uid)?, gid: number(gid)? });
        }
        let users = std::fs::read_to_string("/etc/passwd").map_err(|_| unknown())?;
        Self::in_list(&users, text).ok_or_else(unknown)
    }

    /// The first directory on the way to this one that keeps the user out, if there is one.
    pub(super) fn kept_out_by(self, directory: &Path) -> std::io::Result<Option<PathBuf>> {
        for place in directory.ancestors() {
            let found = std::fs::metadata(place)?;
            // Who may enter: the owner, else the group, else everybody.
            let enters = match (found.uid() == self.uid, found.gid() == self.gid) {
                (true, _) => 0o100,
                (false, true) => 0o010,
                (false, false) => 0o001,
            };
            if self.uid != 0 && found.mode() & enters == 0 {
                return Ok(Some(place.to_owned()));
            }
        }
        Ok(None)
    }

    /// Finds a user in what `/etc/passwd` says.
    fn in_list(users: &str, name: &str) -> Option<Self> {
        users.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [known, _, uid, gid, ..] = fields.as_slice() else { return None };
            if *known == name { Some(Self { uid: uid.parse().ok()?, gid: gid.parse().ok()? }) } else { None }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_keeps_the_user_out_is_named() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().expect("a directory");
        let inside = place.path().join("inside");
        std::fs::create_dir(&inside).expect("a directory");
        let nobody = User { uid: 12345, gid: 12345 };
        for (mode, expected) in [(0o700, Some(place.path().to_owned())), (0o711, None)] {
            std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(mode)).expect("set");
            assert_eq!(nobody.kept_out_by(&inside).expect("read"), expected, "{mode:o}");
        }
    }

    #[test]
    fn a_flag_is_a_directory_on_or_off() {
        let data = Path::new("/data");
        for (flag, expected) in [
            (Some("/elsewhere"), Some("/elsewhere")),
            (Some("on"), Some("/data/functions")),
            (Some("off"), None),
            (Some(""), None),
            (None, None),
        ] {
            let settings = Settings::asked_for(flag.map(PathBuf::from), data);
            assert_eq!(settings.map(|settings| settings.directory), expected.map(PathBuf::from), "{flag:?}");
        }
    }

    #[test]
    fn users_are_found_by_name_and_by_number() {
        let list = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533::/:/sbin/nologin\nodd\n";
        assert_eq!(User::in_list(list, "nobody"), Some(User { uid: 65534, gid: 65533 }));
        assert_eq!(User::in_list(list, "odd"), None);
        assert_eq!(User::find("7:8").ok(), Some(User { uid: 7, gid: 8 }));
        assert!(User::find("7:x").is_err() && User::find("no-such-user-here").is_err());
    }
}
