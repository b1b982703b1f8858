//! Bytes of everything that only nodes speak or only this crate stores: bincode, with limits, behind one seam.

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest thing that is ever decoded, in bytes: a whole snapshot.
const LIMIT: u64 = 4 * 1024 * 1024 * 1024;

/// Bytes could not be made or read.
#[derive(Debug, thiserror::Error)]
#[error("can't encode or decode")]
pub(crate) struct Error(#[from] bincode::Error);

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

fn options() -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding().with_limit(LIMIT).reject_trailing_bytes()
}

pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    Ok(options().serialize(value)?)
}

/// Reads what [`encode`] made. A length that the bytes don't have is an error before anything is allocated for it.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    Ok(options().with_limit(bytes.len() as u64).deserialize(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_whole_or_too_long_is_refused() {
        let bytes = encode("text").expect("text is encodable");
        assert_eq!(decode::<String>(&bytes).expect("whole"), "text");
        assert!(decode::<String>(&bytes[..bytes.len() - 1]).is_err());
        assert!(decode::<String>(&[&bytes[..], b"x"].concat()).is_err());
        assert!(decode::<Vec<u8>>(&u64::MAX.to_le_bytes()).is_err());
    }
}
