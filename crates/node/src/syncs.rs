//! When an fsync is asked for: at once if an outcome waits for it, and within a second for what nobody waits for.
//!
//! Invariant: every applied batch is asked for, at the latest [`MEMORY_SYNC`] after it was applied, unless it is on disk by
//! then. Refuses to know what waits and why.

use stdx::{Mono, Span};
use storage::Seq;

/// How long what was acknowledged from memory may stay out of every fsync (Redis: `appendfsync everysec`).
pub(crate) const MEMORY_SYNC: Span = Span::secs(1);

/// What was asked for, and when the rest is due.
pub(crate) struct Syncs {
    /// The newest batch for which an fsync was asked, or which is on disk.
    asked: Seq,
    /// When what was applied since is asked for at the latest.
    due: Option<Mono>,
}

impl Syncs {
    /// Everything up to `durable` is on disk or asked for.
    pub(crate) fn new(durable: Seq) -> Syncs {
        Syncs { asked: durable, due: None }
    }

    /// The batch to ask for now, if any: everything up to `applied` is visible, and somebody waits for `awaited`.
    pub(crate) fn wanted(&mut self, now: Mono, applied: Seq, awaited: Option<Seq>) -> Option<Seq> {
        if applied <= self.asked {
            return None;
        }
        let due = *self.due.get_or_insert(now + MEMORY_SYNC);
        let is_awaited = awaited.is_some_and(|awaited| awaited > self.asked);
        if !is_awaited && now < due {
            return None;
        }
        (self.asked, self.due) = (applied, None);
        Some(applied)
    }

    /// An fsync has ended, which may have covered more than was asked.
    pub(crate) fn synced(&mut self, durable: Seq, applied: Seq) {
        self.asked = self.asked.max(durable);
        if applied <= self.asked {
            self.due = None;
        }
    }

    /// The newest batch for which an fsync was asked.
    pub(crate) fn asked(&self) -> Seq {
        self.asked
    }

    /// When to look again.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::{MEMORY_SYNC, Syncs};
    use stdx::{Mono, Span};
    use storage::Seq;

    const START: Mono = Mono(7_000_000);

    #[test]
    fn who_waits_is_served_at_once_and_takes_all_others_along() {
        let mut syncs = Syncs::new(Seq(3));
        assert_eq!(syncs.wanted(START, Seq(3), None), None);
        assert_eq!(syncs.wanted(START, Seq(5), None), None, "nobody waits");
        assert_eq!(syncs.wanted(START, Seq(6), Some(Seq(6))), Some(Seq(6)));
        assert_eq!((syncs.asked(), syncs.deadline()), (Seq(6), None));
        assert_eq!(syncs.wanted(START, Seq(6), Some(Seq(6))), None, "it is asked for");
        assert_eq!(syncs.wanted(START, Seq(7), Some(Seq(6))), None, "who waits for an earlier one needs no other");
    }

    #[test]
    fn what_nobody_waits_for_is_asked_for_after_a_second_that_later_writes_do_not_put_off() {
        let mut syncs = Syncs::new(Seq(0));
        assert_eq!(syncs.wanted(START, Seq(1), None), None);
        let due = START + MEMORY_SYNC;
        assert_eq!(syncs.deadline(), Some(due));
        assert_eq!(syncs.wanted(START + Span::millis(999), Seq(2), None), None);
        assert_eq!(syncs.wanted(due, Seq(2), None), Some(Seq(2)));
        assert_eq!(syncs.deadline(), None);
    }

    #[test]
    fn an_fsync_that_covers_more_than_was_asked_spares_the_next() {
        let mut syncs = Syncs::new(Seq(0));
        assert_eq!(syncs.wanted(START, Seq(1), Some(Seq(1))), Some(Seq(1)));
        assert_eq!(syncs.wanted(START, Seq(2), None), None);
        syncs.synced(Seq(1), Seq(2));
        assert_eq!(syncs.deadline(), Some(START + MEMORY_SYNC), "the second is not on disk");
        syncs.synced(Seq(2), Seq(2));
        assert_eq!((syncs.deadline(), syncs.wanted(START + Span::secs(9), Seq(2), None)), (None, None));
    }
}
