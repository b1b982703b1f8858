//! Snapshots: the agreed state as of one entry, in one file beside the engine, written and read piece by piece.
//!
//! ```text
//! magic, format                      8 bytes
//! meta                               a frame
//! documents, proposals, nodes        frames of about 256 KiB
//! end: how many documents            a frame
//! ```
//! What the leader sends to a member is this file as it is.

use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::NodeId;
use crate::disk::{self, Disk, File, damaged};
use crate::documents::{self, Document};
use crate::frames::{self, FRAME, FrameError, Frames, Stored};
use crate::raft::{LogId, Outcome, SnapshotMeta};
use crate::state::{Frozen, Place, State};

/// The file's name.
pub(crate) const CURRENT: &str = "snapshot";
const MAGIC: &[u8; 4] = b"TPSN";
const FORMAT: u32 = 1;
/// So many bytes go to disk at a time.
const PIECE: usize = 2 * 1024 * 1024;

/// What a frame behind the meta holds.
#[derive(Serialize, Deserialize)]
enum Part {
    Documents(Vec<Stored>),
    Recent(Vec<(Place, u128, Outcome)>),
    Nodes(Vec<(NodeId, u128)>),
    End { documents: u64 },
}

/// Writes a whole snapshot.
pub(crate) fn write(file: &mut File, meta: &SnapshotMeta, frozen: Frozen) -> io::Result<()> {
    let mut out = BufWriter::new(Paced { file, unsynced: 0 });
    out.write_all(MAGIC)?;
    out.write_all(&FORMAT.to_le_bytes())?;
    frames::write(&mut out, meta)?;
    let count = frozen.documents.len() as u64;
    let mut documents = frozen.documents;
    while documents.len() > 0 {
        frames::write(&mut out, &Part::Documents(frames::group(&mut documents)))?;
    }
    for group in frozen.recent.chunks(FRAME / 64) {
        frames::write(&mut out, &Part::Recent(group.to_vec()))?;
    }
    frames::write(&mut out, &Part::Nodes(frozen.nodes))?;
    frames::write(&mut out, &Part::End { documents: count })?;
    out.flush()
}

/// A file that goes to disk while it is written, piece by piece: all of it at once, at the end, would keep the disk from
/// what commits wait for.
struct Paced<'a> {
    file: &'a mut File,
    unsynced: usize,
}

impl Write for Paced<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.unsynced += written;
        if self.unsynced >= PIECE {
            self.file.sync()?;
            self.unsynced = 0;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Reads the meta alone; the file is at its beginning again afterwards.
pub(crate) fn read_meta(file: &mut File) -> io::Result<SnapshotMeta> {
    file.seek(SeekFrom::Start(0))?;
    let meta = begin(&mut Frames::new(&mut *file))?;
    file.seek(SeekFrom::Start(0))?;
    Ok(meta)
}

/// Reads a whole snapshot, and finds what is damaged; the file is at its beginning again afterwards.
pub(crate) fn read(file: &mut File) -> io::Result<(SnapshotMeta, State)> {
    file.seek(SeekFrom::Start(0))?;
    let mut input = Frames::new(BufReader::new(&mut *file));
    let meta = begin(&mut input)?;
    let (mut state, mut documents) = (State::default(), documents::Builder::default());
    let documents = loop {
        match input.next().map_err(unreadable)? {
            Part::Documents(stored) => {
                for Stored { key, revision, value } in stored {
                    documents.push((key, Document { revision, value: value.into() }));
                }
            }
            Part::Recent(recent) => {
                for (place, id, outcome) in recent {
                    state.restore_proposal(place, id, outcome);
                }
            }
            Part::Nodes(nodes) => {
                for (node, instance) in nodes {
                    state.restore_node(node, instance);
                }
            }
            Part::End { documents: count } => {
                let documents = documents.finish();
                if documents.len() as u64 != count {
                    return Err(damaged("the snapshot"));
                }
                break documents;
            }
        }
    };
    state.restore_documents(documents);
    input.end().map_err(unreadable)?;
    state.advance(meta.last_log_id.map_or(0, |id| id.index));
    file.seek(SeekFrom::Start(0))?;
    Ok((meta, state))
}

fn begin<R: Read>(input: &mut Frames<R>) -> io::Result<SnapshotMeta> {
    let head = input.head().map_err(unreadable)?;
    if head[..4] != *MAGIC {
        return Err(damaged("the snapshot"));
    }
    if head[4..] != FORMAT.to_le_bytes() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the snapshot has a format that this release does not read",
        ));
    }
    input.next().map_err(unreadable)
}

fn unreadable(error: FrameError) -> io::Error {
    match error {
        FrameError::Read(error) => error,
        error => io::Error::new(io::ErrorKind::InvalidData, format!("the snapshot can't be used: {error}")),
    }
}

/// The place of a node's snapshots. One is built here while another may come in from the leader.
pub(crate) struct Snapshots {
    disk: Arc<dyn Disk>,
    standing: watch::Sender<Standing>,
    /// Held while one is put in place, so that of two the later one stays.
    saving: Mutex<()>,
}

#[derive(Clone, Copy, Default)]
struct Standing {
    /// The last entry in the snapshot that is on disk.
    saved: Option<LogId>,
    /// Whether one from the leader is on its way.
    coming: bool,
}

impl Snapshots {
    pub(super) fn open(disk: Arc<dyn Disk>) -> io::Result<Self> {
        let snapshots = Self { disk, standing: watch::Sender::default(), saving: Mutex::default() };
        let saved = match snapshots.current()? {
            Some(mut file) => read_meta(&mut file)?.last_log_id,
            None => None,
        };
        snapshots.standing.send_replace(Standing { saved, coming: false });
        Ok(snapshots)
    }

    /// The last entry in the one that is on disk.
    pub(super) fn saved(&self) -> Option<LogId> {
        self.standing.borrow().saved
    }

    /// The last one.
    pub(super) fn current(&self) -> io::Result<Option<File>> {
        self.disk.open(CURRENT)
    }

    /// Begins one.
    pub(super) fn begin(&self) -> io::Result<File> {
        self.disk.create(CURRENT)
    }

    /// Does something with a file where it takes its time.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        disk::work(&*self.disk, work).await
    }

    /// Puts a snapshot in place, unless a later one is there.
    pub(super) async fn save(self: &Arc<Self>, mut file: File, last: Option<LogId>) -> io::Result<()> {
        let snapshots = Arc::clone(self);
        self.work(move || {
            if !file.is_new() {
                // One that has its place already, on this disk or on another.
                let mut copy = snapshots.begin()?;
                io::copy(&mut file, &mut copy)?;
                file = copy;
            }
            let _saving = snapshots.saving.lock();
            if last >= snapshots.standing.borrow().saved {
                snapshots.disk.keep(file)?;
                snapshots.standing.send_modify(|standing| standing.saved = last);
            }
            Ok(())
        })
        .await
    }

    /// Says whether a snapshot from the leader is on its way.
    pub(super) fn set_coming(&self, coming: bool) {
        self.standing.send_modify(|standing| standing.coming = coming);
    }

    /// Waits until a snapshot with this entry is on disk, if one is on its way that may have it.
    pub(super) async fn wait_for(&self, entry: &LogId) -> io::Result<()> {
        let mut news = self.standing.subscribe();
        let here = news.wait_for(|standing| !standing.coming || standing.saved.as_ref() >= Some(entry)).await;
        here.map(drop).map_err(|_| io::Error::other("the store is closed"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::disk::memory::Platter;
    use crate::raft::Command;
    use crate::transaction::Transaction;

    fn state() -> State {
        let mut state = State::default();
        // Enough for several frames.
        for n in 0..5_u64 {
            let transaction = Transaction::new().put(format!("document/{n}"), vec![n as u8; 200_000]);
            state.apply(n + 1, &Command::Transact { id: n.into(), since: n, transaction });
        }
        state.apply(6, &Command::AllotNode { wanted: None, instance: 5 });
        state
    }

    fn snapshot() -> (Vec<u8>, Platter) {
        let platter = Platter::new(1, Duration::ZERO..Duration::ZERO);
        let disk = platter.using();
        let mut file = disk.create("any").expect("begun");
        write(&mut file, &SnapshotMeta::default(), state().freeze()).expect("written");
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).expect("a seek");
        file.read_to_end(&mut bytes).expect("read");
        (bytes, platter)
    }

    fn read_bytes(bytes: &[u8], platter: &Platter) -> io::Result<(SnapshotMeta, State)> {
        let mut file = platter.using().create("any").expect("begun");
        file.write_all(bytes).expect("written");
        read(&mut file)
    }

    #[test]
    fn what_was_written_is_read() {
        let (bytes, platter) = snapshot();
        let (_, read) = read_bytes(&bytes, &platter).expect("whole");
        let (mut read, mut original) = (read.freeze(), state().freeze());
        (read.applied, original.applied) = (0, 0);
        assert_eq!(read, original);
    }

    #[test]
    fn a_flipped_bit_a_missing_end_and_a_longer_one_are_found() {
        let (bytes, platter) = snapshot();
        for at in (0..bytes.len()).step_by(bytes.len() / 97) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(read_bytes(&damaged, &platter).is_err(), "a flipped bit at {at}");
            assert!(read_bytes(&bytes[..at], &platter).is_err(), "cut off at {at}");
        }
        assert!(read_bytes(&[&bytes[..], b"x"].concat(), &platter).is_err());
    }
}
