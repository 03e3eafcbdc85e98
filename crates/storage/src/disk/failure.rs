//! What fjall's errors mean to a node.
//!
//! fjall poisons itself for good when writing its journal fails, and when a background flush or compaction fails; in
//! the second case the cause stays in the background and the next write only hears "poisoned". Since the usual cause
//! is a full device, that is looked for by writing a small file.
//!
//! Invariant: a full device is reported as `Full` by the write that meets it, whichever way fjall words it.
//! Refuses to know what the failing call was for.

use std::path::Path;
use std::{fs, io};

use crate::error::StorageError;

const PROBE: &str = "PROBE";
const PROBE_BYTES: usize = 1 << 20;

/// Translates `error`, met while doing `what` in the data directory `path`.
pub(super) fn translate(what: &'static str, path: &Path, error: fjall::Error) -> StorageError {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
            StorageError::io(what, path, &error)
        }
        fjall::Error::Storage(fjall::LsmError::ChecksumMismatch { got, expected }) => StorageError::Corrupt {
            what: format!("a block in {}", path.display()),
            expected: format!("checksum {:032x}", expected.into_u128()),
            got: format!("{:032x}", got.into_u128()),
        },
        fjall::Error::Locked => StorageError::Locked { path: path.to_owned() },
        fjall::Error::Poisoned if is_full(path) => StorageError::Full { path: path.to_owned() },
        fjall::Error::Poisoned => {
            StorageError::Poisoned { why: "a flush or compaction failed in the background, see the log".to_owned() }
        }
        other => StorageError::Corrupt {
            what: path.display().to_string(),
            expected: "files that fjall can read".to_owned(),
            got: format!("{other:?}"),
        },
    }
}

fn is_full(path: &Path) -> bool {
    let probe = path.join(PROBE);
    let written = fs::write(&probe, vec![0xA5; PROBE_BYTES]);
    // If it cannot be removed, the next opening of the directory does not mind it.
    let _ = fs::remove_file(&probe);
    written.is_err_and(|error| matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
}
