//! Tables that were merged away, and how their room is given back: little by little, for a file system that frees tens of
//! megabytes at once keeps the device from everybody else meanwhile, the longer if it tells the device what is free (`discard`).
//!
//! lsm-tree removes the file of a table when nobody reads it any more. A second name, made before, keeps the file, which is
//! then cut shorter and shorter.
//!
//! Invariant: a file is cut only when its second name is the only one it has, so nobody reads it or ever will. Nobody relies on
//! the trash: what cannot be kept here is removed at once, and what a crash left goes when the tables are opened.
//! Refuses to know which tables are merged, and when.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use lsm_tree::TableId;

use super::guard::lock;

/// What is cut off a file at a time, as long as there are few.
const STEP_BYTES: u64 = 1 << 20;

/// Between two cuts.
const PAUSE: Duration = Duration::from_millis(10);

/// With so many files more, each cut is twice as large: merging can write faster than small cuts give back.
const MANY: usize = 16;

/// What is cut off at a time with so many files.
fn step_bytes(files: usize) -> u64 {
    STEP_BYTES << (files / MANY).min(10)
}

/// The trash of one space.
pub(super) struct Trash {
    path: PathBuf,
    held: Mutex<BTreeSet<TableId>>,
}

impl Trash {
    /// The trash in `folder`, emptied of what a crash left there.
    pub(super) fn open(folder: &Path) -> Trash {
        let path = folder.join("trash");
        // There is none yet, or its content is in nobody's way.
        let _ = fs::remove_dir_all(&path);
        Trash { path, held: Mutex::default() }
    }

    /// Keeps the files of these tables in `tables`, which are not removed yet, for when they are.
    pub(super) fn keep(&self, tables: &Path, ids: impl Iterator<Item = TableId>) {
        let mut held = lock(&self.held);
        for id in ids {
            let (from, to) = (tables.join(id.to_string()), self.path.join(id.to_string()));
            let linked = fs::create_dir_all(&self.path).and_then(|()| fs::hard_link(from, to));
            if linked.is_ok() {
                held.insert(id);
            }
        }
    }

    /// Gives back the room of what nobody reads any more, as long as `goes_on` says so. What is still read stays for the
    /// next time. Returns how many tables are left.
    pub(super) fn empty(&self, goes_on: impl Fn() -> bool) -> usize {
        let all = lock(&self.held).clone();
        for id in all {
            let path = self.path.join(id.to_string());
            while goes_on() {
                let bytes = step_bytes(lock(&self.held).len());
                match shorten(&path, bytes) {
                    Ok(Left::Something) => thread::sleep(PAUSE),
                    Ok(Left::InUse) => break,
                    // What cannot be removed goes when the tables are opened.
                    Ok(Left::Nothing) | Err(_) => {
                        lock(&self.held).remove(&id);
                        thread::sleep(PAUSE);
                        break;
                    }
                }
            }
        }
        lock(&self.held).len()
    }
}

/// What is left of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Left {
    /// All of it: it has another name.
    InUse,
    Something,
    Nothing,
}

fn shorten(path: &Path, bytes: u64) -> io::Result<Left> {
    let found = fs::metadata(path)?;
    if found.nlink() > 1 {
        return Ok(Left::InUse);
    }
    if found.len() <= bytes {
        return fs::remove_file(path).map(|()| Left::Nothing);
    }
    let file = File::options().write(true).open(path)?;
    file.set_len(found.len() - bytes).map(|()| Left::Something)
}

#[cfg(test)]
mod tests {
    use super::{Left, MANY, STEP_BYTES, Trash, shorten, step_bytes};
    use std::fs;

    #[test]
    fn a_file_is_whole_while_it_has_its_other_name_and_then_gets_shorter_until_it_is_gone() {
        let dir = tempfile::tempdir().expect("a directory");
        let bytes = vec![1; 2 * STEP_BYTES as usize + 1];
        fs::write(dir.path().join("3"), &bytes).expect("a file");
        let trash = Trash::open(dir.path());
        trash.keep(dir.path(), [3, 4].into_iter());
        let kept = dir.path().join("trash/3");
        assert_eq!(trash.empty(|| true), 1);
        assert_eq!(fs::read(&kept).expect("a file"), bytes, "somebody may read it");
        assert_eq!(shorten(&kept, STEP_BYTES).expect("a file"), Left::InUse);
        fs::remove_file(dir.path().join("3")).expect("a file");
        assert_eq!(shorten(&kept, STEP_BYTES).expect("a file"), Left::Something);
        assert_eq!(fs::metadata(&kept).expect("a file").len(), STEP_BYTES + 1);
        trash.empty(|| false);
        assert!(kept.exists(), "it was told to stop");
        assert_eq!(trash.empty(|| true), 0);
        assert!(!kept.exists());
    }

    #[test]
    fn the_more_there_is_the_more_goes_at_once() {
        assert_eq!([0, MANY - 1].map(step_bytes), [STEP_BYTES; 2]);
        assert_eq!([MANY, 3 * MANY, 99 * MANY].map(step_bytes), [2, 8, 1024].map(|steps| steps * STEP_BYTES));
    }

    #[test]
    fn what_a_crash_left_is_gone_when_it_is_opened_again() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("3"), b"table").expect("a file");
        Trash::open(dir.path()).keep(dir.path(), [3].into_iter());
        assert!(dir.path().join("trash/3").exists());
        let trash = Trash::open(dir.path());
        assert!(!dir.path().join("trash").exists());
        // The same number again.
        trash.keep(dir.path(), [3].into_iter());
        fs::remove_file(dir.path().join("3")).expect("a file");
        trash.empty(|| true);
        assert!(!dir.path().join("trash/3").exists());
    }
}
