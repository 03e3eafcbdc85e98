//! A line of an import: any bytes; what was understood of it is written and read as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(line) = api::rewrite_line(data) {
        assert_eq!(api::rewrite_line(&line), Ok(line));
    }
});
