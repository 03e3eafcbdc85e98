//! The bytes of a segment: a head, then one frame for each batch.
//!
//! ```text
//! head, 64 bytes:  sum 8 │ "alzjrnl2" │ number 8 │ nonce 8 │ first 8 │ synced 8 │ zeros 16
//! frame:           sum 8 │ nonce 8 │ number of the batch 8 │ synced 8 │ length 4 │ payload … │ zeros up to a multiple of 4
//! ```
//!
//! Numbers are little-endian. `sum` is XXH3 (64 bits) over what follows it, zeros excluded. The nonce is drawn when a
//! file becomes a segment, so a frame says by itself whether it belongs to the segment around it or is left from an
//! earlier use of the file. `synced` is the number of a batch that was known to be durable when the bytes were made.
//!
//! Invariant: what `Frame::parse` accepts was written by this program as one frame, and is unchanged.
//! Refuses to know what a payload means.

use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a segment before its first frame.
pub(super) const HEAD_BYTES: usize = 64;

const MAGIC: [u8; 8] = *b"alzjrnl2";
const HEAD_SUMMED: usize = 48;
const FRAME_BYTES: usize = 36;
const ALIGNMENT: usize = 4;

/// What a segment says about itself.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Segments are numbered in the order in which they were begun; no number is used twice.
    pub(super) number: u64,
    /// What its frames carry.
    pub(super) nonce: u64,
    /// The number of its first batch.
    pub(super) first: u64,
    /// A batch that was durable when the segment was begun.
    pub(super) synced: u64,
}

impl Head {
    pub(super) fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[8..16].copy_from_slice(&MAGIC);
        for (at, number) in [(16, self.number), (24, self.nonce), (32, self.first), (40, self.synced)] {
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        let sum = xxh3_64(&bytes[8..HEAD_SUMMED]);
        bytes[..8].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Head> {
        let summed = bytes.get(8..HEAD_SUMMED)?;
        if u64_at(bytes, 0)? != xxh3_64(summed) || !summed.starts_with(&MAGIC) {
            return None;
        }
        Some(Head {
            number: u64_at(bytes, 16)?,
            nonce: u64_at(bytes, 24)?,
            first: u64_at(bytes, 32)?,
            synced: u64_at(bytes, 40)?,
        })
    }
}

/// One batch in a segment.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) nonce: u64,
    /// The batch's number: counted from 1 over the whole life of the data directory.
    pub(super) lsn: u64,
    /// A batch that was durable when this one was appended.
    pub(super) synced: u64,
    pub(super) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Bytes that a frame with a payload of `payload` bytes takes.
    pub(super) fn bytes(payload: usize) -> usize {
        (FRAME_BYTES + payload).next_multiple_of(ALIGNMENT)
    }

    pub(super) fn append_to(&self, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        let length = u32::try_from(self.payload.len()).expect("the journal bounds payloads");
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&self.nonce.to_le_bytes());
        bytes.extend_from_slice(&self.lsn.to_le_bytes());
        bytes.extend_from_slice(&self.synced.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(self.payload);
        let sum = xxh3_64(&bytes[start + 8..]);
        bytes[start..start + 8].copy_from_slice(&sum.to_le_bytes());
        bytes.resize(start + Frame::bytes(self.payload.len()), 0);
    }

    /// The frame at the beginning of `bytes`, if there is a whole one.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Frame<'a>> {
        let length = u32::from_le_bytes(*bytes.get(32..)?.first_chunk()?) as usize;
        let end = FRAME_BYTES.checked_add(length)?;
        let payload = bytes.get(FRAME_BYTES..end)?;
        let frame = Frame { nonce: u64_at(bytes, 8)?, lsn: u64_at(bytes, 16)?, synced: u64_at(bytes, 24)?, payload };
        (u64_at(bytes, 0)? == xxh3_64(bytes.get(8..end)?)).then_some(frame)
    }

    /// Every whole frame that lies somewhere in `bytes`, whose nonce is `nonce` if that is known and which is not older
    /// than batch `newer_than`. `bytes` must begin at a multiple of four within its segment.
    pub(super) fn search(bytes: &'a [u8], nonce: Option<u64>, newer_than: u64) -> impl Iterator<Item = Frame<'a>> {
        let fits = move |at: usize| {
            let candidate = bytes.get(at..)?;
            // Both comparisons are cheap and fail nearly everywhere; the checksum is computed only after them.
            if nonce.is_some_and(|nonce| u64_at(candidate, 8) != Some(nonce)) || u64_at(candidate, 16)? <= newer_than {
                return None;
            }
            Frame::parse(candidate)
        };
        (0..bytes.len()).step_by(ALIGNMENT).filter_map(fits)
    }
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::{Frame, HEAD_BYTES, Head};

    const FRAME: Frame<'static> = Frame { nonce: 7, lsn: 12, synced: 11, payload: b"hello" };

    #[test]
    fn head_and_frame_come_back() {
        let head = Head { number: 3, nonce: 7, first: 12, synced: 11 };
        assert_eq!(Head::parse(&head.encode()), Some(head));
        let mut bytes = Vec::new();
        FRAME.append_to(&mut bytes);
        assert_eq!(bytes.len(), Frame::bytes(5));
        assert_eq!(Frame::parse(&bytes), Some(FRAME));
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let head = Head { number: 3, nonce: 7, first: 12, synced: 11 }.encode();
        for bit in 0..48 * 8 {
            let mut damaged = head;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Head::parse(&damaged), None, "bit {bit}");
        }
        let mut frame = Vec::new();
        FRAME.append_to(&mut frame);
        for bit in 0..(36 + 5) * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Frame::parse(&damaged), None, "bit {bit}");
        }
    }

    #[test]
    fn a_search_finds_frames_amid_rubbish() {
        let mut bytes = vec![0xA5; 4 * 31];
        for lsn in 12..15 {
            Frame { lsn, ..FRAME }.append_to(&mut bytes);
        }
        bytes.extend_from_slice(&[0xFF; HEAD_BYTES]);
        let found = |nonce, newer| Frame::search(&bytes, nonce, newer).map(|frame| frame.lsn).collect::<Vec<_>>();
        assert_eq!(found(Some(7), 0), [12, 13, 14]);
        assert_eq!(found(None, 12), [13, 14]);
        assert_eq!(found(Some(8), 0), []);
    }
}
