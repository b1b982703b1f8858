//! Frames in files: each its length, its checksum, its bytes. Snapshots and backups are made of them.

use std::io::{self, Read, Write};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::documents::Document;
use crate::{Index, codec};

/// A frame of documents is closed when it has so many bytes.
pub(crate) const FRAME: usize = 256 * 1024;
/// No frame is longer than this: one document, and a little.
const MAX_FRAME: u32 = 64 * 1024 * 1024;

/// What is wrong with a file of frames, and at which byte of it.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// It can't be read at all.
    #[error("it can't be read")]
    Read(#[from] io::Error),
    /// It ends where there must be more.
    #[error("it is cut off: it ends at byte {0}, inside of a frame or before the last one")]
    Cut(u64),
    /// A frame's bytes are not those that were written.
    #[error("it is damaged: the frame at byte {0} does not have its checksum")]
    Checksum(u64),
    /// A frame says that it is longer than any.
    #[error("it is damaged: the frame at byte {0} has an impossible length")]
    Length(u64),
    /// A frame is whole, and does not hold what belongs there.
    #[error("it is damaged: the frame at byte {0} holds something that does not belong there")]
    Content(u64),
    /// There is something behind the end.
    #[error("it is damaged: there is more behind its end at byte {0}")]
    Behind(u64),
}

/// A document in a frame.
#[derive(Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) key: Arc<str>,
    pub(crate) revision: Index,
    #[serde(with = "serde_bytes")]
    pub(crate) value: Vec<u8>,
}

impl Stored {
    /// Bytes of key and value.
    pub(crate) fn size(&self) -> usize {
        self.key.len() + self.value.len()
    }
}

/// The documents of the next frame; none of them: there are no more.
pub(crate) fn group(documents: &mut impl Iterator<Item = (Arc<str>, Document)>) -> Vec<Stored> {
    let (mut group, mut bytes) = (Vec::new(), 0);
    while bytes < FRAME
        && let Some((key, document)) = documents.next()
    {
        let stored = Stored { key, revision: document.revision, value: document.value.to_vec() };
        bytes += stored.size();
        group.push(stored);
    }
    group
}

/// Writes a frame.
pub(crate) fn write<T: Serialize>(out: &mut impl Write, value: &T) -> io::Result<()> {
    let bytes = codec::encode(value)?;
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= MAX_FRAME);
    let length = length.ok_or_else(|| io::Error::other("a document is too large for a frame"))?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&crc32fast::hash(&bytes).to_le_bytes())?;
    out.write_all(&bytes)
}

/// Reads frames one after the other, and knows where it is.
pub(crate) struct Frames<R> {
    input: R,
    at: u64,
}

impl<R: Read> Frames<R> {
    /// Reads from the very beginning of a file.
    pub(crate) fn new(input: R) -> Self {
        Self { input, at: 0 }
    }

    /// How many bytes were read.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Reads eight bytes that are no frame: magic and format, or length and checksum.
    pub(crate) fn head(&mut self) -> Result<[u8; 8], FrameError> {
        let mut head = [0; 8];
        let bytes = self.take(8)?;
        head.copy_from_slice(&bytes);
        Ok(head)
    }

    /// Reads a frame.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<T, FrameError> {
        let start = self.at;
        let [l0, l1, l2, l3, checksum @ ..] = self.head()?;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        if length > MAX_FRAME {
            return Err(FrameError::Length(start));
        }
        let bytes = self.take(length.into())?;
        if crc32fast::hash(&bytes).to_le_bytes() != checksum {
            return Err(FrameError::Checksum(start));
        }
        codec::decode(&bytes).map_err(|_| FrameError::Content(start))
    }

    /// Sees that there is nothing more.
    pub(crate) fn end(&mut self) -> Result<(), FrameError> {
        match self.take(1) {
            Err(FrameError::Cut(_)) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(FrameError::Behind(self.at - 1)),
        }
    }

    /// Reads so many bytes. Memory is taken as they come, not as they are announced.
    fn take(&mut self, length: u64) -> Result<Vec<u8>, FrameError> {
        let mut bytes = Vec::new();
        let read = (&mut self.input).take(length).read_to_end(&mut bytes)?;
        self.at += read as u64;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(FrameError::Cut(self.at)) }
    }
}
