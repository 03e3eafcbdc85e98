//! Reads that this node can answer by itself at once: one answer is enough, and it holds a copy.
//!
//! Invariant: the answer is what `Reading` would give; whatever needs an operation (a ring that changes, another replica, a
//! copy that is not on disk) is not answered here. Refuses to know storage: the slot goes out, the record comes in.

use super::Machine;
use crate::bucket::Mode;
use crate::coordinator::{check_key, found};
use crate::item::Slot;
use crate::record::Record;
use crate::request::{Get, Response};
use crate::waits::Kind;
use stdx::Now;

impl Machine {
    /// The slot whose record answers this read of a client, if that of this node is enough.
    pub fn slot_of_own(&self, get: &Get) -> Option<Slot> {
        let core = &self.core;
        let is_busy = self.ops.unanswered() >= core.config.requests_max;
        if is_busy || core.stable() != core.epoch() || core.ejected().is_some() || self.transition.is_out(core) {
            return None;
        }
        let bucket = core.history.current().bucket(&get.bucket).filter(|bucket| bucket.mode == Mode::Eventual)?;
        check_key(core, &get.key).ok()?;
        let slot = Slot::new(self.grid(), bucket.id, get.key.clone());
        let replicas = core.read_set(slot.partition, slot.bucket);
        let level = get.level.unwrap_or(bucket.r);
        let is_enough = level.needed(replicas.len()) == Some(1) && replicas.contains(&core.node);
        is_enough.then_some(slot)
    }

    /// The answer to a read whose slot [`Machine::slot_of_own`] gave, from what is on disk there.
    pub fn answer_of_own(&mut self, now: Now, record: Option<&Record>) -> Response {
        self.core.now = now;
        if let Some(stamp) = record.and_then(Record::highest_stamp) {
            self.core.observe(stamp);
        }
        self.core.waits.note(now.mono, Kind::Read, stdx::Span::ZERO, false);
        stdx::marks::hit("read_answered_alone");
        Response::Found(found(record, now.wall, 1))
    }
}
