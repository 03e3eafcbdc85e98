//! How writes begin: a client's new version, a change on top of what was read, the write-back of a merged record, a record
//! of a backup.
//!
//! Invariant: a version is made once; whoever asked is refused before anything is sent, or has an operation that answers.

use super::{Change, Writing, impossible, out_of_reach};
use crate::amendment::Amend;
use crate::bucket::{Bucket, Durability, Level, Mode};
use crate::coordinator::{Asker, Operations};
use crate::core::Core;
use crate::item::Slot;
use crate::quorum::{Group, Need, Quorum};
use crate::record::{Record, Rule, Update, Version};
use crate::request::{Put, Refusal, Restore};
use crate::store::{Purpose, StoreOp};
use causal::Context;
use ring::NodeId;
use stdx::bugs::planted;
use stdx::{Mono, Span, Wall};

impl Writing {
    /// Begins a client's write of its slot on this node, which should be a replica.
    pub(crate) fn start(
        ops: &mut Operations,
        core: &mut Core,
        asker: Asker,
        put: Put,
        slot: Slot,
        bucket: &Bucket,
        within: Span,
    ) {
        match Writing::prepare(core, &asker, put, slot, bucket, within) {
            Err(refusal) => ops.refuse(core, &asker, refusal),
            Ok((mut writing, update)) => {
                let id = core.next_op();
                ops.write_begins(writing.epoch);
                let slot = writing.slot.clone();
                if core.is_replica(core.node, slot.partition, slot.bucket) {
                    let (rule, fsync) = (bucket.rule_for(&slot.key), writing.fsync);
                    let sibling_limit = core.config.siblings_max;
                    let op = StoreOp::Update { slot, rule, update, sibling_limit, fsync };
                    core.store(Purpose::Local(id), op);
                } else {
                    writing.made(Record::updated(None, bucket.rule_for(&slot.key), update));
                    writing.send_all(core, id);
                }
                writing.keep(ops, core, id);
            }
        }
    }

    /// Begins a change on top of what a read has found, in the round in which that began.
    pub(crate) fn amend(
        ops: &mut Operations,
        core: &mut Core,
        asker: Asker,
        slot: Slot,
        change: Change,
        seen: Option<Record>,
        within: Span,
        round: u64,
    ) {
        let Change { amendment, level, fsync, ends, ttl } = change;
        let sets = core.write_sets(slot.partition, slot.bucket);
        if let Some(set) = sets.iter().find(|set| level.needed(set.len()).is_none()) {
            return ops.refuse(core, &asker, impossible(level, set.len()));
        }
        let need = Need::Level(level);
        let quorum = Quorum::new(core.groups(slot.partition, slot.bucket, need));
        if let Err(refusal) = check_reach(core, &quorum, level) {
            return ops.refuse(core, &asker, refusal);
        }
        let is_replica = core.is_replica(core.node, slot.partition, slot.bucket);
        let Some(dot) = (if is_replica { core.next_dot() } else { core.lone_dot() }) else {
            let refusal = Refusal::NotReady("this node is starting; try again in a moment".to_owned());
            return ops.refuse(core, &asker, refusal);
        };
        let wall = core.now.wall;
        let first_end = ends.or(ttl.map(|ttl| wall.plus(ttl)));
        let element = slot.key.is_element();
        let amend = Amend { amendment, dot, stamp: core.next_stamp(), wall, seen, first_end, element };
        let mut writing = Writing::new(core, asker, slot, quorum, within, Context::default());
        (writing.need, writing.fsync, writing.round, writing.amends) = (Some(need), fsync, round, true);
        let id = core.next_op();
        if is_replica {
            let op = StoreOp::Amend { slot: writing.slot.clone(), amend: Box::new(amend), fsync };
            core.store(Purpose::Local(id), op);
        } else {
            match amend.apply(None) {
                Ok(record) => writing.made(record),
                Err(why) => return ops.refuse(core, &writing.asker, Refusal::Unchanged(why)),
            }
            writing.send_all(core, id);
        }
        ops.write_begins(writing.epoch);
        writing.keep(ops, core, id);
    }

    /// Begins the write-back of a record that `equal` replicas already hold to as many as it needs.
    pub(crate) fn write_back(
        ops: &mut Operations,
        core: &mut Core,
        asker: Asker,
        slot: Slot,
        record: Record,
        need: Need,
        equal: &[NodeId],
        within: Span,
        round: u64,
    ) {
        let mut groups = core.groups(slot.partition, slot.bucket, need);
        if planted("write-back to one set") {
            groups.truncate(1);
        }
        let mut quorum = Quorum::new(groups);
        equal.iter().for_each(|node| quorum.add(*node));
        let mut writing = Writing::new(core, asker, slot, quorum, within, Context::default());
        writing.need = Some(need);
        writing.round = round;
        writing.begin_with(ops, core, record);
    }

    /// Tells these replicas of a record, without anybody waiting for it.
    pub(crate) fn tell(
        ops: &mut Operations,
        core: &mut Core,
        slot: Slot,
        record: Record,
        replicas: Vec<NodeId>,
        round: u64,
    ) {
        let quorum = Quorum::new(vec![Group { replicas: replicas.into(), needed: 1 }]);
        let within = core.config.request_time;
        let mut writing = Writing::new(core, Asker::Nobody, slot, quorum, within, Context::default());
        writing.round = round;
        writing.begin_with(ops, core, record);
    }

    fn begin_with(mut self: Box<Self>, ops: &mut Operations, core: &mut Core, record: Record) {
        self.record = Some(record);
        let id = core.next_op();
        ops.write_begins(self.epoch);
        self.send_all(core, id);
        self.keep(ops, core, id);
    }

    /// Begins the merge of a record that a backup gave.
    pub(crate) fn restore(
        ops: &mut Operations,
        core: &mut Core,
        asker: Asker,
        restore: Restore,
        bucket: &Bucket,
        within: Span,
    ) -> Result<(), Refusal> {
        if bucket.mode == Mode::Linearizable {
            return Err(Refusal::ModeUnsupported(bucket.name.clone()));
        }
        let of_kind = matches!(
            (&restore.record, bucket.rule_for(&restore.key)),
            (Record::Latest { .. }, Rule::LastWriterWins) | (Record::Siblings(_) | Record::Counted(_), Rule::Siblings)
        );
        if !of_kind {
            return Err(Refusal::Invalid(format!(
                "the record is not of the rule of its item in bucket {}",
                bucket.name
            )));
        }
        if let Some(stamp) = restore.record.highest_stamp() {
            core.observe(stamp);
        }
        let level = restore.level.unwrap_or(bucket.w);
        let slot = Slot::new(core.history.genesis().grid, bucket.id, restore.key);
        for replicas in core.write_sets(slot.partition, slot.bucket) {
            level.needed(replicas.len()).ok_or(impossible(level, replicas.len()))?;
        }
        if core.incarnation().is_none() {
            return Err(Refusal::NotReady("this node is starting; try again in a moment".to_owned()));
        }
        let round = core.round;
        Writing::write_back(ops, core, asker, slot, restore.record, Need::Level(level), &[], within, round);
        Ok(())
    }

    fn new(core: &Core, asker: Asker, slot: Slot, quorum: Quorum, within: Span, context: Context) -> Box<Writing> {
        let hint_after = Span((within.0 / 2).min(Span::secs(2).0));
        Box::new(Writing {
            asker,
            epoch: core.epoch(),
            slot,
            need: None,
            quorum,
            any: false,
            hinted: Vec::new(),
            lost: Vec::new(),
            behind: Vec::new(),
            behind_at: Mono::default(),
            fsync: true,
            record: None,
            round: core.round,
            context,
            amends: false,
            answered: false,
            hint_at: core.now.mono + hint_after,
            begun: core.now.mono,
            deadline: core.now.mono + within,
        })
    }

    fn prepare(
        core: &mut Core,
        asker: &Asker,
        put: Put,
        slot: Slot,
        bucket: &Bucket,
        within: Span,
    ) -> Result<(Box<Writing>, Update), Refusal> {
        debug_assert_eq!(bucket.mode, Mode::Eventual, "linearizable buckets are not written this way");
        let level = put.level.unwrap_or(bucket.w);
        for replicas in core.write_sets(slot.partition, slot.bucket) {
            level.needed(replicas.len()).ok_or(impossible(level, replicas.len()))?;
        }
        let need = Need::Level(level);
        let quorum = Quorum::new(core.groups(slot.partition, slot.bucket, need));
        check_reach(core, &quorum, level)?;
        let dot =
            if core.is_replica(core.node, slot.partition, slot.bucket) { core.next_dot() } else { core.lone_dot() };
        let Some(dot) = dot else {
            return Err(Refusal::NotReady("this node is starting; try again in a moment".to_owned()));
        };
        let context = put.context.unwrap_or_default();
        if context.covers(&dot) {
            return Err(Refusal::ContextUnknown);
        }
        let ttl = if put.value.is_some() { put.ttl.or(bucket.ttl) } else { None };
        let wall =
            if planted("time to live by the wrong clock") { Wall(core.now.mono.0 / 1_000) } else { core.now.wall };
        let version = Version { stamp: core.next_stamp(), expires: ttl.map(|ttl| wall.plus(ttl)), value: put.value };
        let mut writing = Writing::new(core, asker.clone(), slot, quorum, within, context.clone());
        writing.need = Some(need);
        writing.any = level == Level::Any;
        writing.fsync = put.durability == Durability::Fsync;
        Ok((writing, Update { dot, context, version }))
    }
}

/// Refuses what is known to be in vain while nothing is written yet. A hint anywhere is enough for `any`.
fn check_reach(core: &Core, quorum: &Quorum, level: Level) -> Result<(), Refusal> {
    let (reachable, needed) = quorum.within_reach(|node| !core.is_down(node));
    if level == Level::Any || reachable >= needed {
        return Ok(());
    }
    Err(out_of_reach(reachable, needed))
}
