//! A function's package, a ZIP archive: checked whole before anything of it is kept, and unpacked.
//!
//! What is checked is what was inflated, not what the archive says of itself.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;

/// A package has at most so many bytes, unpacked: AWS's 250 MB.
pub const MAX_UNPACKED: u64 = 262_144_000;
/// It has at most so many entries.
pub const MAX_ENTRIES: usize = 100_000;
/// Beyond its first bytes it is at most so many times as large as it was packed: Deflate makes no more than 1032.
const MAX_RATIO: u64 = 1000;
/// From so many bytes on the ratio counts.
const RATIO_COUNTS: u64 = 16 * 1024 * 1024;
/// What a symbolic link points at has at most so many bytes.
const MAX_LINK: u64 = 1024;
/// A name has at most so many bytes.
const MAX_NAME: usize = 1024;

/// Why a package is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no archive, or a damaged one.
    #[error("Could not unzip uploaded file. Please check your file, then try to upload again.")]
    Malformed,
    /// There is nothing in it.
    #[error("Uploaded file must be a non-empty zip")]
    Empty,
    /// It is too large, unpacked.
    #[error("Unzipped size must be smaller than {MAX_UNPACKED} bytes")]
    TooLarge,
    /// It has too many entries.
    #[error("The zip file has more than {MAX_ENTRIES} entries")]
    TooMany,
    /// It is far larger than it looks.
    #[error("The zip file unpacks to more than {MAX_RATIO} times its size")]
    Bomb,
    /// An entry is encrypted.
    #[error("The zip file has an encrypted entry: {0}")]
    Encrypted(String),
    /// An entry would be written outside.
    #[error("The zip file has an entry that leads out of it: {0}")]
    Outside(String),
    /// It could not be written.
    #[error("can't unpack a function's package")]
    Io(#[from] io::Error),
}

/// Checks a package by unpacking it into nothing.
pub fn check(package: impl Read + Seek, packed: u64) -> Result<(), Error> {
    walk(package, packed, None)
}

/// Unpacks a package into a directory that is there and empty.
pub(super) fn unpack(package: impl Read + Seek, packed: u64, into: &Path) -> Result<(), Error> {
    walk(package, packed, Some(into))
}

fn walk(package: impl Read + Seek, packed: u64, into: Option<&Path>) -> Result<(), Error> {
    let mut archive = ZipArchive::new(package).map_err(|_| Error::Malformed)?;
    if archive.is_empty() {
        return Err(Error::Empty);
    }
    if archive.len() > MAX_ENTRIES {
        return Err(Error::TooMany);
    }
    let limit = MAX_UNPACKED.min((packed * MAX_RATIO).max(RATIO_COUNTS));
    let over = if limit < MAX_UNPACKED { || Error::Bomb } else { || Error::TooLarge };
    let mut left = limit;
    let mut links = Vec::new();
    for at in 0..archive.len() {
        let entry = archive.by_index(at).map_err(|_| Error::Malformed)?;
        let name = entry.name().map_err(|_| Error::Malformed)?.into_owned();
        let path = inside(&name).ok_or_else(|| Error::Outside(shortened(&name)))?;
        if entry.encrypted() {
            return Err(Error::Encrypted(shortened(&name)));
        }
        let place = into.map(|into| into.join(&path));
        if entry.is_dir() {
            if let Some(place) = place {
                fs::create_dir_all(place)?;
            }
            continue;
        }
        if let Some(parent) = place.as_deref().and_then(Path::parent) {
            fs::create_dir_all(parent)?;
        }
        if entry.is_symlink() {
            let mut target = String::new();
            entry.take(MAX_LINK).read_to_string(&mut target).map_err(|_| Error::Malformed)?;
            let depth = path.components().count() - 1;
            if !stays_inside(&target, depth) {
                return Err(Error::Outside(format!("{} -> {}", shortened(&name), shortened(&target))));
            }
            links.push((path, target));
            continue;
        }
        // An archive that was made on another system says nothing: then everybody may run it.
        let mode = entry.unix_mode().map_or(0o755, |mode| (mode & 0o777) | 0o444);
        let mut out: Box<dyn Write> = match place {
            Some(place) => Box::new(create(&place, mode)?),
            None => Box::new(io::sink()),
        };
        let copied = io::copy(&mut entry.take(left + 1), &mut out).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => Error::Malformed,
            _ => Error::Io(error),
        })?;
        left = left.checked_sub(copied).ok_or_else(over)?;
    }
    // Links come last, so that nothing is written through one.
    for (path, target) in links {
        if let Some(into) = into {
            symlink(target, into.join(path))?;
        }
    }
    Ok(())
}

fn create(place: &Path, mode: u32) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(place)?;
    // Whatever the process's mask says: other users run the function.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    Ok(file)
}

/// The path that a name stands for, if it leads nowhere else.
fn inside(name: &str) -> Option<PathBuf> {
    let odd = name.is_empty() || name.len() > MAX_NAME || name.contains(['\0', '\\']) || name.starts_with('/');
    let mut path = PathBuf::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!odd && path.components().next().is_some()).then_some(path)
}

/// Whether a link's target stays inside, from a directory that is so deep. Only at its beginning may it go up: behind a
/// name, which may be a link itself, nobody can tell where that leads.
fn stays_inside(target: &str, depth: usize) -> bool {
    let (mut ups, mut downs) = (0, 0);
    for component in Path::new(target).components() {
        match component {
            Component::ParentDir if downs == 0 => ups += 1,
            Component::Normal(_) => downs += 1,
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    !target.is_empty() && !target.contains('\0') && ups <= depth
}

fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// An archive of entries: names that end with `@` are links to what is in them.
    fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in entries {
            match name.strip_suffix('@') {
                Some(name) => writer.add_symlink(name, *text, SimpleFileOptions::default()).expect("a link"),
                None => {
                    writer.start_file(*name, SimpleFileOptions::default().unix_permissions(0o755)).expect("an entry");
                    writer.write_all(text.as_bytes()).expect("written");
                }
            }
        }
        writer.finish().expect("finished").into_inner()
    }

    fn checked(bytes: &[u8]) -> Result<(), Error> {
        check(Cursor::new(bytes), bytes.len() as u64)
    }

    #[test]
    fn what_leads_out_is_refused_and_what_does_not_is_unpacked() {
        for (entries, fine) in [
            (&[("a.py", "1"), ("b/c.py", "2")][..], true),
            (&[("a.py", "1"), ("b/link@", "../a.py")], true),
            (&[("./a.py", "1")], true),
            (&[("../a.py", "1")], false),
            (&[("b/../../a.py", "1")], false),
            (&[("/etc/passwd", "1")], false),
            (&[("a\\..\\..\\b", "1")], false),
            (&[("link@", "/etc/passwd")], false),
            (&[("b/link@", "../../x")], false),
            (&[("b/link@", "c/../../../x")], false),
            (&[("link@", "b"), ("link/x", "1")], false),
        ] {
            let bytes = archive(entries);
            let place = tempfile::tempdir().expect("a directory");
            let unpacked = unpack(Cursor::new(&bytes), bytes.len() as u64, place.path());
            assert_eq!(unpacked.is_ok(), fine, "{entries:?}: {unpacked:?}");
        }
    }

    #[test]
    fn files_are_as_they_were_packed() {
        let bytes = archive(&[("bin/bootstrap", "#!/bin/sh\n"), ("run@", "bin/bootstrap")]);
        let place = tempfile::tempdir().expect("a directory");
        unpack(Cursor::new(&bytes), bytes.len() as u64, place.path()).expect("unpacked");
        assert_eq!(fs::read_to_string(place.path().join("run")).expect("read"), "#!/bin/sh\n");
        let mode = fs::metadata(place.path().join("bin/bootstrap")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }

    #[test]
    fn what_is_no_archive_or_a_bomb_is_refused() {
        let small = archive(&[("a.py", "1")]);
        assert!(checked(&small).is_ok());
        assert!(matches!(checked(b"hello"), Err(Error::Malformed)));
        assert!(matches!(checked(&small[..small.len() / 2]), Err(Error::Malformed)));
        assert!(matches!(checked(&archive(&[])), Err(Error::Empty)));
        let mut damaged = small;
        damaged[35] ^= 0xff;
        assert!(checked(&damaged).is_err());
        // Zeros are packed to about a thousandth.
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["a", "b"] {
            writer.start_file(name, SimpleFileOptions::default()).expect("an entry");
            io::copy(&mut io::repeat(0).take(200_000_000), &mut writer).expect("written");
        }
        let bomb = writer.finish().expect("finished").into_inner();
        assert!(matches!(checked(&bomb), Err(Error::TooLarge | Error::Bomb)), "{:?}", checked(&bomb));
    }
}
