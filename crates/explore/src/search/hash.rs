//! Hashes of 128 bits, the same everywhere.

use std::hash::{Hash, Hasher};
use stdx::hash::Mixer;

/// The hash of a state.
pub(super) fn hash(state: &impl Hash) -> u128 {
    let mut both = Both::new();
    state.hash(&mut both);
    both.both()
}

/// Two hashes at once.
pub(crate) struct Both(Mixer, Mixer);

impl Both {
    pub(crate) fn new() -> Both {
        Both(Mixer::new(1), Mixer::new(2))
    }

    /// Both of them.
    pub(crate) fn both(&self) -> u128 {
        u128::from(self.0.finish()) << 64 | u128::from(self.1.finish())
    }
}

impl Hasher for Both {
    fn finish(&self) -> u64 {
        self.0.finish()
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0.number(number);
        self.1.number(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}
