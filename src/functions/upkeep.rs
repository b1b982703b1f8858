//! What a node with functions does by itself: it ends environments of what has changed, and those that nobody needs.

use std::sync::Arc;
use std::time::Duration;

use turnpike_cluster::WatchError;

use super::Inner;
use crate::catalog::keys;

/// Between two looks at what has been idle for long.
const SHRINK: Duration = Duration::from_secs(5);
/// Between two looks at packages that are not kept any more.
const TIDY: Duration = Duration::from_secs(60);

/// Looks after a node's environments for as long as it runs.
pub(super) async fn run(inner: Arc<Inner>) {
    let mut shrink = tokio::time::interval(SHRINK);
    let mut tidy = tokio::time::interval(TIDY);
    let mut changes = inner.catalog.watch(inner.catalog.read(|documents| documents.index()));
    loop {
        tokio::select! {
            _ = shrink.tick() => inner.pool.shrink(),
            _ = tidy.tick() => tidy_packages(&inner).await,
            changed = changes.next() => match changed {
                Ok(changed) => {
                    if changed.keys.iter().any(|key| keys::parse_function(&key.key).is_some()) {
                        end_outdated(&inner);
                    }
                }
                Err(WatchError::Lagged { resume_at }) => {
                    changes = inner.catalog.watch(resume_at);
                    end_outdated(&inner);
                }
                Err(WatchError::Stopped) => return,
            },
        }
    }
}

/// Ends what is idle and not what the catalog says any more.
fn end_outdated(inner: &Inner) {
    let outdated: Vec<_> = inner.pool.keys().into_iter().filter(|key| !inner.is_current(key)).collect();
    inner.pool.end(&outdated);
}

async fn tidy_packages(inner: &Arc<Inner>) {
    let inner = Arc::clone(inner);
    let _ = tokio::task::spawn_blocking(move || inner.packages.tidy(&inner.pool.codes())).await;
}
