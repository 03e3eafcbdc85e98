//! Records that the disk damaged are fetched from the other replicas.
//!
//! A damaged slot is *unknown*: it refuses reads and takes nothing in, or one replica that is behind would make an
//! acknowledged write unreadable. Its other replicas are asked what they hold, and their merge takes the damaged bytes'
//! place when so many have answered that each write a quorum acknowledged is among the answers: of n replicas with
//! quorum q, q − 1 others hold it at least, so n − q + 1 of the n − 1 others meet them. Where all the others have
//! answered and some of them are damaged there, too, what is left is taken: nobody knows more.
//!
//! The acknowledgement that this node gave before the damage may still count in a write under way. So everybody who can
//! be reached is waited for (the coordinator of such a write holds it), and a slot with such a write of our own is left
//! until that is over (`docs/adr/0011-healing-from-a-quorum.md` has what remains).
//!
//! Invariant: a slot is overwritten only by the merge of answers that were asked for after the damage was found, and only
//! if it is still damaged.

use crate::bucket::Mode;
use crate::coordinator::Operations;
use crate::core::Core;
use crate::ids::{BucketId, OpId};
use crate::item::{ItemKey, Slot};
use crate::message::{Message, ReadAnswer};
use crate::record::Record;
use crate::store::{Purpose, StoreOp, StoreOutcome};
use ring::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use stdx::bugs::planted;
use stdx::{Mono, Span};

/// Damaged slots that are followed at once; others are found again later.
const SLOTS_MAX: usize = 1_024;
/// Slots that are asked about at once.
const ASKED_MAX: usize = 16;
/// Before the others are asked again.
const AGAIN: Span = Span::secs(2);

type Name = (BucketId, ItemKey);

#[derive(Clone, Debug)]
struct Damaged {
    slot: Slot,
    /// The question that is open, if one is.
    asked: Option<OpId>,
    /// What the others hold; `None` if it is damaged there, too.
    heard: BTreeMap<NodeId, Option<Option<Record>>>,
    /// The merge is being written.
    writing: bool,
    /// When to ask, or to ask again.
    at: Mono,
}

/// The damaged slots of this node, as far as they are known.
#[derive(Clone, Default)]
pub(crate) struct Healing {
    slots: BTreeMap<Name, Damaged>,
    by_question: BTreeMap<OpId, Name>,
}

impl Healing {
    /// Slots that are known to be damaged.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Nobody's answer is waited for, or kept.
    pub(crate) fn is_idle(&self) -> bool {
        self.by_question.is_empty()
    }

    /// Storage found a slot to be damaged.
    pub(crate) fn found(&mut self, core: &Core, slot: Slot) {
        if self.slots.len() < SLOTS_MAX {
            let at = core.now.mono;
            let name = (slot.bucket, slot.key.clone());
            let fresh = Damaged { slot, asked: None, heard: BTreeMap::new(), writing: false, at };
            self.slots.entry(name).or_insert(fresh);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Mono> {
        self.slots.values().filter(|damaged| !damaged.writing).map(|damaged| damaged.at).min()
    }

    /// Asks about slots whose time has come.
    pub(crate) fn on_time(&mut self, ops: &Operations, core: &mut Core) {
        let due = self.slots.iter().filter(|(_, damaged)| !damaged.writing && damaged.at <= core.now.mono);
        let due: Vec<Name> = due.map(|(name, _)| name.clone()).collect();
        let mut room = ASKED_MAX.saturating_sub(self.by_question.len());
        for name in due {
            let Some(damaged) = self.slots.get_mut(&name) else { continue };
            damaged.at = core.now.mono + AGAIN;
            if let Some(asked) = damaged.asked.take() {
                self.by_question.remove(&asked);
                room += 1;
            }
            let others = others(core, &damaged.slot);
            if !core.is_replica(core.node, damaged.slot.partition, damaged.slot.bucket) {
                // It goes with the partition.
                self.slots.remove(&name);
            } else if is_register(core, &damaged.slot) {
                stdx::marks::hit("damaged_register_is_left");
            } else if room > 0 && !others.is_empty() && !ops.counts_us(&damaged.slot, core.node) {
                room -= 1;
                let op = core.next_op();
                damaged.asked = Some(op);
                damaged.heard.clear();
                self.by_question.insert(op, name);
                let Slot { bucket, key, .. } = &damaged.slot;
                for node in others {
                    let epoch = core.epoch();
                    core.send(node, Message::Read { op, epoch, bucket: *bucket, key: key.clone() });
                }
            }
        }
    }

    /// Another replica has answered. False if it was not asked by us.
    pub(crate) fn on_answer(&mut self, core: &mut Core, from: NodeId, op: OpId, answer: &ReadAnswer) -> bool {
        let Some(name) = self.by_question.get(&op) else { return false };
        let Some(damaged) = self.slots.get_mut(name).filter(|damaged| !damaged.writing) else { return true };
        match answer {
            ReadAnswer::Held(record) => damaged.heard.insert(from, Some(record.clone())),
            ReadAnswer::Damaged => damaged.heard.insert(from, None),
            ReadAnswer::Stale(_) | ReadAnswer::Failed => return true,
        };
        let silent = others(core, &damaged.slot).into_iter().filter(|node| !damaged.heard.contains_key(node));
        let is_waiting = silent.into_iter().any(|node| core.is_usable(node));
        let hasty = planted("a damaged record is healed from one replica");
        if hasty || !is_waiting && is_enough(core, damaged) {
            let held = damaged.heard.values().flatten();
            let merge = held.fold(None, |merge, held| Record::merged(merge, held.as_ref()));
            if let Some(stamp) = merge.as_ref().and_then(Record::highest_stamp) {
                core.observe(stamp);
            }
            damaged.writing = true;
            core.store(Purpose::Healed(op), StoreOp::Heal { slot: damaged.slot.clone(), record: merge });
        }
        true
    }

    /// The merge is durable, or could not be written.
    pub(crate) fn on_written(&mut self, core: &Core, op: OpId, outcome: &StoreOutcome) {
        let Some(name) = self.by_question.remove(&op) else { return };
        if *outcome == StoreOutcome::Done {
            stdx::marks::hit("damaged_record_healed");
            self.slots.remove(&name);
        } else if let Some(damaged) = self.slots.get_mut(&name) {
            (damaged.writing, damaged.asked) = (false, None);
            damaged.at = core.now.mono + AGAIN;
        }
    }
}

/// What the others hold of a register does not say what this replica had promised, so it is not healed: whatever it said
/// now could help an old ballot. It stays damaged until its node is replaced.
fn is_register(core: &Core, slot: &Slot) -> bool {
    core.history.current().buckets.get(&slot.bucket).is_some_and(|bucket| bucket.mode == Mode::Linearizable)
}

/// All other replicas of a slot, by any view in use; a banned one's word counts for nothing.
fn others(core: &Core, slot: &Slot) -> BTreeSet<NodeId> {
    let sets = core.write_sets(slot.partition, slot.bucket);
    let ours = sets.iter().filter(|set| set.contains(&core.node));
    let speaks = |node: &NodeId| *node != core.node && !core.is_banned(*node);
    ours.flat_map(|set| set.iter().copied()).filter(speaks).collect()
}

/// Whether every write that a quorum of a replica set with this node acknowledged is among the answers, or nobody is left
/// who could know of more.
fn is_enough(core: &Core, damaged: &Damaged) -> bool {
    let others = others(core, &damaged.slot);
    if others.iter().all(|node| damaged.heard.contains_key(node)) {
        return damaged.heard.values().any(Option::is_some);
    }
    let sets = core.write_sets(damaged.slot.partition, damaged.slot.bucket);
    sets.iter().filter(|set| set.contains(&core.node)).all(|set| {
        let quorum = set.len() / 2 + 1;
        let held = set.iter().filter(|node| matches!(damaged.heard.get(node), Some(Some(_)))).count();
        held > set.len() - quorum
    })
}
