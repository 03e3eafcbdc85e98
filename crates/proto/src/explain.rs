//! What is known of one key, everywhere: the request, each node's account of what it holds, and what follows from the
//! accounts for a reader. Pure.
//!
//! Invariant: nothing here changes anything; values travel as previews, versions by their dots and stamps, which is all
//! that merging needs.
//! Refuses to know how accounts are gathered (`coordinator::explain`) and how they are shown.

use crate::bucket::{Bucket, Level, Mode};
use crate::ids::{Epoch, HintId};
use crate::item::ItemKey;
use crate::message::Progress;
use crate::paxos::register::{Register, decided};
use crate::quorum::{Group, Quorum};
use crate::record::{Record, Value, Version};
use causal::{Dot, Stamp};
use liveness::Condition;
use ring::{NodeId, PartitionId, Token};
use std::collections::{BTreeMap, BTreeSet};
use stdx::Wall;

/// Bytes of a value that are shown.
pub const PREVIEW_BYTES: usize = 64;
/// Replicas that differ in more ways than this are not combined: the answers would be too many to read.
const KINDS_MAX: usize = 8;

/// Tell everything about one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explain {
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the item.
    pub key: ItemKey,
}

/// What a node's storage holds of a slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Held {
    /// Nothing, not even a tombstone.
    Nothing,
    /// A record, its values cut to [`PREVIEW_BYTES`].
    Record {
        /// The record.
        record: Record,
        /// Whole length of each value in bytes, in the order of [`Record::versions`]; 0 for tombstones.
        sizes: Vec<u64>,
    },
    /// It could not be read; the sentence says why.
    Failed(String),
}

impl Held {
    /// What is said of a stored record.
    pub fn of(record: Option<&Record>) -> Held {
        match record {
            None => Held::Nothing,
            Some(record) => {
                let size = |(_, version): (Dot, &Version)| version.value.as_ref().map_or(0, |v| v.bytes.len() as u64);
                Held::Record { record: preview(record), sizes: record.versions().into_iter().map(size).collect() }
            }
        }
    }

    /// The record, if there is one.
    pub fn record(&self) -> Option<&Record> {
        match self {
            Held::Record { record, .. } => Some(record),
            Held::Nothing | Held::Failed(_) => None,
        }
    }
}

/// The same record with values cut short. They are copied, so as not to keep the long ones in memory.
fn preview(record: &Record) -> Record {
    let cut = |version: Version| {
        let value = version.value.map(|value| {
            let shown = value.bytes.len().min(PREVIEW_BYTES);
            Value { bytes: bytes::Bytes::copy_from_slice(&value.bytes[..shown]), ..value }
        });
        Version { value, ..version }
    };
    match record.clone() {
        Record::Latest { dot, version } => Record::Latest { dot, version: cut(version) },
        Record::Amended(amended) => {
            let mut parts = amended.parts().clone();
            parts.base = parts.base.map(|(dot, version)| (dot, cut(version)));
            parts.record().unwrap_or(Record::Amended(amended))
        }
        Record::Siblings(set) => Record::Siblings(set.map(|_, version| cut(version))),
        Record::Counted(mut counted) => {
            counted.set = counted.set.map(|_, version| cut(version));
            Record::Counted(counted)
        }
        Record::Register(mut register) => {
            if let Some((_, cell)) = &mut register.state.accepted {
                cell.value = cell.value.take().map(cut);
            }
            Record::Register(register)
        }
    }
}

/// A hint for the slot that is kept on a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HintSeen {
    /// Names it there.
    pub id: HintId,
    /// Whom it is for.
    pub target: NodeId,
    /// The newest of its versions.
    pub stamp: Option<Stamp>,
}

/// What a node's storage says about a slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inspected {
    /// What it holds.
    pub held: Held,
    /// Hints kept here for it.
    pub hints: Vec<HintSeen>,
    /// There are so many hints here that not all were looked at.
    pub hints_cut: bool,
    /// Hash of everything this node holds of the slot's bucket in its partition, if it is known already.
    pub root: Option<u64>,
}

impl Inspected {
    /// Nothing could be found out.
    pub fn failed(why: String) -> Inspected {
        Inspected { held: Held::Failed(why), hints: Vec::new(), hints_cut: false, root: None }
    }
}

/// One node's account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The newest event it knows.
    pub epoch: Epoch,
    /// The oldest epoch it uses.
    pub stable: Epoch,
    /// The epoch its reads use.
    pub reading: Epoch,
    /// How far it is with changes of the ring.
    pub progress: Progress,
    /// It holds or takes over the slot in a view it uses.
    pub replica: bool,
    /// What its storage says.
    pub seen: Inspected,
}

/// What came of asking a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Testimony {
    /// It answered.
    Answered(Box<Account>),
    /// It looked down and was not asked.
    Unreachable,
    /// It did not answer in time.
    Silent,
}

/// A node and its account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Witness {
    /// The node.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// Its address.
    pub uri: String,
    /// How it looks to the node that was asked.
    pub condition: Condition,
    /// Its account.
    pub testimony: Testimony,
}

/// The replicas of the slot in one view in use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ViewUse {
    /// The view.
    pub epoch: Epoch,
    /// Its preference list.
    pub replicas: Vec<NodeId>,
    /// Reads ask these replicas.
    pub reads: bool,
    /// Writes must reach these replicas.
    pub writes: bool,
}

/// Everything that is known of one key, by one node's view and all nodes' accounts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The node that gathered it.
    pub by: NodeId,
    /// By that node's clock; decides what has expired.
    pub at: Wall,
    /// The bucket.
    pub bucket: Bucket,
    /// The key.
    pub key: ItemKey,
    /// Its place on the ring.
    pub token: Token,
    /// The partition of the token.
    pub partition: PartitionId,
    /// Views in use, oldest first.
    pub views: Vec<ViewUse>,
    /// All nodes that take part in them.
    pub witnesses: Vec<Witness>,
    /// Names of the nodes that made the versions, as far as they are known.
    pub origins: Vec<(NodeId, String)>,
}

/// What a read would be answered with.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Answer {
    /// These versions; none if there is no such item.
    Versions(Vec<Dot>),
    /// Too few replicas would answer.
    Refused {
        /// Answers needed.
        needed: usize,
        /// Replicas that answer.
        got: usize,
    },
    /// The level asks for more replicas than there are.
    Impossible,
    /// The replicas differ in too many ways to tell.
    Unclear,
    /// In a linearizable bucket: no majority holds the same, because a change is under way or was broken off, or replicas are
    /// behind. A read decides it first.
    Undecided,
}

impl Explanation {
    /// The replicas that reads ask.
    pub fn readers(&self) -> &[NodeId] {
        self.views.iter().find(|view| view.reads).map_or(&[], |view| &view.replicas)
    }

    /// True if the node holds or takes over the slot in any view in use.
    pub fn is_replica(&self, node: NodeId) -> bool {
        self.views.iter().any(|view| view.replicas.contains(&node))
    }

    /// A node's account, if it gave one.
    pub fn account(&self, node: NodeId) -> Option<&Account> {
        match &self.witnesses.iter().find(|witness| witness.node == node)?.testimony {
            Testimony::Answered(account) => Some(account),
            Testimony::Unreachable | Testimony::Silent => None,
        }
    }

    /// What all replicas that answered know together.
    pub fn merged(&self) -> Option<Record> {
        let replicas = self.witnesses.iter().filter(|witness| self.is_replica(witness.node));
        let records = replicas.filter_map(|witness| self.account(witness.node)?.seen.held.record());
        records.fold(None, |merged, record| Record::merged(merged, Some(record)))
    }

    /// Versions that a reader sees in a record.
    pub fn visible(&self, record: Option<&Record>) -> Vec<Dot> {
        record.map(|record| record.visible(self.at).into_iter().map(|(dot, _)| dot).collect()).unwrap_or_default()
    }

    /// The different answers that a read at a level could be given now, according to which replicas answer it first.
    pub fn answers(&self, level: Level) -> Vec<Answer> {
        match (self.bucket.mode, level) {
            (Mode::Eventual, _) | (_, Level::Any | Level::One) => {}
            (Mode::Linearizable, Level::Quorum) => return vec![self.decision()],
            (Mode::Linearizable, _) => return vec![Answer::Impossible],
        }
        let readers = self.readers();
        let Some(needed) = level.needed(readers.len()) else { return vec![Answer::Impossible] };
        let mut kinds: Vec<(Option<&Record>, usize)> = Vec::new();
        for account in readers.iter().filter_map(|node| self.account(*node)) {
            let held = match &account.seen.held {
                Held::Failed(_) => continue,
                held => held.record(),
            };
            match kinds.iter_mut().find(|(kind, _)| *kind == held) {
                Some((_, count)) => *count += 1,
                None => kinds.push((held, 1)),
            }
        }
        let got = kinds.iter().map(|(_, count)| count).sum();
        if got < needed {
            return vec![Answer::Refused { needed, got }];
        }
        if kinds.len() > KINDS_MAX {
            return vec![Answer::Unclear];
        }
        let choices = (1..1_usize << kinds.len()).filter_map(|choice| self.answer_of(&kinds, choice, needed));
        choices.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What a linearizable read would be answered if nothing moved.
    fn decision(&self) -> Answer {
        let sets = self.views.iter().filter(|view| view.writes).map(|view| view.replicas.clone());
        let needed = |replicas: &[NodeId]| Level::Quorum.needed(replicas.len()).unwrap_or(replicas.len());
        let group = |replicas: Vec<NodeId>| Group { needed: needed(&replicas), replicas: replicas.into() };
        let mut groups: Vec<Group> = sets.map(group).collect();
        groups.dedup();
        // Replicas that know another epoch than the reader do not answer it.
        let epoch = self.views.iter().map(|view| view.epoch).max();
        let answers = |node: &NodeId| {
            let account = self.account(*node).filter(|account| Some(account.epoch) == epoch)?;
            let held = match &account.seen.held {
                Held::Nothing => Register::default().held(),
                Held::Record { record: Record::Register(register), .. } => register.held(),
                Held::Record { .. } | Held::Failed(_) => return None,
            };
            Some((*node, held))
        };
        let held: BTreeMap<_, _> = self.witnesses.iter().filter_map(|witness| answers(&witness.node)).collect();
        let mut quorum = Quorum::new(groups.clone());
        held.keys().for_each(|node| quorum.add(*node));
        if !quorum.is_met() {
            let (got, needed) = quorum.worst();
            return Answer::Refused { needed, got };
        }
        let Some(cell) = decided(&groups, &held) else { return Answer::Undecided };
        let is_there = cell.value.is_some_and(|version| version.visible(self.at).is_some());
        // Everybody's merge has the highest ballot, which is the decided one if there is one.
        let merged = self.merged();
        Answer::Versions(if is_there { self.visible(merged.as_ref()) } else { Vec::new() })
    }

    /// The merge of the kinds whose bits are set, if `needed` replicas can be of exactly these kinds.
    fn answer_of(&self, kinds: &[(Option<&Record>, usize)], choice: usize, needed: usize) -> Option<Answer> {
        let chosen = || kinds.iter().enumerate().filter(|(at, _)| choice >> at & 1 == 1).map(|(_, kind)| kind);
        let most: usize = chosen().map(|(_, count)| count).sum();
        if chosen().count() > needed || most < needed {
            return None;
        }
        let merged = chosen().fold(None, |merged, (record, _)| Record::merged(merged, *record));
        Some(Answer::Versions(self.visible(merged.as_ref())))
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, Answer, Explanation, Held, Inspected, PREVIEW_BYTES, Testimony, ViewUse, Witness};
    use crate::message::Progress;
    use crate::paxos::register::{Cell, Register};
    use crate::paxos::{AcceptorState, Ballot};
    use crate::{Bucket, ChangeId, Epoch, ItemKey, Level, Mode, Record, Value, Version};
    use causal::{Actor, Dot, Stamp};
    use liveness::Condition;
    use ring::{NodeId, PartitionId, Token};
    use stdx::Wall;

    fn dot(counter: u64) -> Dot {
        Dot { actor: Actor { node: 1, incarnation: 1 }, counter }
    }

    fn record(counter: u64, value: Option<&'static str>) -> Record {
        let version = Version { stamp: Stamp::new(counter, 0), expires: None, value: value.map(Value::plain) };
        Record::Latest { dot: dot(counter), version }
    }

    fn witness(node: u128, held: Option<Held>) -> Witness {
        let testimony = held.map_or(Testimony::Silent, |held| {
            let seen = Inspected { held, hints: Vec::new(), hints_cut: false, root: None };
            let (epoch, progress) = (Epoch(3), Progress::default());
            Testimony::Answered(Box::new(Account {
                epoch,
                stable: epoch,
                reading: epoch,
                progress,
                replica: true,
                seen,
            }))
        });
        let condition = Condition::Up;
        Witness { node: NodeId(node), name: String::new(), uri: String::new(), condition, testimony }
    }

    fn explanation(held: [Option<Held>; 3]) -> Explanation {
        let witnesses = (1..).zip(held).map(|(node, held)| witness(node, held)).collect();
        let replicas = [1, 2, 3].map(NodeId).to_vec();
        Explanation {
            by: NodeId(1),
            at: Wall(1_000),
            bucket: Bucket::default_bucket(3),
            key: ItemKey::plain("k"),
            token: Token::of(b"k"),
            partition: PartitionId(0),
            views: vec![ViewUse { epoch: Epoch(3), replicas, reads: true, writes: true }],
            witnesses,
            origins: Vec::new(),
        }
    }

    fn held(record: &Record) -> Option<Held> {
        Some(Held::of(Some(record)))
    }

    #[test]
    fn a_read_may_be_answered_differently_only_where_replicas_differ() {
        let (old, new) = (record(1, Some("old")), record(2, Some("new")));
        let of = explanation([held(&old), held(&new), Some(Held::Nothing)]);
        assert_eq!(of.merged(), Some(new));
        let versions = |counters: &[u64]| Answer::Versions(counters.iter().copied().map(dot).collect());
        assert_eq!(of.answers(Level::One), [versions(&[]), versions(&[1]), versions(&[2])]);
        assert_eq!(of.answers(Level::Quorum), [versions(&[1]), versions(&[2])]);
        assert_eq!(of.answers(Level::All), [versions(&[2])]);
        assert_eq!(of.answers(Level::Count(4)), [Answer::Impossible]);
    }

    #[test]
    fn whoever_does_not_answer_or_cannot_read_counts_for_no_level() {
        let gone = record(2, None);
        let of = explanation([held(&gone), None, Some(Held::Failed("damaged".to_owned()))]);
        assert_eq!(of.answers(Level::One), [Answer::Versions(Vec::new())]);
        assert_eq!(of.answers(Level::Quorum), [Answer::Refused { needed: 2, got: 1 }]);
    }

    fn register(accepted: u64, promised: u64, value: &'static str) -> Record {
        let ballot = |counter| Ballot { counter, node: NodeId(1), incarnation: 1 };
        let version = Version { stamp: Stamp::new(accepted, 0), expires: None, value: Some(Value::plain(value)) };
        let cell = Cell::default().after(ChangeId(accepted), Some(version));
        let state = AcceptorState { promised: ballot(promised), accepted: Some((ballot(accepted), cell)) };
        Record::Register(Register { state, learned: false })
    }

    #[test]
    fn a_register_is_answered_from_what_a_majority_has_voted_for() {
        let of = |held: [Option<Held>; 3]| {
            let mut of = explanation(held);
            of.bucket.mode = Mode::Linearizable;
            of
        };
        let (old, new) = (register(1, 1, "old"), register(2, 3, "new"));
        let agreed = of([held(&new), held(&register(2, 9, "new")), held(&old)]);
        assert_eq!(agreed.answers(Level::Quorum), [Answer::Versions(vec![dot(2)])], "promises do not matter");
        assert_eq!(agreed.answers(Level::One), [Answer::Versions(vec![dot(1)]), Answer::Versions(vec![dot(2)])]);
        assert_eq!(agreed.answers(Level::All), [Answer::Impossible]);
        let open = of([held(&new), held(&old), None]);
        assert_eq!(open.answers(Level::Quorum), [Answer::Undecided]);
        let never = of([Some(Held::Nothing), Some(Held::Nothing), held(&new)]);
        assert_eq!(never.answers(Level::Quorum), [Answer::Versions(Vec::new())]);
        let alone = of([held(&new), None, None]);
        assert_eq!(alone.answers(Level::Quorum), [Answer::Refused { needed: 2, got: 1 }]);
        let mut behind = agreed;
        let Testimony::Answered(account) = &mut behind.witnesses[0].testimony else { panic!() };
        account.epoch = Epoch(2);
        assert_eq!(behind.answers(Level::Quorum), [Answer::Undecided], "a replica of another epoch does not count");
    }

    #[test]
    fn values_are_cut_and_their_lengths_kept() {
        let text = "0123456789".repeat(10);
        let version = Version { stamp: Stamp::MIN, expires: None, value: Some(Value::plain(text)) };
        let Held::Record { record, sizes } = Held::of(Some(&Record::Latest { dot: dot(1), version })) else { panic!() };
        assert_eq!(sizes, [100]);
        assert_eq!(record.versions()[0].1.value.as_ref().map(|value| value.bytes.len()), Some(PREVIEW_BYTES));
    }
}
