//! Cutting the power of a file system: from this moment on nothing more reaches its disk, neither data nor its journal.
//!
//! Refuses to work on anything but a mount point of its own, for it would stop the machine.

#![allow(unsafe_code, reason = "an ioctl has no safe form; this one takes a pointer to one number")]

use rustix::ioctl::{Setter, ioctl};
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// `EXT4_IOC_SHUTDOWN`, which is also that of xfs: `_IOR('X', 125, u32)`.
const SHUTDOWN: u32 = 0x8004_587d;

/// Do not even write the file system's own journal out.
pub const NO_LOG_FLUSH: u32 = 2;

pub(super) fn shut_down(point: &Path) -> Result<(), String> {
    let text = |error: std::io::Error| format!("cannot shut down {}: {error}", point.display());
    let file = File::open(point).map_err(text)?;
    let own = file.metadata().map_err(text)?.dev();
    let parent = point.parent().unwrap_or(point).metadata().map_err(text)?.dev();
    assert_ne!(own, parent, "{} is not a file system of its own", point.display());
    // SAFETY: the operation takes a pointer to a u32 and only reads it; `Setter` passes just that.
    let done = unsafe { ioctl(&file, Setter::<{ SHUTDOWN }, u32>::new(NO_LOG_FLUSH)) };
    done.map_err(|error| text(error.into()))
}
