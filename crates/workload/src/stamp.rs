//! Values that prove themselves: whose they are, which write of that key made them, in which run, and that no byte changed.
//!
//! Invariant: text without quotes and control bytes, so that it goes through JSON and Redis alike.

use stdx::hash::Mixer;

/// Bytes of a stamp; a value that carries one has at least these.
pub const BYTES: usize = 48;

/// What a value says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The number of its key.
    pub number: u64,
    /// The how-manieth write of the key it is, from 1.
    pub sequence: u32,
    /// Which run of the tool wrote it.
    pub run: u32,
}

impl Stamp {
    /// The first bytes of a value, followed by `filler`: number, sequence and run, and a checksum over them and the filler.
    pub fn write(&self, filler: &[u8], out: &mut Vec<u8>) {
        let begin = out.len();
        hex(self.number, 16, out);
        hex(u64::from(self.sequence), 8, out);
        hex(u64::from(self.run), 8, out);
        let sum = checksum(&out[begin..], filler);
        hex(sum, 16, out);
        out.extend_from_slice(filler);
    }

    /// Reads the stamp of a value. `None` if it has none or a byte of it is another.
    pub fn read(value: &[u8]) -> Option<Stamp> {
        let (head, rest) = value.split_at_checked(32)?;
        let (sum, filler) = rest.split_at_checked(16)?;
        if unhex(sum)? != checksum(head, filler) {
            return None;
        }
        let number = unhex(&head[..16])?;
        let sequence = u32::try_from(unhex(&head[16..24])?).ok()?;
        Some(Stamp { number, sequence, run: u32::try_from(unhex(&head[24..])?).ok()? })
    }
}

fn checksum(head: &[u8], filler: &[u8]) -> u64 {
    let mut mixer = Mixer::new(0);
    mixer.bytes(head);
    mixer.bytes(filler);
    mixer.finish()
}

fn hex(number: u64, digits: u32, out: &mut Vec<u8>) {
    out.extend((0..digits).rev().map(|at| b"0123456789abcdef"[(number >> (4 * at)) as usize & 15]));
}

fn unhex(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::{BYTES, Stamp};

    #[test]
    fn what_is_written_is_read_and_any_change_is_noticed() {
        let stamp = Stamp { number: 123_456_789_012, sequence: 7, run: 0xfeed_beef };
        let mut value = Vec::new();
        stamp.write(b"filler", &mut value);
        assert_eq!(value.len(), BYTES + 6);
        assert_eq!(Stamp::read(&value), Some(stamp));
        for at in 0..value.len() {
            let mut other = value.clone();
            other[at] ^= 1;
            assert_ne!(Stamp::read(&other), Some(stamp), "byte {at}");
            assert!(Stamp::read(&value[..at]).is_none(), "cut at {at}");
        }
    }
}
