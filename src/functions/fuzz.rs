//! Packages at random: what is checked is what can be unpacked, and nothing is ever written elsewhere.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::archive::{check, unpack};
use crate::fuzz::{Dice, Target};

const WORDS: &[&str] =
    &["PK\u{3}\u{4}", "PK\u{1}\u{2}", "PK\u{5}\u{6}", "../", "/", "\\", "\0", "a", "link", "\u{8}\0"];
const PARTS: &[&str] = &["a", "b", "link", "..", ".", "", "é", "c:", "\\", "etc"];

fn name(dice: &mut Dice) -> String {
    dice.several(4, "/", |dice| dice.word(PARTS).to_owned())
}

/// Files, directories and links, in any order and under odd names.
fn grammar(dice: &mut Dice) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for _ in 0..dice.below(8) {
        let (name, target) = (name(dice), name(dice));
        let options =
            SimpleFileOptions::default().unix_permissions(u32::try_from(dice.below(0o1000)).unwrap_or_default());
        // What the writer itself does not take is not tried.
        let _ = match dice.below(4) {
            0 => writer.add_symlink(name, target, options),
            1 => writer.add_directory(name, options),
            _ => writer.start_file(name, options).and_then(|()| Ok(writer.write_all(target.as_bytes())?)),
        };
    }
    writer.finish().map(Cursor::into_inner).unwrap_or_default()
}

fn try_package(bytes: &[u8]) {
    let place = tempfile::tempdir().expect("a directory");
    let inside = place.path().join("inside");
    fs::create_dir(&inside).expect("a directory");
    let size = bytes.len() as u64;
    let checked = check(Cursor::new(bytes), size);
    let unpacked = unpack(Cursor::new(bytes), size, &inside);
    // Two entries of one name may keep each other from being written; nothing else is found later.
    assert!(checked.is_ok() || unpacked.is_err(), "{checked:?} and yet it was unpacked");
    let beside = fs::read_dir(place.path()).expect("read").count();
    assert_eq!(beside, 1, "something was written beside");
    look(&inside, &inside.canonicalize().expect("a path"));
}

/// Whether every link stays inside.
fn look(directory: &Path, root: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            look(&entry.path(), root);
        } else if kind.is_symlink()
            && let Ok(target) = entry.path().canonicalize()
        {
            assert!(target.starts_with(root), "{} leads to {}", entry.path().display(), target.display());
        }
    }
}

#[test]
fn packages() {
    Target { name: "packages", cases: 1000, words: WORDS, grammar, check: try_package }.run();
}
