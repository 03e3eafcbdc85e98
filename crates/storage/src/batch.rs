//! A batch: changes that become visible and durable together.
//!
//! Invariant: changes take effect in the order in which they were added, so the last change to a key wins, and a put
//! that follows a range deletion survives it.
//! Refuses to know any engine; the bounds on keys and values are those of the narrowest one.

use bytes::Bytes;

use crate::error::StorageError;
use crate::space::Space;

/// The longest key an engine accepts.
pub const KEY_BYTES_MAX: usize = u16::MAX as usize;

/// The longest value an engine accepts.
pub const VALUE_BYTES_MAX: usize = u32::MAX as usize;

/// One change to one space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets the value of a key.
    Put {
        /// Where.
        space: Space,
        /// The key, 1 to [`KEY_BYTES_MAX`] bytes.
        key: Vec<u8>,
        /// Its new value.
        value: Bytes,
    },
    /// Removes a key if it is there.
    Delete {
        /// Where.
        space: Space,
        /// The key, 1 to [`KEY_BYTES_MAX`] bytes.
        key: Vec<u8>,
    },
    /// Removes every key from `start` (inclusive) to `end` (exclusive).
    DeleteRange {
        /// Where.
        space: Space,
        /// The first key to go; empty means from the beginning.
        start: Vec<u8>,
        /// The first key to stay; `None` means to the end of the space.
        end: Option<Vec<u8>>,
    },
}

/// Changes to apply together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<Change>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Sets `key` to `value`. An engine may keep `value` in memory for long: a slice of a large buffer keeps the buffer.
    pub fn put(&mut self, space: Space, key: impl Into<Vec<u8>>, value: impl Into<Bytes>) {
        self.changes.push(Change::Put { space, key: key.into(), value: value.into() });
    }

    /// Removes `key`.
    pub fn delete(&mut self, space: Space, key: impl Into<Vec<u8>>) {
        self.changes.push(Change::Delete { space, key: key.into() });
    }

    /// Removes every key from `start` (inclusive) to `end` (exclusive; `None` is the end of the space).
    pub fn delete_range(&mut self, space: Space, start: impl Into<Vec<u8>>, end: Option<Vec<u8>>) {
        self.changes.push(Change::DeleteRange { space, start: start.into(), end });
    }

    /// True if the batch changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes in the order in which they take effect.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The changes by value, for an engine.
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// Bytes of all keys and values, for callers that bound their batches.
    pub fn bytes(&self) -> usize {
        self.changes.iter().map(Change::bytes).sum()
    }

    /// Refuses keys and values that no engine could store, before anything is changed.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        self.changes.iter().try_for_each(Change::check)
    }
}

impl From<Vec<Change>> for Batch {
    fn from(changes: Vec<Change>) -> Batch {
        Batch { changes }
    }
}

impl Change {
    fn bytes(&self) -> usize {
        match self {
            Change::Put { key, value, .. } => key.len() + value.len(),
            Change::Delete { key, .. } => key.len(),
            Change::DeleteRange { start, end, .. } => start.len() + end.as_ref().map_or(0, Vec::len),
        }
    }

    fn check(&self) -> Result<(), StorageError> {
        match self {
            Change::Put { key, value, .. } => check_key(key).and_then(|()| check_value(value)),
            Change::Delete { key, .. } => check_key(key),
            Change::DeleteRange { .. } => Ok(()),
        }
    }
}

fn check_key(key: &[u8]) -> Result<(), StorageError> {
    match key.len() {
        0 => Err(StorageError::KeyEmpty),
        len if len > KEY_BYTES_MAX => Err(StorageError::KeyTooLong { len, max: KEY_BYTES_MAX }),
        _ => Ok(()),
    }
}

fn check_value(value: &Bytes) -> Result<(), StorageError> {
    match value.len() {
        len if len > VALUE_BYTES_MAX => Err(StorageError::ValueTooLong { len, max: VALUE_BYTES_MAX }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Batch, KEY_BYTES_MAX};
    use crate::error::StorageError;
    use crate::space::Space;

    #[test]
    fn refuses_keys_no_engine_can_store() {
        let mut batch = Batch::new();
        batch.put(Space::Items, vec![7; KEY_BYTES_MAX], "fits");
        assert_eq!(batch.check(), Ok(()));
        batch.delete(Space::Items, vec![7; KEY_BYTES_MAX + 1]);
        assert_eq!(batch.check(), Err(StorageError::KeyTooLong { len: KEY_BYTES_MAX + 1, max: KEY_BYTES_MAX }));
        let mut batch = Batch::new();
        batch.put(Space::Meta, vec![], "no key");
        assert_eq!(batch.check(), Err(StorageError::KeyEmpty));
    }

    #[test]
    fn counts_bytes_of_keys_and_values() {
        let mut batch = Batch::new();
        batch.put(Space::Items, *b"key", "value");
        batch.delete(Space::Items, *b"key");
        batch.delete_range(Space::Hints, *b"a", Some(b"bc".to_vec()));
        assert_eq!(batch.bytes(), 8 + 3 + 3);
    }
}
