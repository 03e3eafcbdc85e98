//! The list of tables as lsm-tree keeps it on disk.
//!
//! Invariant: a list that is not whole is told, not taken for an empty one.
//! Refuses to know what is in it.

use std::path::Path;
use std::{fs, io};

use xxhash_rust::xxh3::xxh3_128;

use crate::error::StorageError;

/// Where the tree says which list of tables is the current one.
const CURRENT: &str = "current";

/// The number of the list of tables that is the current one on disk, if that can be told.
pub(super) fn current_id(path: &Path) -> Option<u64> {
    fs::read(path.join(CURRENT)).ok()?.first_chunk().map(|id| u64::from_le_bytes(*id))
}

/// Checks the list of tables as a whole. lsm-tree does not, and would begin an empty tree if there were no list.
pub(super) fn check(path: &Path) -> Result<(), StorageError> {
    let damaged = |file: &Path, expected: String, got: String| StorageError::Corrupt {
        what: file.display().to_string(),
        expected,
        got,
    };
    let contents = |file: &Path| match fs::read(file) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(damaged(file, "the list of tables".to_owned(), "no such file".to_owned()))
        }
        Err(error) => Err(StorageError::io("read the list of tables", file, &error)),
    };
    let current = path.join(CURRENT);
    let bytes = contents(&current)?;
    let parsed = bytes.first_chunk().zip(bytes.get(8..).and_then(<[u8]>::first_chunk)).filter(|_| bytes.len() == 25);
    let Some((id, sum)) = parsed else {
        return Err(damaged(&current, "25 bytes".to_owned(), bytes.len().to_string()));
    };
    let list = path.join(format!("v{}", u64::from_le_bytes(*id)));
    let (expected, got) = (u128::from_le_bytes(*sum), xxh3_128(&contents(&list)?));
    if expected != got {
        return Err(damaged(&list, format!("checksum {expected:032x}"), format!("{got:032x}")));
    }
    Ok(())
}
