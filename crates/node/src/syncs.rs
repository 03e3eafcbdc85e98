//! When an fsync is asked for: at once if an outcome waits for it that somebody is in a hurry for, after a few milliseconds if only
//! such outcomes wait as can (moving data: fsyncs that follow each other without a pause keep the disk from clients), and
//! within a second for what nobody waits for.
//!
//! Invariant: every applied batch is asked for, at the latest [`MEMORY_SYNC`] after it was applied, unless it is on disk by
//! then. Refuses to know what waits and why.

use stdx::{Mono, Span};
use storage::Seq;

/// How long what was acknowledged from memory may stay out of every fsync (Redis: `appendfsync everysec`).
pub(crate) const MEMORY_SYNC: Span = Span::secs(1);

/// How long outcomes that nobody is in a hurry for wait for others to share their fsync.
pub(crate) const SHARED_SYNC: Span = Span::millis(5);

/// The newest batches that outcomes wait for.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Awaited {
    /// By those that somebody is in a hurry for.
    pub(crate) at_once: Option<Seq>,
    /// By any.
    pub(crate) at_all: Option<Seq>,
}

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

    /// The batch to ask for now, if any: everything up to `applied` is visible, and outcomes wait for `awaited`.
    pub(crate) fn wanted(&mut self, now: Mono, applied: Seq, awaited: Awaited) -> Option<Seq> {
        if applied <= self.asked {
            return None;
        }
        let is_asked = |awaited: Option<Seq>| awaited.is_none_or(|awaited| awaited <= self.asked);
        let within = if is_asked(awaited.at_all) { MEMORY_SYNC } else { SHARED_SYNC };
        let due = self.due.map_or(now + within, |due| due.min(now + within));
        self.due = Some(due);
        if is_asked(awaited.at_once) && now < due {
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
    use super::{Awaited, MEMORY_SYNC, SHARED_SYNC, Syncs};
    use stdx::{Mono, Span};
    use storage::Seq;

    const START: Mono = Mono(7_000_000);
    const NOBODY: Awaited = Awaited { at_once: None, at_all: None };

    fn in_a_hurry(seq: u64) -> Awaited {
        Awaited { at_once: Some(Seq(seq)), at_all: Some(Seq(seq)) }
    }

    #[test]
    fn who_waits_is_served_at_once_and_takes_all_others_along() {
        let mut syncs = Syncs::new(Seq(3));
        assert_eq!(syncs.wanted(START, Seq(3), NOBODY), None);
        assert_eq!(syncs.wanted(START, Seq(5), NOBODY), None, "nobody waits");
        assert_eq!(syncs.wanted(START, Seq(6), in_a_hurry(6)), Some(Seq(6)));
        assert_eq!((syncs.asked(), syncs.deadline()), (Seq(6), None));
        assert_eq!(syncs.wanted(START, Seq(6), in_a_hurry(6)), None, "it is asked for");
        assert_eq!(syncs.wanted(START, Seq(7), in_a_hurry(6)), None, "who waits for an earlier one needs no other");
    }

    #[test]
    fn what_nobody_waits_for_is_asked_for_after_a_second_that_later_writes_do_not_put_off() {
        let mut syncs = Syncs::new(Seq(0));
        assert_eq!(syncs.wanted(START, Seq(1), NOBODY), None);
        let due = START + MEMORY_SYNC;
        assert_eq!(syncs.deadline(), Some(due));
        assert_eq!(syncs.wanted(START + Span::millis(999), Seq(2), NOBODY), None);
        assert_eq!(syncs.wanted(due, Seq(2), NOBODY), Some(Seq(2)));
        assert_eq!(syncs.deadline(), None);
    }

    #[test]
    fn an_fsync_that_covers_more_than_was_asked_spares_the_next() {
        let mut syncs = Syncs::new(Seq(0));
        assert_eq!(syncs.wanted(START, Seq(1), in_a_hurry(1)), Some(Seq(1)));
        assert_eq!(syncs.wanted(START, Seq(2), NOBODY), None);
        syncs.synced(Seq(1), Seq(2));
        assert_eq!(syncs.deadline(), Some(START + MEMORY_SYNC), "the second is not on disk");
        syncs.synced(Seq(2), Seq(2));
        assert_eq!((syncs.deadline(), syncs.wanted(START + Span::secs(9), Seq(2), NOBODY)), (None, None));
    }

    #[test]
    fn who_can_wait_shares_the_fsync_of_who_cannot_and_waits_for_no_more_than_a_few_milliseconds() {
        let patient = |seq: u64| Awaited { at_once: None, at_all: Some(Seq(seq)) };
        let mut syncs = Syncs::new(Seq(0));
        assert_eq!(syncs.wanted(START, Seq(1), NOBODY), None);
        assert_eq!(syncs.wanted(START + Span::millis(1), Seq(2), patient(2)), None);
        let due = START + Span::millis(1) + SHARED_SYNC;
        assert_eq!(syncs.wanted(START + Span::millis(2), Seq(3), patient(3)), None);
        assert_eq!(syncs.deadline(), Some(due), "those that follow do not put it off");
        assert_eq!(syncs.wanted(due, Seq(3), patient(3)), Some(Seq(3)));
        assert_eq!(syncs.wanted(due, Seq(4), patient(4)), None);
        let hurry = Awaited { at_once: Some(Seq(5)), at_all: Some(Seq(5)) };
        assert_eq!(syncs.wanted(due, Seq(5), hurry), Some(Seq(5)));
        assert_eq!(syncs.deadline(), None);
    }
}
