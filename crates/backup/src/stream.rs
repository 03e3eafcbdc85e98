//! The stream in which a node gives its records away, and takes them back: frames in the body of an HTTP message.
//!
//! ```text
//! 'E' │ key length 4 │ value length 4 │ storage key │ stored value     one record
//! 'P' │ partition 2                                                   all of this partition has been given
//! 'F' │ partition 2 │ length 4 │ sentence                              this partition cannot be read
//! 'C' │ length 4 │ cursor                                              there is more: go on from here. The last frame
//! 'Z'                                                                 there is no more. The last frame
//! ```
//!
//! Numbers are little-endian.

use crate::part::Entry;
use bytes::{Buf, Bytes};
use ring::PartitionId;

/// One frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// One record.
    Entry(Entry),
    /// All of this partition has been given.
    Complete(PartitionId),
    /// This partition cannot be read, for this reason; what was given of it is not all.
    Failed(PartitionId, String),
    /// There is more, behind this cursor.
    More(String),
    /// There is no more.
    End,
}

/// Appends a frame.
pub fn write_frame(out: &mut Vec<u8>, frame: &Frame) {
    let long = |out: &mut Vec<u8>, text: &str| {
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    };
    match frame {
        Frame::Entry(Entry { key, value }) => {
            out.push(b'E');
            out.extend_from_slice(&(key.len() as u32).to_le_bytes());
            out.extend_from_slice(&(value.len() as u32).to_le_bytes());
            out.extend_from_slice(key);
            out.extend_from_slice(value);
        }
        Frame::Complete(partition) => {
            out.push(b'P');
            out.extend_from_slice(&partition.0.to_le_bytes());
        }
        Frame::Failed(partition, why) => {
            out.push(b'F');
            out.extend_from_slice(&partition.0.to_le_bytes());
            long(out, why);
        }
        Frame::More(cursor) => {
            out.push(b'C');
            long(out, cursor);
        }
        Frame::End => out.push(b'Z'),
    }
}

/// Takes frames off a body.
pub struct FrameReader {
    left: Bytes,
}

impl FrameReader {
    /// Of a whole body.
    pub fn new(body: Bytes) -> FrameReader {
        FrameReader { left: body }
    }

    /// The next frame; `None` at the end of the body. Values are slices of it.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, CutShort> {
        let Ok(kind) = self.left.try_get_u8() else { return Ok(None) };
        let frame = match kind {
            b'E' => {
                let (key, value) = (self.length()?, self.length()?);
                Frame::Entry(Entry { key: self.bytes(key)?.to_vec(), value: self.bytes(value)? })
            }
            b'P' => Frame::Complete(self.partition()?),
            b'F' => Frame::Failed(self.partition()?, self.text()?),
            b'C' => Frame::More(self.text()?),
            b'Z' => Frame::End,
            _ => return Err(CutShort),
        };
        Ok(Some(frame))
    }

    fn partition(&mut self) -> Result<PartitionId, CutShort> {
        self.left.try_get_u16_le().map(PartitionId).map_err(|_| CutShort)
    }

    fn length(&mut self) -> Result<usize, CutShort> {
        self.left.try_get_u32_le().map(|length| length as usize).map_err(|_| CutShort)
    }

    fn text(&mut self) -> Result<String, CutShort> {
        let length = self.length()?;
        String::from_utf8(self.bytes(length)?.to_vec()).map_err(|_| CutShort)
    }

    fn bytes(&mut self, length: usize) -> Result<Bytes, CutShort> {
        if length > self.left.len() { Err(CutShort) } else { Ok(self.left.split_to(length)) }
    }
}

/// A body is not made of whole frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CutShort;

impl std::fmt::Display for CutShort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the stream of records is cut short or damaged")
    }
}

impl std::error::Error for CutShort {}

#[cfg(test)]
mod tests {
    use super::{CutShort, Frame, FrameReader, write_frame};
    use crate::part::Entry;
    use bytes::Bytes;
    use ring::PartitionId;

    #[test]
    fn frames_come_back_and_halves_of_them_do_not() {
        let frames = [
            Frame::Entry(Entry { key: vec![1, 2], value: Bytes::from_static(b"value") }),
            Frame::Failed(PartitionId(3), "why".to_owned()),
            Frame::Complete(PartitionId(4)),
            Frame::More("cursor".to_owned()),
            Frame::End,
        ];
        for frame in frames {
            let mut out = Vec::new();
            write_frame(&mut out, &frame);
            let body = Bytes::from(out);
            for end in 1..body.len() {
                assert_eq!(FrameReader::new(body.slice(..end)).next_frame(), Err(CutShort), "{frame:?} cut at {end}");
            }
            let mut reader = FrameReader::new(body);
            assert_eq!(reader.next_frame(), Ok(Some(frame)));
            assert_eq!(reader.next_frame(), Ok(None));
        }
        assert_eq!(FrameReader::new(Bytes::from_static(b"?")).next_frame(), Err(CutShort));
    }
}
