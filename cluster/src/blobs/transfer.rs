//! Blobs on their way: whoever needs one asks a member that has it, piece by piece.

use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::time::Duration;

use serde_bytes::ByteBuf;

use super::{BlobError, BlobId, MAX_BLOB};
use crate::NodeId;
use crate::cluster::Inner;
use crate::disk;
use crate::network::{AskPiece, HaveBlob, Piece, To};

/// So many bytes are sent at a time.
const PIECE: u64 = 256 * 1024;
/// A piece must come within this time.
const PIECE_TIME: Duration = Duration::from_secs(10);
/// A member has so long to get a whole blob that is to be kept.
const SPREAD: Duration = Duration::from_secs(120);

/// Has the members get a blob that is here; done when a majority of voters has it.
pub(super) async fn spread(inner: &Arc<Inner>, id: BlobId) -> Result<(), BlobError> {
    let voters = inner.voters();
    let mut taken = usize::from(voters.contains(&inner.id()));
    let mut asked = tokio::task::JoinSet::new();
    for (node, member) in inner.members().into_iter().filter(|(node, _)| *node != inner.id()) {
        let (inner, votes) = (Arc::clone(inner), voters.contains(&node));
        asked.spawn(async move {
            let has = inner.peers.send(To::node(node, &member.address), &HaveBlob(id), SPREAD).await.unwrap_or(false);
            has && votes
        });
    }
    while taken <= voters.len() / 2 {
        match asked.join_next().await {
            Some(has) => taken += usize::from(has.unwrap_or(false)),
            None => return Err(BlobError::NoMajority { taken, voters: voters.len() }),
        }
    }
    // The others go on, for their own sake.
    asked.detach_all();
    Ok(())
}

/// Gets a blob from the member that speaks of it; answers with whether it is here now.
pub(crate) async fn have(inner: &Arc<Inner>, from: NodeId, id: BlobId) -> bool {
    if inner.blobs.open(id).is_ok_and(|blob| blob.is_some()) {
        return true;
    }
    let Some(address) = inner.address_of(from) else { return false };
    let fetched = fetch(inner, To::node(from, &address), id).await;
    if let Err(error) = &fetched {
        tracing::warn!(%id, from, %error, "can't get a blob");
    }
    fetched.is_ok()
}

/// Gets a blob from whichever member has it.
pub(super) async fn fetch_from_any(inner: &Arc<Inner>, id: BlobId) -> Result<(), BlobError> {
    for (node, member) in inner.members().into_iter().filter(|(node, _)| *node != inner.id()) {
        if fetch(inner, To::node(node, &member.address), id).await.is_ok() {
            return Ok(());
        }
    }
    Err(BlobError::Unknown(id))
}

async fn fetch(inner: &Inner, from: To<'_>, id: BlobId) -> Result<(), BlobError> {
    let mut file = inner.blobs.begin()?;
    let mut offset = 0;
    loop {
        let asked = inner.peers.send(from, &AskPiece((id, offset)), PIECE_TIME).await;
        let Ok(Some(Piece { size, bytes })) = asked else { return Err(BlobError::Unknown(id)) };
        if size > MAX_BLOB || bytes.len() as u64 > PIECE {
            return Err(BlobError::TooLarge);
        }
        offset += bytes.len() as u64;
        file.write_all(&bytes)?;
        if offset >= size {
            break;
        }
        if bytes.is_empty() {
            return Err(disk::damaged("a blob on another node").into());
        }
    }
    Ok(inner.blobs.finish(file, id).await?)
}

/// A piece of a blob that is here, from an offset on.
pub(crate) fn piece(inner: &Inner, id: BlobId, offset: u64) -> Option<Piece> {
    let (mut file, size) = inner.blobs.open(id).ok()??;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset)).ok()?;
    file.take(PIECE).read_to_end(&mut bytes).ok()?;
    Some(Piece { size, bytes: ByteBuf::from(bytes) })
}
