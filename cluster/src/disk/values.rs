//! Small values: in the engine behind a version, and in files of their own behind a checksum as well.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Disk;
use crate::codec;

/// The version in front of a value in the engine.
const VALUE: u8 = 1;
const MAGIC: &[u8; 4] = b"TPDF";
/// The version in front of a value in a file.
const FORMAT: u32 = 1;
/// No such file is longer than this.
const MAX_FILE: u64 = 1024 * 1024;

pub(crate) fn pack<T: Serialize + ?Sized>(value: &T) -> io::Result<Vec<u8>> {
    let mut bytes = vec![VALUE];
    bytes.extend(codec::encode(value)?);
    Ok(bytes)
}

pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    match bytes.split_first() {
        Some((&VALUE, rest)) => Ok(codec::decode(rest)?),
        Some((other, _)) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the store holds format {other}; this release reads {VALUE}"),
        )),
        None => Err(damaged("a value in the store")),
    }
}

pub(crate) fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} is damaged"))
}

/// Writes a small file so that after a power cut there is the old one or the new one, whole.
pub(crate) fn write<T: Serialize>(disk: &dyn Disk, name: &str, value: &T) -> io::Result<()> {
    let payload = codec::encode(value)?;
    let mut file = disk.create(name)?;
    file.write_all(MAGIC)?;
    file.write_all(&FORMAT.to_le_bytes())?;
    file.write_all(&crc32fast::hash(&payload).to_le_bytes())?;
    file.write_all(&payload)?;
    disk.keep(file)
}

/// Reads what [`write()`] wrote; `None` if there is no such file.
pub(crate) fn read<T: DeserializeOwned>(disk: &dyn Disk, name: &str) -> io::Result<Option<T>> {
    let Some(file) = disk.open(name)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    let (head, payload) = bytes.split_at_checked(12).ok_or_else(|| damaged(name))?;
    let expected = [MAGIC.as_slice(), &FORMAT.to_le_bytes(), &crc32fast::hash(payload).to_le_bytes()].concat();
    if head != expected {
        return Err(damaged(name));
    }
    Ok(Some(codec::decode(payload)?))
}
