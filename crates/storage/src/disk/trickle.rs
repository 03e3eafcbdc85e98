//! Brings what is being written to tables to disk little by little. A table is synced when it is whole: all of it at once keeps
//! the device busy for as long as tens of megabytes take, and every fsync of the journal waits behind them.
//!
//! Invariant: nobody relies on it. Whoever writes a table syncs it and is told of failures; what fails here is left to that.
//! Refuses to know what is written.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use lsm_tree::TableId;

/// What gathers in a table before it is brought to disk.
const STEP_BYTES: u64 = 1 << 20;

/// Between two looks at what has gathered.
const PAUSE: Duration = Duration::from_millis(10);

/// Runs `build`, which writes tables into `folder` from number `first` on, and meanwhile syncs what it has written of them.
/// `next` says which number the next table gets.
pub(super) fn alongside<T>(
    folder: &Path,
    first: TableId,
    next: impl Fn() -> TableId + Send + Sync,
    build: impl FnOnce() -> T,
) -> T {
    thread::scope(|scope| {
        let (end, over) = mpsc::channel::<()>();
        let trickle = move || {
            let mut synced = BTreeMap::new();
            while over.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                (first..next()).for_each(|id| sync(folder, id, &mut synced));
            }
        };
        // Without it, all of a table is synced at once.
        let _ = thread::Builder::new().name("trickle".to_owned()).spawn_scoped(scope, trickle);
        let built = build();
        drop(end);
        built
    })
}

/// Syncs a table that has grown enough since it was last synced.
fn sync(folder: &Path, id: TableId, synced: &mut BTreeMap<TableId, u64>) {
    let path = folder.join(id.to_string());
    let Ok(bytes) = fs::metadata(&path).map(|found| found.len()) else { return };
    let upto = synced.entry(id).or_insert(0);
    if bytes >= *upto + STEP_BYTES && File::open(&path).and_then(|file| file.sync_data()).is_ok() {
        *upto = bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::{STEP_BYTES, sync};
    use std::collections::BTreeMap;
    use std::fs;

    #[test]
    fn a_table_is_synced_again_when_it_has_grown_by_a_step() {
        let dir = tempfile::tempdir().expect("a directory");
        let grow = |bytes: u64| fs::write(dir.path().join("7"), vec![1; bytes as usize]).expect("a file");
        let mut synced = BTreeMap::new();
        let mut synced_upto = || {
            sync(dir.path(), 7, &mut synced);
            synced.get(&7).copied()
        };
        assert_eq!(synced_upto(), None, "there is none yet");
        grow(STEP_BYTES - 1);
        assert_eq!(synced_upto(), Some(0));
        grow(STEP_BYTES + 5);
        assert_eq!(synced_upto(), Some(STEP_BYTES + 5));
        grow(2 * STEP_BYTES);
        assert_eq!(synced_upto(), Some(STEP_BYTES + 5));
        grow(2 * STEP_BYTES + 5);
        assert_eq!(synced_upto(), Some(2 * STEP_BYTES + 5));
    }

    #[test]
    fn what_was_built_is_given_back() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(super::alongside(dir.path(), 0, || 1, || "built"), "built");
    }
}
