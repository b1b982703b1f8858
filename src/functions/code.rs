//! Packages on this node: each is taken from the cluster's blobs and unpacked once, into a directory called by its hash.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Seek;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use turnpike_cluster::BlobId;

use super::archive;
use super::error::InvokeError;
use crate::catalog::Catalog;

/// The unpacked packages of a node.
pub(super) struct Packages {
    catalog: Catalog,
    directory: PathBuf,
    /// Of each that is being unpacked, whoever waits for it.
    unpacking: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Packages {
    pub(super) fn new(catalog: Catalog, directory: PathBuf) -> std::io::Result<Self> {
        fs::create_dir_all(&directory)?;
        // What was cut short is not a package.
        for entry in fs::read_dir(&directory)?.flatten() {
            if entry.file_name().to_string_lossy().ends_with(".part") {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(Self { catalog, directory, unpacking: Mutex::default() })
    }

    /// Where a package is; it is brought here first, if need be.
    pub(super) async fn get(&self, sha256: &str) -> Result<PathBuf, InvokeError> {
        let place = self.directory.join(sha256);
        if place.is_dir() {
            return Ok(place);
        }
        let turn = Arc::clone(self.unpacking.lock().entry(sha256.to_owned()).or_default());
        let _turn = turn.lock().await;
        let unpacked = if place.is_dir() { Ok(()) } else { self.bring(sha256, &place).await };
        self.unpacking.lock().remove(sha256);
        unpacked.map(|()| place)
    }

    async fn bring(&self, sha256: &str, place: &Path) -> Result<(), InvokeError> {
        let failed = |why: &dyn std::fmt::Display| {
            tracing::error!(sha256, %why, "a function's package can't be had");
            InvokeError::service(format!(
                "The function's package can't be had on this node: {why}. If it was restored from a backup, upload the \
                 code again."
            ))
        };
        let id: BlobId = sha256.parse().map_err(|error| failed(&error))?;
        let mut blob = self.catalog.blob(id).await.map_err(|error| failed(&error))?;
        let part = self.directory.join(format!("{sha256}.part"));
        let place = place.to_owned();
        let work = tokio::task::spawn_blocking(move || {
            if part.exists() {
                fs::remove_dir_all(&part)?;
            }
            fs::create_dir_all(&part)?;
            // An archive is read from its end: a blob is copied where that can be done.
            let size = blob.size();
            let mut file = tempfile_in(&part)?;
            std::io::copy(&mut blob, &mut file)?;
            file.rewind()?;
            archive::unpack(file, size, &part)?;
            let bootstrap = part.join("bootstrap");
            if let Ok(found) = fs::metadata(&bootstrap) {
                let mode = found.permissions().mode() | 0o555;
                fs::set_permissions(&bootstrap, fs::Permissions::from_mode(mode))?;
            }
            fs::rename(&part, &place)?;
            Ok::<_, archive::Error>(())
        });
        match work.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(failed(&error)),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Removes what is kept nowhere in the cluster any more, but for what is in use.
    pub(super) fn tidy(&self, in_use: &HashSet<String>) {
        let kept: HashSet<String> = self.catalog.blobs().iter().map(ToString::to_string).collect();
        for entry in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_package = name.parse::<BlobId>().is_ok();
            let is_needed = kept.contains(&name) || in_use.contains(&name);
            if is_package
                && !is_needed
                && let Err(error) = fs::remove_dir_all(entry.path())
            {
                tracing::warn!(%error, "a function's package can't be removed");
            }
        }
    }
}

/// A file that is gone when it is closed.
fn tempfile_in(directory: &Path) -> std::io::Result<fs::File> {
    let path = directory.join(".package");
    let file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
    fs::remove_file(path)?;
    Ok(file)
}
