//! The archive that a generated client comes in. The same files at the same time are the same bytes.

use std::io::{self, Cursor, Write};

use bytes::Bytes;
use time::OffsetDateTime;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// A file of a generated client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct File {
    /// Its path in the archive.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

impl File {
    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

/// Packs files into a ZIP archive, all of one time.
pub(crate) fn pack(files: &[File], time: OffsetDateTime) -> io::Result<Bytes> {
    // An archive knows the years from 1980; before them its own first moment is the nearest.
    let time = DateTime::from_date_and_time(
        u16::try_from(time.year()).unwrap_or_default(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
    );
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(time.unwrap_or_default())
        .unix_permissions(0o644);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for file in files {
        archive.start_file(file.path.as_str(), options)?;
        archive.write_all(file.text.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_are_the_same_bytes() {
        let files = [File::new("a/b.txt", "text"), File::new("a/c.txt", "")];
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).expect("a time");
        let first = pack(&files, at(1_700_000_000)).expect("an archive");
        assert_eq!(first, pack(&files, at(1_700_000_000)).expect("an archive"));
        assert_ne!(first, pack(&files, at(1_800_000_000)).expect("an archive"));
        // Before archives knew time.
        assert!(first.starts_with(b"PK") && pack(&files, at(0)).expect("an archive").starts_with(b"PK"));
    }
}
