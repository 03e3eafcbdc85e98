//! What is going to happen, in order of time.
//!
//! Invariant: events of one moment come in the order in which they were added, so a run depends on its plan alone.
//! Refuses to know what an event is.

use crate::time::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Events to come.
pub(crate) struct Queue<E> {
    heap: BinaryHeap<Reverse<(Time, u64, usize)>>,
    slots: Vec<Option<E>>,
    free: Vec<usize>,
    added: u64,
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Queue<E> {
        Queue { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), added: 0 }
    }

    /// Lets `event` happen at `at`, behind everything that was added for that moment before.
    pub(crate) fn add(&mut self, at: Time, event: E) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[slot] = Some(event);
        self.added += 1;
        self.heap.push(Reverse((at, self.added, slot)));
    }

    /// The next event if it happens at `end` or before.
    pub(crate) fn next_until(&mut self, end: Time) -> Option<(Time, E)> {
        let Reverse((at, _, slot)) = *self.heap.peek().filter(|Reverse((at, ..))| *at <= end)?;
        self.heap.pop();
        self.free.push(slot);
        self.slots[slot].take().map(|event| (at, event))
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;
    use crate::time::Time;

    #[test]
    fn time_first_then_the_order_of_adding() {
        let mut queue = Queue::new();
        for (at, name) in [(5, "c"), (1, "a"), (5, "d"), (2, "b"), (9, "late")] {
            queue.add(Time(at), name);
        }
        let mut seen = Vec::new();
        while let Some((_, name)) = queue.next_until(Time(8)) {
            seen.push(name);
        }
        assert_eq!(seen, ["a", "b", "c", "d"]);
        queue.add(Time(9), "later");
        assert_eq!(queue.next_until(Time(9)), Some((Time(9), "late")));
    }
}
