//! `turnpike cluster backup`, `verify` and `restore`: the file on this side of the wire.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use aws_lc_rs::digest::{self, SHA256};
use bytes::Bytes;
use futures_util::{Stream, stream};
use reqwest::Body;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use turnpike_cluster::backup::{self, Summary};

use super::cluster::STATUS;
use super::output::{self, Progress};
use super::remote::Remote;

const BACKUP: &str = "/_turnpike/cluster/backup";
const RESTORE: &str = "/_turnpike/cluster/restore";
/// The next piece of a backup must come within this time.
const PIECE_DEADLINE: Duration = Duration::from_secs(60);
/// A backup is sent in pieces of so many bytes.
const PIECE: usize = 64 * 1024;
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(500);

/// Makes a backup. The file has its name only when it is whole, was verified, and is on the disk.
pub(super) async fn make(remote: &Remote, file: &Path, force: bool) -> anyhow::Result<Value> {
    let refuse_to_replace = || {
        if !force && file.exists() {
            bail!("{} exists: choose another name, or say --force to replace it", file.display());
        }
        Ok(())
    };
    refuse_to_replace()?;
    let writing = || format!("can't write {}", file.display());
    let mut begun = Begun::create(file).with_context(writing)?;
    let mut answer = remote.download(BACKUP).await?;
    let (progress, mut received) = (Progress::new(), 0);
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(PIECE_DEADLINE, answer.chunk()) => next,
            // So that the half of a file goes as well.
            _ = tokio::signal::ctrl_c() => bail!("interrupted: {} was not written", file.display()),
        };
        let next = next.context("the node sends nothing more; make the backup again")?;
        let Some(piece) = next.context("the backup broke off; make it again")? else { break };
        begun.file.write_all(&piece).with_context(writing)?;
        received += piece.len() as u64;
        progress.show(format!("received {}", output::size(received)));
    }
    drop(progress);
    begun.file.sync_all().with_context(writing)?;
    let summary = check(&begun.path).context("the backup that was received can't be used; make it again")?;
    refuse_to_replace()?;
    begun.keep(file).with_context(writing)?;
    Ok(describe(file, &summary))
}

/// Verifies a backup.
pub(super) fn verify(file: &Path) -> anyhow::Result<Value> {
    let summary = check(file).with_context(|| format!("{} is no backup to rely on", file.display()))?;
    Ok(describe(file, &summary))
}

/// Restores a backup that was verified here, and is verified again by the node.
pub(super) async fn restore(remote: &Remote, file: &Path) -> anyhow::Result<Value> {
    let unusable = || format!("{} can't be restored", file.display());
    let mut input = Hashed::new(File::open(file).with_context(unusable)?);
    let summary = backup::verify(&mut input).with_context(unusable)?;
    let hash = hex::encode(input.hash.finish().as_ref());
    // Asked before all of it is sent.
    remote.call("GET", RESTORE, None).await?;
    let sent = Arc::new(AtomicU64::new(0));
    let body = Body::wrap_stream(pieces(File::open(file).with_context(unusable)?, Arc::clone(&sent)));
    let restoring = remote.upload(RESTORE, &hash, body);
    let answer = tokio::select! {
        answer = restoring => answer?,
        never = watch(remote, &summary, &sent) => match never {},
    };
    Ok(json!({
        "index": answer["index"],
        "documents": answer["documents"],
        "left_out": answer["left_out"],
        "opens_api_keys": answer["opens_api_keys"],
        "lagging": answer["lagging"],
        "absent": answer["absent"],
        "backup": describe(file, &summary),
    }))
}

/// Shows how far a restore is, until it is dropped.
async fn watch(remote: &Remote, summary: &Summary, sent: &AtomicU64) -> std::convert::Infallible {
    let progress = Progress::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let sent = sent.load(Ordering::Relaxed);
        if sent < summary.bytes {
            progress.show(format!("sent {} of {}", output::size(sent), output::size(summary.bytes)));
        } else if let Ok(status) = remote.call("GET", STATUS, None).await {
            let (restored, all) = (&status["node"]["documents"], summary.header.documents);
            progress.show(format!("restored {restored} of {all} documents"));
        }
    }
}

fn pieces(file: File, sent: Arc<AtomicU64>) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(file, move |mut file| {
        let sent = Arc::clone(&sent);
        async move {
            let mut piece = vec![0; PIECE];
            let read = file.read(&mut piece);
            match read {
                Ok(0) => None,
                Ok(count) => {
                    piece.truncate(count);
                    sent.fetch_add(count as u64, Ordering::Relaxed);
                    Some((Ok(Bytes::from(piece)), file))
                }
                Err(error) => Some((Err(error), file)),
            }
        }
    })
}

/// Reads a backup to its end.
fn check(file: &Path) -> anyhow::Result<Summary> {
    let input = File::open(file).with_context(|| format!("can't open {}", file.display()))?;
    Ok(backup::verify(input)?)
}

fn describe(file: &Path, summary: &Summary) -> Value {
    let header = &summary.header;
    let made = i64::try_from(header.made).ok().and_then(|made| OffsetDateTime::from_unix_timestamp(made).ok());
    json!({
        "file": file.display().to_string(),
        "index": header.index,
        "documents": header.documents,
        "bytes": summary.bytes,
        "made": made.and_then(|made| made.format(&Rfc3339).ok()),
        "cluster": format!("{:032x}", header.cluster),
        "release": header.release,
    })
}

/// A backup, for people.
pub(super) fn table(backup: &Value) -> String {
    let text = |name: &str| backup[name].as_str().unwrap_or("-").to_owned();
    let row = vec![
        backup["index"].to_string(),
        backup["documents"].to_string(),
        backup["bytes"].to_string(),
        text("made"),
        text("cluster"),
        text("file"),
    ];
    output::table(&["INDEX", "DOCUMENTS", "BYTES", "MADE", "CLUSTER", "FILE"], &[row])
}

/// A restore, for people.
pub(super) fn restored(answer: &Value) -> String {
    let backup = &answer["backup"];
    let mut told = format!(
        "restored {} documents of cluster {} as they were on {}",
        answer["documents"],
        backup["cluster"].as_str().unwrap_or("-"),
        backup["made"].as_str().unwrap_or("-"),
    );
    if answer["left_out"].as_u64().is_some_and(|left_out| left_out > 0) {
        told.push_str("\nthe root credentials of the backup were left out: those of this cluster stay");
    }
    if answer["opens_api_keys"].as_bool() == Some(false) {
        told.push_str(
            "\nthe values of its API keys can't be read here: the backup is of a cluster with another secret, and callers \
             need new keys",
        );
    }
    let behind = ["lagging", "absent"].iter().flat_map(|name| answer[*name].as_array().into_iter().flatten());
    let behind: Vec<String> = behind.map(Value::to_string).collect();
    if !behind.is_empty() {
        told.push_str(&format!("\nnodes that do not serve it yet: {}; see turnpike cluster status", behind.join(", ")));
    }
    told
}

/// Reads, and hashes what was read.
struct Hashed<R> {
    input: R,
    hash: digest::Context,
}

impl<R> Hashed<R> {
    fn new(input: R) -> Self {
        Self { input, hash: digest::Context::new(&SHA256) }
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

/// A file that does not have its name yet; it goes if it never gets it.
struct Begun {
    path: PathBuf,
    file: File,
}

impl Begun {
    fn create(target: &Path) -> io::Result<Self> {
        let name = target.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
        let path = target.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        // For its owner alone: it holds what the cluster keeps to itself.
        let _ = fs::remove_file(&path);
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path)?;
        Ok(Self { path, file })
    }

    /// Gives the file its name, so that a power cut takes neither from it.
    fn keep(self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
