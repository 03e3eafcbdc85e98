//! Room for reading requests, lent to the connection that reads.
//!
//! Invariant: what is kept is one piece of [`READ_BYTES`], whose bytes nobody else holds. So ten thousand silent connections have no room,
//! and those that take turns read into memory that the processor still has at hand.
//! Refuses to know what is read.

use bytes::BytesMut;
use std::sync::{Mutex, PoisonError};

/// Room made for each read.
pub(super) const READ_BYTES: usize = 16 << 10;

/// The room that nobody has at the moment.
#[derive(Default)]
pub(crate) struct Room(Mutex<Option<BytesMut>>);

impl Room {
    /// Room that is empty, if there is some; else whoever reads makes it.
    pub(super) fn lend(&self) -> BytesMut {
        self.kept().take().unwrap_or_default()
    }

    /// What is not needed for now. It is kept if it is whole: no request that was read into it is under way, and it is not
    /// larger than others need.
    pub(super) fn give_back(&self, mut room: BytesMut) {
        if room.is_empty() && room.try_reclaim(READ_BYTES) && room.capacity() < 2 * READ_BYTES {
            *self.kept() = Some(room);
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<BytesMut>> {
        // Nothing in here can panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{READ_BYTES, Room};
    use bytes::{BufMut as _, BytesMut};

    #[test]
    fn room_goes_round_and_what_is_in_use_or_large_does_not() {
        let room = Room::default();
        assert_eq!(room.lend().capacity(), 0);
        let mut piece = BytesMut::with_capacity(READ_BYTES);
        piece.put_slice(b"PING");
        let request = piece.split().freeze();
        room.give_back(piece);
        assert_eq!(room.lend().capacity(), 0, "a request still holds it");
        drop(request);
        let mut piece = BytesMut::with_capacity(READ_BYTES);
        piece.put_slice(b"PING");
        drop(piece.split());
        room.give_back(piece);
        let lent = room.lend();
        assert!(lent.capacity() >= READ_BYTES && lent.is_empty());
        assert_eq!(room.lend().capacity(), 0, "it is lent once");
        room.give_back(BytesMut::with_capacity(64 * READ_BYTES));
        assert_eq!(room.lend().capacity(), 0);
    }
}
