//! Journal files: any bytes as a file, and any bytes as a batch behind a right checksum. What decodes as a batch must be
//! within the bounds of batches.

#![no_main]

use libfuzzer_sys::fuzz_target;
use storage::{Change, KEY_BYTES_MAX, journal_batches};
use xxhash_rust::xxh3::xxh3_64;

fuzz_target!(|data: &[u8]| {
    let _ = journal_batches(data);

    let mut summed = vec![0; 8];
    summed.extend_from_slice(&1u64.to_le_bytes());
    summed.extend_from_slice(&0u64.to_le_bytes());
    summed.extend_from_slice(&(data.len() as u32).to_le_bytes());
    summed.extend_from_slice(data);
    let mut frame = xxh3_64(&summed).to_le_bytes().to_vec();
    frame.append(&mut summed);
    let batches = journal_batches(&frame);
    assert!(batches.iter().any(|(lsn, _)| *lsn == 1), "a frame with a right checksum is found");
    for change in batches.into_iter().filter_map(|(_, changes)| changes).flatten() {
        if let Change::Put { key, .. } | Change::Delete { key, .. } = change {
            assert!(!key.is_empty() && key.len() <= KEY_BYTES_MAX);
        }
    }
});
