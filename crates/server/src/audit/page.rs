//! Reading the audit log, page by page.
//!
//! Invariant: lines come as they were written, byte for byte, so that whoever reads them can follow the chain; one that cannot be
//! read is told as damaged and hides no other.

use super::files::{Head, list, whole};
use serde_json::json;
use std::fs;
use std::io;
use std::path::Path;

/// Bytes of a page.
const PAGE_BYTES: usize = 256 << 10;

/// Some lines of the log.
#[derive(Default, Debug)]
pub struct AuditPage {
    /// Whole lines.
    pub lines: Vec<u8>,
    /// The number of the last line of it; that of the line asked for if there is none.
    pub last: u64,
    /// There is more behind it.
    pub more: bool,
}

/// The lines behind number `after`, from the first one on that is not older than `since` (Unix time in milliseconds).
pub(super) fn read(directory: &Path, after: u64, since: u64) -> io::Result<AuditPage> {
    let files = list(directory)?;
    let mut page = AuditPage { last: after, ..AuditPage::default() };
    // Where what cannot be read stands is known by what stands before it.
    let mut is_here = after == 0 && since == 0;
    let begin = files.iter().rposition(|(first, _)| *first <= after.saturating_add(1)).unwrap_or(0);
    for (_, path) in files.iter().skip(begin) {
        let text = match fs::read(path) {
            // It was the oldest and had to go.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            text => text?,
        };
        for line in whole(&text).split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let head = serde_json::from_slice::<Head>(line).ok();
            if let Some(head) = &head {
                is_here = head.seq >= after && head.at >= since;
            }
            if head.as_ref().is_some_and(|head| head.seq <= page.last || (page.lines.is_empty() && head.at < since)) {
                continue;
            }
            if page.lines.len() >= PAGE_BYTES {
                page.more = true;
                return Ok(page);
            }
            match head {
                Some(head) => {
                    page.last = head.seq;
                    page.lines.extend(line);
                    page.lines.push(b'\n');
                }
                None if !is_here => {}
                None => {
                    let text: String = String::from_utf8_lossy(line).chars().take(1_000).collect();
                    page.lines.extend(format!("{}\n", json!({ "damaged": true, "text": text })).as_bytes());
                }
            }
        }
    }
    Ok(page)
}
