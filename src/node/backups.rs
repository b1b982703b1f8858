//! Backups at the admin address: sent and received piece by piece, whatever their size.
//!
//! A backup that is to be restored is signed as every call: by its SHA-256, which stands in `x-amz-content-sha256`. So the
//! signature is checked before the first byte of the body is taken, and the body, in a file by then, against its hash
//! before anything becomes of it.

use std::io::Write;

use actix_web::body::BodyStream;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use turnpike_cluster::Cluster;
use turnpike_cluster::backup::{BackupError, RestoreError};

use super::listeners::Shared;
use crate::catalog::keys;
use crate::control::listener;
use crate::control::wire::{Answer, Error};

/// Where a backup is made.
pub(super) const BACKUP: &str = "/_turnpike/cluster/backup";
/// Where one is restored.
pub(super) const RESTORE: &str = "/_turnpike/cluster/restore";
/// A backup that is restored has at most so many bytes: every node keeps all of its documents in memory.
const MAX_BACKUP: u64 = 16 * 1024 * 1024 * 1024;

/// Answers with a backup.
pub(super) async fn send(shared: &Shared) -> Result<HttpResponse, Error> {
    let made = u64::try_from(shared.clock.seconds()).unwrap_or_default();
    let backup = shared.cluster.backup(made).await.map_err(|error| match error {
        BackupError::Read(_) => Error::unavailable(chain(&error)),
        BackupError::Restoring => Error::conflict(error.to_string()),
    })?;
    tracing::info!(index = backup.header().index, documents = backup.header().documents, "sending a backup");
    let answer = Answer { content_type: "application/octet-stream", ..Answer::empty(200) };
    let pieces = stream::iter(backup.map(|piece| piece.map(Bytes::from)));
    Ok(listener::respond(answer).set_body(BodyStream::new(pieces)).map_into_boxed_body())
}

/// Says whether a backup could be restored now.
pub(super) async fn may_receive(shared: &Shared) -> Result<Answer, Error> {
    shared.cluster.can_restore(keys::is_own).await.map_err(refused)?;
    Ok(Answer::json(200, json!({})))
}

/// Takes a backup in and restores it.
pub(super) async fn receive(request: &HttpRequest, payload: Payload, shared: &Shared) -> Result<HttpResponse, Error> {
    let signed = shared.control.authenticate_ahead(&listener::head(request))?;
    let _turn = shared.restoring.try_lock().map_err(|_| {
        Error::conflict("This node is restoring another backup; see turnpike cluster status for when it is done.")
    })?;
    shared.cluster.can_restore(keys::is_own).await.map_err(refused)?;
    let not_stored = |error: std::io::Error| {
        Error::unavailable(format!("The backup can't be stored in the node's data directory, to be verified: {error}."))
    };
    let mut file = shared.cluster.scratch().map_err(not_stored)?;
    let mut hash = Context::new(&SHA256);
    // Into the page cache: a piece takes no longer than to copy it.
    let take = |piece: &[u8]| {
        hash.update(piece);
        file.write_all(piece).map_err(not_stored)
    };
    listener::stream(payload, MAX_BACKUP, take).await?;
    if signed.is_some_and(|signed| signed != hex::encode(hash.finish().as_ref())) {
        return Err(Error::bad_request(
            "The backup that arrived is not the one that was signed; nothing was restored.",
        ));
    }
    let restored = shared.cluster.restore(file, keys::is_own).await.map_err(refused)?;
    let settled = shared.cluster.settled(restored.index, shared.control.settings.settle_within).await;
    let opens_api_keys = shared.control.catalog.opens_api_keys()?;
    if !opens_api_keys {
        tracing::warn!("the API keys of the backup are sealed with another cluster's secret: callers can't use them");
    }
    let answer = json!({
        "opens_api_keys": opens_api_keys,
        "index": restored.index,
        "documents": restored.documents,
        "left_out": restored.left_out,
        "lagging": settled.lagging,
        "absent": settled.absent,
    });
    Ok(listener::respond(Answer::json(200, answer)))
}

/// The restore that goes on or was cut short, for the cluster's status.
pub(super) fn restoring(cluster: &Cluster) -> Option<Value> {
    let restoring = cluster.restoring()?;
    let of = number(restoring.cluster);
    Some(json!({"cluster": of, "index": restoring.index, "documents": restoring.documents}))
}

/// A cluster's number as it is shown.
pub(super) fn number(cluster: u128) -> String {
    format!("{cluster:032x}")
}

fn refused(error: RestoreError) -> Error {
    let told = chain(&error);
    match error {
        RestoreError::Backup(_) => Error::bad_request(told),
        RestoreError::NotEmpty { .. } | RestoreError::Overtaken | RestoreError::Replaced => Error::conflict(told),
        RestoreError::Read(_) | RestoreError::CutShort(_) => Error::unavailable(told),
    }
}

/// An error with its causes, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
