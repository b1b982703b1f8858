//! What every disk has to keep to, asked of both.

use std::io::{Read, Write};
use std::time::Duration;

use super::memory::Platter;
use super::*;

/// Asks the same of the real directory and of the one in memory; `again` opens what the first one left.
fn each(ask: impl Fn(&dyn Fn() -> Arc<dyn Disk>)) {
    let directory = tempfile::tempdir().expect("a directory");
    ask(&|| Arc::new(Directory::open(directory.path()).expect("free")));
    let platter = Platter::new(1, Duration::ZERO..Duration::ZERO);
    ask(&|| {
        platter.cut();
        Arc::new(platter.using())
    });
}

fn keys(engine: &dyn Engine, from: &[u8], to: &[u8]) -> Vec<Vec<u8>> {
    engine.range(from, to).map(|pair| pair.expect("a pair").0).collect()
}

#[test]
fn a_batch_is_applied_in_its_order_and_is_there_again_once_synced() {
    each(|open| {
        let disk = open();
        let engine = disk.engine().expect("an engine");
        let mut batch = Batch::default();
        batch.insert(b"a".as_slice(), b"1".to_vec());
        batch.insert(b"b".as_slice(), b"1".to_vec());
        batch.insert(b"c".as_slice(), b"1".to_vec());
        batch.remove(b"b".as_slice());
        batch.insert(b"a".as_slice(), b"2".to_vec());
        engine.apply(batch).expect("applied");
        engine.sync().expect("synced");
        drop((engine, disk));
        let disk = open();
        let engine = disk.engine().expect("an engine");
        assert_eq!(engine.get(b"a").expect("no error").as_deref(), Some(b"2".as_slice()));
        assert_eq!(engine.get(b"b").expect("no error"), None);
        assert_eq!(keys(&*engine, b"", b"z"), [b"a", b"c"]);
        assert_eq!(keys(&*engine, b"a", b"c"), [b"a"], "the end is not included");
        let last = engine.range(b"", b"z").next_back().expect("one").expect("a pair");
        assert_eq!(last.0, b"c");
    });
}

#[test]
fn a_file_has_its_name_only_once_it_is_kept() {
    each(|open| {
        let disk = open();
        assert!(disk.open("file").expect("no error").is_none());
        let mut file = disk.create("file").expect("begun");
        file.write_all(b"new").expect("written");
        assert!(disk.open("file").expect("no error").is_none());
        let mut other = disk.create("file").expect("two at a time");
        other.write_all(b"other").expect("written");
        disk.keep(file).expect("kept");
        drop((other, disk));
        let disk = open();
        let mut text = String::new();
        disk.open("file").expect("no error").expect("a file").read_to_string(&mut text).expect("read");
        assert_eq!(text, "new");
        assert_eq!(disk.names("fi").expect("names"), ["file"]);
        assert!(disk.names("x").expect("names").is_empty());
        disk.remove("file").expect("removed");
        assert!(disk.open("file").expect("no error").is_none());
    });
}

#[test]
fn what_is_not_kept_goes_with_its_handle() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Directory::open(directory.path()).expect("free");
    let count = || std::fs::read_dir(directory.path()).expect("a directory").count();
    let before = count();
    let file = disk.create("file").expect("begun");
    assert_eq!(count(), before + 1);
    drop(file);
    assert_eq!(count(), before);
}

#[test]
fn a_slate_is_written_over_in_place() {
    each(|open| {
        let disk = open();
        let slate = disk.slate("slate", 8).expect("made");
        assert_eq!(slate.all().expect("read"), [0; 8]);
        slate.put(2, b"abc").expect("written");
        slate.keep().expect("synced");
        slate.put(2, b"x").expect("written");
        assert_eq!(slate.all().expect("read"), b"\0\0xbc\0\0\0");
        drop((slate, disk));
        let slate = open().slate("slate", 8).expect("there");
        let read = slate.all().expect("read");
        assert!([b'a', b'x'].contains(&read[2]) && &read[3..5] == b"bc");
    });
}

#[test]
fn a_damaged_file_is_told_from_a_missing_one() {
    each(|open| {
        let disk = open();
        assert_eq!(read::<u64>(&*disk, "value").expect("no error"), None);
        write(&*disk, "value", &7_u64).expect("written");
        assert_eq!(read::<u64>(&*disk, "value").expect("no error"), Some(7));
        let mut bytes = Vec::new();
        disk.open("value").expect("no error").expect("a file").read_to_end(&mut bytes).expect("read");
        bytes[13] ^= 1;
        let mut file = disk.create("value").expect("begun");
        file.write_all(&bytes).expect("written");
        disk.keep(file).expect("kept");
        assert!(read::<u64>(&*disk, "value").is_err());
    });
}

#[test]
fn a_directory_serves_one_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let held = Directory::open(directory.path()).expect("free");
    assert!(Directory::open(directory.path()).is_err());
    drop(held);
    assert!(Directory::open(directory.path()).is_ok());
}

#[test]
fn a_file_that_is_not_kept_goes_with_its_handle() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Directory::open(directory.path()).expect("free");
    let count = || std::fs::read_dir(directory.path()).expect("a directory").count();
    let before = count();
    let mut file = disk.create("file").expect("begun");
    file.write_all(b"half").expect("written");
    assert_eq!(count(), before + 1);
    drop(file);
    assert_eq!(count(), before);
    let file = disk.create("file").expect("begun");
    disk.keep(file).expect("kept");
    assert_eq!(count(), before + 1, "what is kept stays");
}

#[test]
fn a_disk_whose_power_is_cut_is_not_taken_for_a_full_one() {
    let platter = Platter::new(1, Duration::ZERO..Duration::ZERO);
    platter.set_free(5);
    let disk = platter.using();
    assert_eq!(disk.free(), 5);
    platter.cut();
    assert_eq!(disk.free(), u64::MAX);
}
