//! A small 64-bit hash for comparing what two nodes hold: the same on every machine and in every version. Not for
//! secrets and not against an adversary.
//!
//! Each 8-byte word is folded in by a 64 × 64 → 128 bit multiplication (the mixing step of wyhash, Wang Yi 2019).

const SECRET: [u64; 2] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db];

/// A hash being computed.
#[derive(Clone, Debug)]
pub struct Mixer(u64);

impl Mixer {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Mixer {
        Mixer(fold(seed ^ SECRET[0], SECRET[1]))
    }

    /// Takes a number in.
    pub fn number(&mut self, number: u64) {
        self.0 = fold(self.0 ^ number, SECRET[1]) ^ number.rotate_left(32);
    }

    /// Takes bytes in, and how many they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.number(u64::from_le_bytes(word));
        }
    }

    /// The hash of everything taken in.
    pub fn finish(&self) -> u64 {
        fold(self.0 ^ SECRET[0], self.0.rotate_left(29) ^ SECRET[1])
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::Mixer;
    use std::collections::BTreeSet;

    fn of(parts: &[&[u8]]) -> u64 {
        let mut mixer = Mixer::new(0);
        parts.iter().for_each(|part| mixer.bytes(part));
        mixer.finish()
    }

    #[test]
    fn near_inputs_are_far_apart() {
        let hashes: BTreeSet<u64> = (0u32..100_000).map(|i| of(&[&i.to_be_bytes()])).collect();
        assert_eq!(hashes.len(), 100_000);
        let high: BTreeSet<u64> = hashes.iter().map(|hash| hash >> 48).collect();
        assert!(high.len() > 50_000, "the high bits hardly vary: {}", high.len());
    }

    #[test]
    fn where_a_part_ends_matters() {
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"a"]), of(&[b"a\0"]));
    }

    #[test]
    fn the_hash_never_changes() {
        assert_eq!(of(&[b"alianza"]), 11_850_599_250_776_320_046);
    }
}
