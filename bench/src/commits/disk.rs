//! What the bare disk does: 4 KiB written and synced, again and again.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::load::histogram::Histogram;

/// How long each write took until it was on disk.
pub(super) fn syncs(directory: &Path, within: Duration) -> anyhow::Result<Histogram> {
    let path = directory.join("syncs");
    let mut file = std::fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut histogram = Histogram::default();
    let begin = Instant::now();
    while begin.elapsed() < within {
        let before = Instant::now();
        file.write_all(&[0x5a; 4096]).context("cannot write")?;
        file.sync_data().context("cannot sync")?;
        histogram.record(before.elapsed());
    }
    std::fs::remove_file(&path).context("cannot remove a file")?;
    Ok(histogram)
}
