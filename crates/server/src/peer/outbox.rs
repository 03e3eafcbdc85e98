//! Messages that wait to be written to one peer on one lane.
//!
//! Invariant: what waits is bounded by count and by bytes; a message that alone is larger than the bound still fits
//! an empty outbox, so that no legal message is impossible to send. When the control lane is full its oldest gossip
//! goes, because newer gossip says more; when the data lane is full the newcomer is refused.
//! Refuses to know sockets, and whether the peer can be reached.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::{Lane, Message};
use tokio::sync::Notify;

use crate::peer::weight;

/// Bounds of one outbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutboxLimits {
    /// Messages.
    pub(crate) count: usize,
    /// Their bytes, about.
    pub(crate) bytes: usize,
}

impl OutboxLimits {
    /// What the lanes may hold.
    pub(crate) const fn of(lane: Lane) -> OutboxLimits {
        match lane {
            Lane::Control => OutboxLimits { count: 1_024, bytes: 4 << 20 },
            Lane::Data => OutboxLimits { count: 16_384, bytes: 64 << 20 },
        }
    }
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pushed {
    /// It waits.
    Queued,
    /// It waits, and an older one was dropped for it.
    Replaced,
    /// It was dropped.
    Refused,
}

/// Messages that wait.
#[derive(Debug)]
pub(crate) struct Outbox {
    lane: Lane,
    limits: OutboxLimits,
    queue: Mutex<Queue>,
    /// Given when the queue stops being empty.
    filled: Notify,
}

#[derive(Default, Debug)]
struct Queue {
    messages: VecDeque<(usize, Message)>,
    bytes: usize,
}

impl Outbox {
    pub(crate) fn new(lane: Lane, limits: OutboxLimits) -> Outbox {
        Outbox { lane, limits, queue: Mutex::default(), filled: Notify::new() }
    }

    /// Lets a message wait, if there is room.
    pub(crate) fn push(&self, message: Message) -> Pushed {
        let weight = weight::of(&message);
        let mut queue = self.queue();
        let mut pushed = Pushed::Queued;
        while !queue.has_room(weight, self.limits) {
            if self.lane == Lane::Data {
                return Pushed::Refused;
            }
            queue.drop_oldest_gossip();
            pushed = Pushed::Replaced;
        }
        let was_empty = queue.messages.is_empty();
        queue.push(weight, message);
        if was_empty {
            self.filled.notify_one();
        }
        pushed
    }

    /// Waits until there are messages and takes the oldest: at least one, and then as many as fit into `bytes`.
    pub(crate) async fn take(&self, bytes: usize) -> Vec<Message> {
        loop {
            let taken = self.queue().take(bytes);
            if !taken.is_empty() {
                return taken;
            }
            self.filled.notified().await;
        }
    }

    /// Drops everything that waits, and says how much that was.
    pub(crate) fn clear(&self) -> usize {
        std::mem::take(&mut *self.queue()).messages.len()
    }

    /// Messages that wait, and their bytes, about.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let queue = self.queue();
        (queue.messages.len(), queue.bytes)
    }

    /// True if nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue().messages.is_empty()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing in here panics half way through a change.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn has_room(&self, weight: usize, limits: OutboxLimits) -> bool {
        self.messages.is_empty() || (self.messages.len() < limits.count && self.bytes + weight <= limits.bytes)
    }

    fn push(&mut self, weight: usize, message: Message) {
        self.bytes += weight;
        self.messages.push_back((weight, message));
    }

    fn pop(&mut self) -> Option<Message> {
        let (weight, message) = self.messages.pop_front()?;
        self.bytes -= weight;
        Some(message)
    }

    fn take(&mut self, bytes: usize) -> Vec<Message> {
        // Mostly all of them, and no more than may wait.
        let (mut taken, mut room) = (Vec::with_capacity(self.messages.len()), bytes);
        while let Some((weight, _)) = self.messages.front() {
            if *weight > room && !taken.is_empty() {
                break;
            }
            room = room.saturating_sub(*weight);
            taken.extend(self.pop());
        }
        taken
    }

    /// Drops the oldest gossip, or the oldest message if there is none.
    fn drop_oldest_gossip(&mut self) {
        let gossip = self.messages.iter().position(|(_, message)| matches!(message, Message::Gossip { .. }));
        if let Some((weight, _)) = self.messages.remove(gossip.unwrap_or(0)) {
            self.bytes -= weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Outbox, OutboxLimits, Pushed};
    use bytes::Bytes;
    use proto::{BucketId, Digest, Epoch, ItemKey, Lane, Message, OpId};
    use std::sync::Arc;

    const LIMITS: OutboxLimits = OutboxLimits { count: 3, bytes: 1_000 };

    fn gossip(epoch: u64) -> Message {
        Message::Gossip { epoch: Epoch(epoch), head: Digest::default(), progress: Vec::new(), answer: false }
    }

    fn read(op: u64, key_bytes: usize) -> Message {
        let key = ItemKey::plain(Bytes::from(vec![0; key_bytes]));
        Message::Read { op: OpId(op), epoch: Epoch(1), bucket: BucketId::DEFAULT, key }
    }

    #[tokio::test]
    async fn a_full_data_lane_refuses() {
        let outbox = Outbox::new(Lane::Data, LIMITS);
        assert_eq!(outbox.push(read(1, 400)), Pushed::Queued);
        assert_eq!(outbox.push(read(2, 600)), Pushed::Refused);
        assert_eq!(outbox.push(read(3, 1)), Pushed::Queued);
        assert_eq!(outbox.push(read(4, 1)), Pushed::Queued);
        assert_eq!(outbox.push(read(5, 1)), Pushed::Refused);
        assert_eq!(outbox.take(usize::MAX).await, [read(1, 400), read(3, 1), read(4, 1)]);
        assert!(outbox.is_empty());
        assert_eq!(outbox.push(read(6, 600)), Pushed::Queued);
    }

    #[tokio::test]
    async fn a_message_larger_than_the_bound_fits_an_empty_outbox() {
        let outbox = Outbox::new(Lane::Data, LIMITS);
        assert_eq!(outbox.push(read(1, 5_000)), Pushed::Queued);
        assert_eq!(outbox.push(read(2, 1)), Pushed::Refused);
        assert_eq!(outbox.take(100).await.len(), 1);
    }

    #[tokio::test]
    async fn a_full_control_lane_drops_its_oldest_gossip() {
        let outbox = Outbox::new(Lane::Control, LIMITS);
        for message in [Message::Ping { nonce: 1 }, gossip(1), gossip(2)] {
            assert_eq!(outbox.push(message), Pushed::Queued);
        }
        assert_eq!(outbox.push(gossip(3)), Pushed::Replaced);
        assert_eq!(outbox.push(Message::Ping { nonce: 2 }), Pushed::Replaced);
        let expected = [Message::Ping { nonce: 1 }, gossip(3), Message::Ping { nonce: 2 }];
        assert_eq!(outbox.take(usize::MAX).await, expected);
    }

    #[tokio::test]
    async fn frames_are_cut_by_bytes() {
        let outbox = Outbox::new(Lane::Data, OutboxLimits::of(Lane::Data));
        (0..10).for_each(|op| assert_eq!(outbox.push(read(op, 1_000)), Pushed::Queued));
        assert_eq!(outbox.take(3_500).await.len(), 3);
        let (messages, bytes) = outbox.waiting();
        assert!(messages == 7 && bytes >= 7_000, "{messages} {bytes}");
        assert_eq!(outbox.take(1).await.len(), 1);
        assert_eq!(outbox.clear(), 6);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let outbox = Arc::new(Outbox::new(Lane::Data, LIMITS));
        let taker = tokio::spawn({
            let outbox = Arc::clone(&outbox);
            async move { outbox.take(usize::MAX).await }
        });
        tokio::task::yield_now().await;
        outbox.push(read(1, 1));
        outbox.push(read(2, 1));
        assert_eq!(taker.await.unwrap().len(), 2);
    }
}
