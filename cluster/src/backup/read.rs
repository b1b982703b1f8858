//! Reading a backup, with everything that can be wrong with one found on the way.

use std::io::{BufReader, Read};
use std::sync::Arc;

use super::{Error, FORMAT, Header, MAGIC, MARKER, Part, Summary};
use crate::frames::{FrameError, Frames, Stored};
use crate::transaction::{MAX_BYTES, MAX_KEY};

/// Reads a backup to its end, checks all of it, and says what it is.
pub fn verify(backup: impl Read) -> Result<Summary, Error> {
    let mut reader = Reader::open(backup)?;
    while reader.group()?.is_some() {}
    Ok(reader.summary())
}

/// A backup that is read frame by frame.
pub(super) struct Reader<R> {
    frames: Frames<BufReader<R>>,
    header: Header,
    last: Option<Arc<str>>,
    documents: u64,
    content: u64,
    ended: bool,
}

impl<R: Read> Reader<R> {
    pub(super) fn open(backup: R) -> Result<Self, Error> {
        let mut frames = Frames::new(BufReader::new(backup));
        let [m0, m1, m2, m3, format @ ..] = frames.head()?;
        if [m0, m1, m2, m3] != *MAGIC {
            return Err(Error::NotABackup);
        }
        if format != FORMAT.to_le_bytes() {
            return Err(Error::Format(u32::from_le_bytes(format)));
        }
        let header = frames.next()?;
        Ok(Self { frames, header, last: None, documents: 0, content: 0, ended: false })
    }

    /// The documents of the next frame; `None` at the end, if that is where it has to be.
    pub(super) fn group(&mut self) -> Result<Option<Vec<Stored>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let start = self.frames.at();
        let Part::Documents(documents) = self.frames.next()? else {
            self.frames.end()?;
            self.ended = true;
            let (found, expected) = (self.documents, self.header.documents);
            return if found == expected { Ok(None) } else { Err(Error::Documents { found, expected }) };
        };
        for document in &documents {
            // What no transaction could have written, or has the wrong place, no backup of ours holds.
            let in_order = self.last.as_ref().is_none_or(|last| *last < document.key);
            let allowed = document.key.len() <= MAX_KEY && document.size() <= MAX_BYTES && &*document.key != MARKER;
            if !(in_order && allowed) {
                return Err(FrameError::Content(start).into());
            }
            self.last = Some(Arc::clone(&document.key));
            self.documents += 1;
            self.content += document.size() as u64;
        }
        Ok(Some(documents))
    }

    /// What was read so far.
    pub(super) fn summary(&self) -> Summary {
        Summary { header: self.header.clone(), content: self.content, bytes: self.frames.at() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Backup;
    use super::*;
    use crate::frames;
    use crate::raft::Command;
    use crate::state::State;
    use crate::transaction::Transaction;

    fn backup() -> (Header, Vec<u8>) {
        let mut state = State::default();
        // Enough for several frames.
        for n in 0..5_u64 {
            let transaction = Transaction::new().put(format!("document/{n}"), vec![n as u8; 200_000]);
            state.apply(n + 1, &Command::Transact { id: n.into(), since: n, transaction });
        }
        let header = Header { cluster: 7, index: 5, documents: 5, made: 1_767_225_600, release: "test".to_owned() };
        let pieces: Result<Vec<_>, _> = Backup::new(header.clone(), state.documents().freeze()).collect();
        (header, pieces.expect("written").concat())
    }

    #[test]
    fn what_was_written_is_read() {
        let (header, bytes) = backup();
        let summary = verify(&bytes[..]).expect("whole");
        let content = 5 * (200_000 + "document/0".len() as u64);
        assert_eq!(summary, Summary { header, content, bytes: bytes.len() as u64 });
        let mut reader = Reader::open(&bytes[..]).expect("whole");
        let mut found = Vec::new();
        while let Some(group) = reader.group().expect("whole") {
            found.extend(group.into_iter().map(|stored| (stored.key.to_string(), stored.revision, stored.value)));
        }
        let expected: Vec<_> = (0..5).map(|n| (format!("document/{n}"), n + 1, vec![n as u8; 200_000])).collect();
        assert_eq!(found, expected);
        assert!(reader.group().expect("still whole").is_none(), "the end stays the end");
    }

    #[test]
    fn a_backup_of_nothing_is_one_as_well() {
        let header = Header { cluster: 7, index: 1, documents: 0, made: 0, release: String::new() };
        let pieces: Result<Vec<_>, _> = Backup::new(header.clone(), State::default().documents().freeze()).collect();
        assert_eq!(verify(&pieces.expect("written").concat()[..]).expect("whole").header, header);
    }

    #[test]
    fn a_flipped_bit_a_missing_end_and_a_longer_one_are_found() {
        let (_, bytes) = backup();
        let everywhere = (0..bytes.len()).step_by(bytes.len() / 97).chain(0..200).chain(bytes.len() - 20..bytes.len());
        for at in everywhere {
            for bit in [0x01, 0x10, 0x80] {
                let mut damaged = bytes.clone();
                damaged[at] ^= bit;
                assert!(verify(&damaged[..]).is_err(), "a flipped bit at {at}");
            }
            let cut = verify(&bytes[..at]).expect_err("cut off");
            assert!(matches!(cut, Error::Frame(FrameError::Cut(end)) if end == at as u64), "cut off at {at}: {cut}");
        }
        let longer = verify(&[&bytes[..], b"x"].concat()[..]).expect_err("longer");
        assert!(matches!(longer, Error::Frame(FrameError::Behind(end)) if end == bytes.len() as u64), "{longer}");
    }

    #[test]
    fn another_file_and_another_format_are_told_apart() {
        let (_, bytes) = backup();
        let with = |head: &[u8]| verify(&[head, &bytes[head.len()..]].concat()[..]).expect_err("refused");
        assert!(matches!(with(b"TPSN"), Error::NotABackup));
        assert!(matches!(with(b"TPBK\x02\0\0\0"), Error::Format(2)));
        assert!(matches!(verify(&b""[..]), Err(Error::Frame(FrameError::Cut(0)))));
    }

    #[test]
    fn documents_out_of_order_twice_or_missing_are_found() {
        let stored = |key: &str| Stored { key: Arc::from(key), revision: 1, value: b"x".to_vec() };
        let file = |documents: u64, keys: &[&str]| {
            let header = Header { cluster: 7, index: 1, documents, made: 0, release: String::new() };
            let mut bytes = [&MAGIC[..], &FORMAT.to_le_bytes()].concat();
            frames::write(&mut bytes, &header).expect("written");
            let group: Vec<_> = keys.iter().map(|key| stored(key)).collect();
            frames::write(&mut bytes, &Part::Documents(group)).expect("written");
            frames::write(&mut bytes, &Part::End).expect("written");
            verify(&bytes[..])
        };
        assert!(file(2, &["a", "b"]).is_ok());
        assert!(matches!(file(3, &["a", "b"]), Err(Error::Documents { found: 2, expected: 3 })));
        let long = "k".repeat(MAX_KEY + 1);
        for keys in [["b", "a"], ["a", "a"], ["a", MARKER], ["a", long.as_str()]] {
            assert!(matches!(file(2, &keys), Err(Error::Frame(FrameError::Content(_)))), "{keys:?}");
        }
    }
}
