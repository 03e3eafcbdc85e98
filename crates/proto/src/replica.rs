//! This node as a replica: it answers what coordinators and other replicas ask of its storage.
//!
//! Invariant: an acknowledgement is sent only on the storage outcome it reports. A request under an epoch that is no
//! longer in use, or for a key this node holds in no epoch, is refused with our epoch.

use crate::bucket::Mode;
use crate::coordinator::PAGE_BYTES;
use crate::core::Core;
use crate::ids::{BucketId, Epoch, OpId, SessionId};
use crate::item::{ItemKey, Range, Slot};
use crate::message::{Ack, Message, Offered, Outline, ReadAnswer, RegisterAnswer, ScanAnswer};
use crate::paxos::Ballot;
use crate::paxos::register::Ask;
use crate::record::{Record, Rule, Version};
use crate::store::{Hint, Purpose, StoreFailure, StoreOp, StoreOutcome};
use ring::{NodeId, PartitionId, Token};
use stdx::bugs::planted;

/// Whether a stream or a comparison about a partition may be served. It counts for no quorum, so no fence holds it off.
fn is_served(core: &Core, epoch: Epoch, partition: PartitionId, bucket: BucketId) -> bool {
    if planted("no fence") {
        return true;
    }
    epoch >= core.stable() && core.is_replica(core.node, partition, bucket)
}

/// We refuse a message; if that is because we do not know its epoch yet, we ask for what happened.
fn catch_up(core: &mut Core, from: NodeId, epoch: Epoch) {
    if epoch > core.epoch() {
        stdx::marks::hit("refused_a_newer_epoch");
        let first = core.epoch().next();
        core.send(from, Message::PullEvents { from: first });
    }
}

/// Whether a record is of the kind that its item's rule makes; another one could never be merged.
fn is_of_kind(core: &Core, bucket: BucketId, key: &ItemKey, record: &Record) -> bool {
    let Some(bucket) = core.history.current().buckets.get(&bucket) else { return true };
    match record {
        Record::Register(_) => bucket.mode == Mode::Linearizable,
        _ if bucket.mode == Mode::Linearizable => false,
        Record::Latest { .. } | Record::Amended(_) => bucket.rule_for(key) == Rule::LastWriterWins,
        Record::Siblings(_) => bucket.rule_for(key) == Rule::Siblings,
        Record::Counted(_) => key.is_element() && bucket.rule_for(key) == Rule::Siblings,
    }
}

fn slot(core: &Core, bucket: BucketId, key: ItemKey) -> Slot {
    Slot::new(core.history.genesis().grid, bucket, key)
}

pub(crate) fn on_replicate(
    core: &mut Core,
    from: NodeId,
    op: OpId,
    epoch: Epoch,
    bucket: BucketId,
    key: ItemKey,
    record: Record,
    fsync: bool,
    round: u64,
) {
    core.waits.serve(core.now.mono);
    let slot = slot(core, bucket, key);
    if !core.serves_write(epoch, slot.partition, bucket) {
        let ack = Ack::Stale(core.fences());
        core.send(from, Message::Replicated { op, ack, pulse: None });
        return catch_up(core, from, epoch);
    }
    if !is_of_kind(core, bucket, &slot.key, &record) || !core.admits(round) {
        return core.send(from, Message::Replicated { op, ack: Ack::Failed, pulse: None });
    }
    if let Some(stamp) = record.highest_stamp() {
        core.observe(stamp);
    }
    let fsync = fsync && !planted("acknowledged before fsync");
    core.store(Purpose::AnswerWrite { to: from, op }, StoreOp::Merge { slot, record, fsync });
}

pub(crate) fn on_keep_hint(core: &mut Core, from: NodeId, op: OpId, mut hint: Hint, round: u64) {
    let is_member = core.history.current().ring.member(&core.node).is_some();
    // What this node is clear of, hints included, it has told.
    let is_late = round < core.own_progress().clear.max(core.clear_wanted) && !planted("hints pass the guard");
    if core.incarnation().is_none() || !is_member || is_late {
        // Without an incarnation the hint could get the name of an earlier life's.
        return core.send(from, Message::Replicated { op, ack: Ack::Failed, pulse: None });
    }
    if core.hints_full.contains(&hint.target) {
        return core.send(from, Message::Replicated { op, ack: Ack::Full, pulse: None });
    }
    hint.id = core.next_hint();
    let target = hint.target;
    core.hints_on_way += 1;
    core.store(Purpose::KeptFor { to: from, op, target }, StoreOp::PutHint(hint));
}

pub(crate) fn on_read(core: &mut Core, from: NodeId, op: OpId, epoch: Epoch, bucket: BucketId, key: ItemKey) {
    core.waits.serve(core.now.mono);
    let slot = slot(core, bucket, key);
    if !core.serves_read(epoch, slot.partition, bucket) {
        let answer = ReadAnswer::Stale(core.fences());
        core.send(from, Message::ReadReply { op, answer });
        return catch_up(core, from, epoch);
    }
    core.store(Purpose::AnswerRead { to: from, op }, StoreOp::Read { slot });
}

/// A proposer asks. It is answered under our own epoch only, which is durable: whoever has heard of a change of the ring
/// helps no proposer that has not, and the other way round, so no quorum mixes epochs.
pub(crate) fn on_register(
    core: &mut Core,
    from: NodeId,
    op: OpId,
    epoch: Epoch,
    bucket: BucketId,
    key: ItemKey,
    ask: Ask<Version>,
    round: u64,
) {
    let slot = slot(core, bucket, key);
    if epoch != core.epoch() || !is_served(core, epoch, slot.partition, bucket) {
        let answer = RegisterAnswer::Stale(core.fences());
        core.send(from, Message::RegisterReply { op, answer });
        return catch_up(core, from, epoch);
    }
    let known = core.history.current().buckets.get(&bucket);
    let is_absurd = |ballot: &Ballot| ballot.counter > Ballot::COUNTER_MAX;
    let absurd = match &ask {
        Ask::Read => false,
        Ask::Prepare(ballot) => is_absurd(ballot),
        Ask::Accept { ballot, next, .. } => is_absurd(ballot) || is_absurd(next),
    };
    if absurd || !core.admits_to_registers(round) || known.is_none_or(|bucket| bucket.mode != Mode::Linearizable) {
        return core.send(from, Message::RegisterReply { op, answer: RegisterAnswer::Failed });
    }
    match &ask {
        Ask::Read => {}
        Ask::Prepare(ballot) => core.ballots_above(*ballot),
        Ask::Accept { next, .. } => core.ballots_above(*next),
    }
    core.store(Purpose::AnswerRegister { to: from, op }, StoreOp::Register { slot, ask });
}

pub(crate) fn on_scan(core: &mut Core, from: NodeId, op: OpId, epoch: Epoch, range: Range, limit: u32) {
    let partition = range.partition(core.history.genesis().grid);
    let bucket = match &range {
        Range::SortKeys { bucket, .. } => Some(*bucket),
        Range::Partition { bucket, .. } => *bucket,
    };
    let current = core.history.current();
    let mode = bucket.and_then(|bucket| current.buckets.get(&bucket)).map(|bucket| bucket.mode);
    let serves = |bucket| match mode {
        // As a proposer's questions: a list is a read of every register in it.
        Some(Mode::Linearizable) => epoch == core.epoch() && is_served(core, epoch, partition, bucket),
        _ => core.serves_read(epoch, partition, bucket),
    };
    if !bucket.is_some_and(serves) {
        let answer = ScanAnswer::Stale(core.fences());
        core.send(from, Message::ScanReply { op, answer });
        return catch_up(core, from, epoch);
    }
    let op_on_store = StoreOp::Scan { range, items_max: limit.clamp(1, 10_000), bytes_max: PAGE_BYTES };
    core.store(Purpose::AnswerScan { to: from, op }, op_on_store);
}

pub(crate) fn on_outline(core: &mut Core, from: NodeId, session: SessionId, epoch: Epoch, outline: Outline) {
    let grid = core.history.genesis().grid;
    let is_in = |key: &ItemKey| grid.partition_of(&Token::of(&key.partition_key)) == outline.partition;
    let is_sound = is_in(&outline.first.1) && is_in(&outline.last.1);
    let served = outline.buckets.iter().all(|bucket| is_served(core, epoch, outline.partition, *bucket));
    // Under a newer epoch than ours it is refused, too, as an offer is.
    if !is_sound || !served || epoch > core.epoch() {
        return core.send(from, Message::Outlined { session, likeness: None });
    }
    core.store(Purpose::AnswerOutline { to: from, session }, StoreOp::Outline(outline));
}

pub(crate) fn on_offer(core: &mut Core, from: NodeId, session: SessionId, epoch: Epoch, items: Vec<Offered>) {
    // A repair offers items of several partitions at once.
    let grid = core.history.genesis().grid;
    let partition_of = |item: &Offered| grid.partition_of(&Token::of(&item.key.partition_key));
    let buckets_served = items.iter().all(|item| is_served(core, epoch, partition_of(item), item.bucket));
    // An offer under a newer epoch than ours is refused, too: we must know what we take over before we take it.
    if !buckets_served || epoch > core.epoch() {
        return core.send(from, Message::Want { session, items: None });
    }
    core.store(Purpose::AnswerOffer { to: from, session }, StoreOp::Lacking { items });
}

pub(crate) fn on_push(
    core: &mut Core,
    from: NodeId,
    session: SessionId,
    epoch: Epoch,
    items: Vec<(BucketId, ItemKey, Record)>,
    round: u64,
) {
    let items: Vec<(Slot, Record)> =
        items.into_iter().map(|(bucket, key, record)| (slot(core, bucket, key), record)).collect();
    let any_stream = planted("late streams are taken");
    let served = items.iter().all(|(slot, record)| {
        any_stream
            || is_served(core, epoch, slot.partition, slot.bucket) && is_of_kind(core, slot.bucket, &slot.key, record)
    });
    // Nobody pushes nothing: what there was could not be understood.
    if items.is_empty() || !served || epoch > core.epoch() || !core.admits(round) {
        return core.send(from, Message::Pushed { session, ok: false });
    }
    let highest = items.iter().filter_map(|(_, record)| record.highest_stamp()).max();
    if let Some(stamp) = highest {
        core.observe(stamp);
    }
    core.store(Purpose::AnswerPush { to: from, session }, StoreOp::MergeAll { items });
}

/// Every record is told, tombstones too: the coordinator merges before it filters.
fn is_told(record: &Record) -> bool {
    !planted("tombstones filtered before merging")
        || record.versions().iter().any(|(_, version)| version.value.is_some())
}

/// Storage has done what a peer asked for.
pub(crate) fn on_stored(core: &mut Core, purpose: Purpose, outcome: StoreOutcome) {
    match purpose {
        Purpose::AnswerWrite { to, op } => {
            let ack = match outcome {
                StoreOutcome::Done => Ack::Done,
                StoreOutcome::Failed(StoreFailure::Full) => Ack::Full,
                _ => Ack::Failed,
            };
            core.send(to, Message::Replicated { op, ack, pulse: None });
        }
        Purpose::AnswerRead { to, op } => {
            let answer = match outcome {
                StoreOutcome::Held(record) => ReadAnswer::Held(record.filter(is_told)),
                StoreOutcome::Failed(StoreFailure::Corrupt(_)) => ReadAnswer::Damaged,
                _ => ReadAnswer::Failed,
            };
            core.send(to, Message::ReadReply { op, answer });
        }
        Purpose::AnswerRegister { to, op } => {
            let answer = match outcome {
                StoreOutcome::Register(answer) => RegisterAnswer::Said(answer),
                _ => RegisterAnswer::Failed,
            };
            core.send(to, Message::RegisterReply { op, answer });
        }
        Purpose::AnswerScan { to, op } => {
            let answer = match outcome {
                StoreOutcome::Page { items, more, .. } => {
                    let items = items.into_iter().filter(|(_, _, record)| is_told(record)).collect();
                    ScanAnswer::Held { items, more }
                }
                _ => ScanAnswer::Failed,
            };
            core.send(to, Message::ScanReply { op, answer });
        }
        Purpose::AnswerOutline { to, session } => {
            let likeness = match outcome {
                StoreOutcome::Outlined(likeness) => Some(likeness),
                _ => None,
            };
            core.send(to, Message::Outlined { session, likeness });
        }
        Purpose::AnswerOffer { to, session } => {
            let items = match outcome {
                StoreOutcome::Wanted(items) => Some(items),
                _ => None,
            };
            core.send(to, Message::Want { session, items });
        }
        Purpose::AnswerPush { to, session } => {
            core.send(to, Message::Pushed { session, ok: outcome == StoreOutcome::Done });
        }
        other => unreachable!("not an answer to a peer: {other:?}"),
    }
}
