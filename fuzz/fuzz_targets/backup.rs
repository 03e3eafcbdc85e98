//! Files of a backup directory and the stream of records: any bytes, and any manifest behind a right hash.

#![no_main]

use backup::{FrameReader, Manifest, PartReader};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(mut part) = PartReader::new(data) {
        while let Ok(Some(_)) = part.next_entry() {}
    }
    let mut frames = FrameReader::new(Bytes::copy_from_slice(data));
    while let Ok(Some(_)) = frames.next_frame() {}
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Manifest::read(text);
        if let Ok((manifest, _)) = Manifest::read(&format!("{text}\nblake3 {}\n", blake3::hash(data).to_hex())) {
            let (again, _) = Manifest::read(&manifest.write().0).expect("what is written can be read");
            assert_eq!(again, manifest);
        }
    }
});
