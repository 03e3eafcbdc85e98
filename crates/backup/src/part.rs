//! A part: the records of one partition of the ring, as they are stored, bucket by bucket in storage order.
//!
//! ```text
//! "ALZP" │ format 1 │ partition 2 │ ( key length 4 │ value length 4 │ storage key │ stored value )* │ 0 4 │ 0 4 │ count 8
//! ```
//!
//! Numbers are little-endian. Its name is the BLAKE3 hash of all of it, so equal content has equal names.
//!
//! Invariant: a reader holds one entry at a time, whatever the lengths say.

use crate::error::Error;
use bytes::Bytes;
use proto::Digest;
use ring::PartitionId;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 4] = b"ALZP";
const FORMAT: u8 = 1;
/// Larger parts are written to disk as they grow.
const MEMORY_MAX: usize = 4 << 20;
/// No stored value is longer.
const VALUE_BYTES_MAX: usize = 128 << 20;

/// One record: its storage key, and its value with its checksum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// As in the space `items`.
    pub key: Vec<u8>,
    /// As in the space `items`.
    pub value: Bytes,
}

/// A part being made.
pub struct PartWriter {
    partition: PartitionId,
    hasher: blake3::Hasher,
    memory: Vec<u8>,
    /// Where it goes when it is too large for memory.
    spill_to: PathBuf,
    spilled: Option<File>,
    bytes: u64,
    items: u64,
}

/// A part that is complete but not in its place yet.
pub(crate) struct Finished {
    pub(crate) hash: Digest,
    pub(crate) items: u64,
    pub(crate) bytes: u64,
    pub(crate) memory: Vec<u8>,
    pub(crate) spilled: Option<(PathBuf, File)>,
}

impl PartWriter {
    pub(crate) fn new(partition: PartitionId, spill_to: PathBuf) -> PartWriter {
        let (hasher, memory) = (blake3::Hasher::new(), Vec::new());
        PartWriter { partition, hasher, memory, spill_to, spilled: None, bytes: 0, items: 0 }
    }

    /// The partition it is of.
    pub fn partition(&self) -> PartitionId {
        self.partition
    }

    /// Entries so far.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// Adds an entry.
    pub fn add(&mut self, entry: &Entry) -> Result<(), Error> {
        if self.items == 0 {
            let mut head = MAGIC.to_vec();
            head.push(FORMAT);
            head.extend_from_slice(&self.partition.0.to_le_bytes());
            self.write(&head)?;
        }
        self.items += 1;
        self.write(&lengths(entry.key.len(), entry.value.len()))?;
        self.write(&entry.key)?;
        self.write(&entry.value)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.memory.extend_from_slice(bytes);
        if self.memory.len() >= MEMORY_MAX { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), Error> {
        let failed = |error: io::Error| Error::io("write", &self.spill_to, &error);
        if self.spilled.is_none() {
            self.spilled = Some(File::create_new(&self.spill_to).map_err(failed)?);
        }
        if let Some(file) = &mut self.spilled {
            file.write_all(&self.memory).map_err(failed)?;
        }
        self.memory.clear();
        Ok(())
    }

    /// Completes it; `None` if it is empty.
    pub(crate) fn finish(mut self) -> Result<Option<Finished>, Error> {
        if self.items == 0 {
            return Ok(None);
        }
        self.write(&lengths(0, 0))?;
        self.write(&self.items.to_le_bytes())?;
        if self.spilled.is_some() {
            self.spill()?;
        }
        let spill_to = self.spill_to;
        Ok(Some(Finished {
            hash: Digest(*self.hasher.finalize().as_bytes()),
            items: self.items,
            bytes: self.bytes,
            memory: self.memory,
            spilled: self.spilled.map(|file| (spill_to, file)),
        }))
    }
}

fn lengths(key: usize, value: usize) -> [u8; 8] {
    let (key, value) = ((key as u32).to_le_bytes(), (value as u32).to_le_bytes());
    [key[0], key[1], key[2], key[3], value[0], value[1], value[2], value[3]]
}

/// Reads a part, entry by entry.
pub struct PartReader<R> {
    from: R,
    hasher: blake3::Hasher,
    partition: PartitionId,
    items: u64,
}

impl<R: Read> PartReader<R> {
    /// Reads the head.
    pub fn new(mut from: R) -> Result<PartReader<R>, String> {
        let mut hasher = blake3::Hasher::new();
        let head: [u8; 7] = take(&mut from, &mut hasher)?;
        if &head[..4] != MAGIC {
            return Err("it is no part of a backup".to_owned());
        }
        if head[4] != FORMAT {
            return Err(format!("it has format {}, and this version knows {FORMAT}", head[4]));
        }
        let partition = PartitionId(u16::from_le_bytes([head[5], head[6]]));
        Ok(PartReader { from, hasher, partition, items: 0 })
    }

    /// The partition it is of.
    pub fn partition(&self) -> PartitionId {
        self.partition
    }

    /// The next entry; `None` at the end, which is then checked: nothing may follow.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, String> {
        let key = u32::from_le_bytes(take(&mut self.from, &mut self.hasher)?) as usize;
        let value = u32::from_le_bytes(take(&mut self.from, &mut self.hasher)?) as usize;
        if (key, value) == (0, 0) {
            return self.end().map(|()| None);
        }
        if key == 0 || key > codec::SLOT_KEY_BYTES_MAX || value > VALUE_BYTES_MAX {
            return Err(format!("entry {} is of an impossible length", self.items));
        }
        self.items += 1;
        let key = self.bytes(key)?;
        let value = self.bytes(value)?.into();
        Ok(Some(Entry { key, value }))
    }

    fn end(&mut self) -> Result<(), String> {
        let count = u64::from_le_bytes(take(&mut self.from, &mut self.hasher)?);
        if count != self.items {
            return Err(format!("it has {} entries and says {count}", self.items));
        }
        match self.from.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err("something follows its end".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Entries read so far.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// The hash of everything read.
    pub fn hash(&self) -> Digest {
        Digest(*self.hasher.finalize().as_bytes())
    }

    /// Bytes of a length that was only said to be: memory grows with what is really there.
    fn bytes(&mut self, len: usize) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let read = (&mut self.from).take(len as u64).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if read < len {
            return Err("it ends in the middle".to_owned());
        }
        self.hasher.update(&bytes);
        Ok(bytes)
    }
}

fn take<const N: usize>(from: &mut impl Read, hasher: &mut blake3::Hasher) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends in the middle".to_owned(),
        _ => error.to_string(),
    })?;
    hasher.update(&bytes);
    Ok(bytes)
}

/// Reads a part to its end, checking everything that can be: its name, its partition, every record in it. Calls `each`
/// for every entry, which is trusted only when all of it has been read.
pub fn read_all(
    path: &Path,
    hash: Digest,
    partition: PartitionId,
    each: &mut dyn FnMut(Entry) -> Result<(), Error>,
) -> Result<u64, Error> {
    let file = File::open(path).map_err(|error| Error::io("read", path, &error))?;
    let damaged = |what: String| Error::damaged(path, what);
    let mut reader = PartReader::new(io::BufReader::with_capacity(1 << 16, file)).map_err(damaged)?;
    if reader.partition() != partition {
        return Err(damaged(format!("it is of partition {} instead of {}", reader.partition().0, partition.0)));
    }
    while let Some(entry) = reader.next_entry().map_err(damaged)? {
        let whole = codec::parse_slot_key(&entry.key).map(|slot| slot.partition == partition);
        let whole = whole.and_then(|own| codec::decode_stored(&entry.key, &entry.value).map(|_| own));
        match whole {
            Ok(true) => each(entry)?,
            Ok(false) => return Err(damaged("a record in it belongs to another partition".to_owned())),
            Err(error) => return Err(damaged(error.to_string())),
        }
    }
    if reader.hash() != hash {
        return Err(damaged("its content is not what its name says".to_owned()));
    }
    Ok(reader.items())
}

#[cfg(test)]
mod tests {
    use super::{Entry, PartReader, PartWriter};
    use proptest::prelude::*;
    use ring::PartitionId;
    use std::path::PathBuf;

    fn part(entries: &[Entry]) -> Option<(Vec<u8>, [u8; 32])> {
        let mut writer = PartWriter::new(PartitionId(7), PathBuf::from("never used"));
        entries.iter().for_each(|entry| writer.add(entry).unwrap());
        writer.finish().unwrap().map(|part| (part.memory, part.hash.0))
    }

    fn read(bytes: &[u8]) -> Result<(Vec<Entry>, [u8; 32]), String> {
        let mut reader = PartReader::new(bytes)?;
        let mut entries = Vec::new();
        while let Some(entry) = reader.next_entry()? {
            entries.push(entry);
        }
        Ok((entries, reader.hash().0))
    }

    #[test]
    fn nothing_makes_no_part() {
        assert!(part(&[]).is_none());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_every_flipped_byte_shows(
            entries in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..40), prop::collection::vec(any::<u8>(), 0..60)), 1..6),
            at: prop::sample::Index, flip in 1..=255_u8,
        ) {
            let entries: Vec<Entry> = entries.into_iter().map(|(key, value)| Entry { key, value: value.into() }).collect();
            let (bytes, hash) = part(&entries).unwrap();
            prop_assert_eq!(read(&bytes), Ok((entries, hash)));
            let mut bad = bytes.clone();
            bad[at.index(bytes.len())] ^= flip;
            prop_assert!(read(&bad).map_or(true, |(_, got)| got != hash));
            prop_assert!(read(&bytes[..at.index(bytes.len())]).is_err());
        }
    }
}
