//! One operation on a register: a read or a change, attempt after attempt, from the proposer's side.
//!
//! A read asks every replica what it holds and is over if a quorum of every group has voted for the same ballot: then that
//! is decided. Otherwise it decides, by a round of its own, the highest that it finds. A change prepares, applies itself to
//! the highest cell found, and asks to accept the outcome; after a decided accept the same proposer may skip the prepare
//! once (*cache*), because those who accepted have promised its next ballot in the same stroke.
//!
//! Invariants: a ballot carries one cell only; an attempt that is given up burns its ballot, and a cache is good for one
//! attempt. A refusal is said only if the change can never take effect: after an accept has gone out, only a round decided
//! under a higher ballot says so.

mod fingerprint;

use super::{Answer, Ask, Cell, Change, ChangeId, Held, Verdict};
use crate::paxos::Ballot;
use crate::quorum::{Group, Quorum};
use ring::NodeId;
use std::collections::BTreeMap;
use stdx::bugs::planted;

/// Whether somebody else may have tried the same change, so that its messages may still be under way.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Tried {
    /// Nobody has.
    #[default]
    No,
    /// Lately: so long as this operation lives, no register that the change may have been made in is collected.
    Lately,
    /// At any time. The register it was made in may have been collected, and the change's id with it.
    Before,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Work<C> {
    /// Find out what is decided.
    Read,
    /// Change it.
    Change {
        /// Names the change.
        id: ChangeId,
        /// The change.
        change: C,
        /// Whether somebody else may have tried it.
        tried: Tried,
    },
}

/// What a proposer keeps of a decided accept: a quorum of `groups` has accepted `cell` and promised `ballot`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Cache<V> {
    /// To be used for one attempt.
    pub ballot: Ballot,
    /// What the attempt applies its change to.
    pub cell: Cell<V>,
    /// Those whose quorum has promised.
    pub groups: Vec<Group>,
}

/// How an operation ended.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Outcome<V> {
    /// A read: this is decided.
    Read(Cell<V>),
    /// The change took effect and made this number. The cell is the newest known, and may be newer.
    Changed {
        /// Made by the change.
        number: u64,
        /// The newest known.
        cell: Cell<V>,
    },
    /// The value was as wished already.
    Kept(Cell<V>),
    /// The change does not apply to what is decided.
    Refused(Cell<V>),
    /// An earlier attempt may have taken effect; too much has changed since to tell.
    Unknown,
}

/// What the caller does next.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Step<V> {
    /// Nothing yet.
    Wait,
    /// Send [`Round::ask`] to every replica of the groups.
    Ask,
    /// Begin the next attempt at once: [`Round::prepare`].
    Again,
    /// Others are at work, or too few can answer: pause for a random while, then begin the next attempt.
    Pause,
    /// It is over.
    Done(Outcome<V>),
}

/// One operation of one proposer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Round<C: Change> {
    work: Work<C>,
    groups: Vec<Group>,
    highest: Ballot,
    phase: Phase<C::Value>,
    /// Replicas that will not answer as wished in this attempt.
    lost: Vec<NodeId>,
    /// The lowest number that our change makes if one of the accepts that went out, for this operation or for an earlier
    /// one with the same change, is decided.
    sent: Option<u64>,
    /// The number from which a register goes on that nobody holds anything of: it may have been collected.
    floor: u64,
    cache: Option<Cache<C::Value>>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase<V> {
    Idle,
    Reading { held: BTreeMap<NodeId, Held<V>> },
    Preparing { ballot: Ballot, next: Ballot, held: BTreeMap<NodeId, Held<V>> },
    Accepting { ballot: Ballot, next: Ballot, cell: Cell<V>, accepted: Quorum, keeps: bool, end: Outcome<V> },
    Over,
}

impl<C: Change> Round<C> {
    /// An operation that has not begun. `floor`: no register that was collected by then had a higher number.
    pub fn new(work: Work<C>, floor: u64) -> Round<C> {
        let sent = match &work {
            Work::Change { change, tried: Tried::Lately | Tried::Before, .. } => Some(change.number_at_least()),
            Work::Change { .. } | Work::Read => None,
        };
        let floor = if planted("versions begin anew after a collection") { 0 } else { floor };
        let highest = Ballot::default();
        Round { work, groups: Vec::new(), highest, phase: Phase::Idle, lost: Vec::new(), sent, floor, cache: None }
    }

    /// Begins with one round trip that changes nothing: for reads, and for changes that look refused.
    pub fn read(&mut self, groups: Vec<Group>) {
        self.begin(groups, Phase::Reading { held: BTreeMap::new() });
    }

    /// Begins an attempt under a ballot that was never used, above [`Round::highest`]; `next` is another such, above it.
    pub fn prepare(&mut self, groups: Vec<Group>, ballot: Ballot, next: Ballot) {
        debug_assert!(self.highest < ballot && ballot < next, "a ballot must be above those seen and tried");
        self.highest = self.highest.max(ballot);
        self.begin(groups, Phase::Preparing { ballot, next, held: BTreeMap::new() });
    }

    /// Begins with the accept, on the strength of an earlier one. Returns false, and does nothing, if the change is not
    /// one that would write, or may have been made before: then it is to be begun with a read.
    pub fn accept(&mut self, cache: Cache<C::Value>, next: Ballot) -> bool {
        let Work::Change { id, change, .. } = &self.work else { return false };
        let is_made = cache.cell.number_of(*id).is_some() || self.may_be_forgotten(Some(&cache.cell));
        if is_made && !planted("a change is made again when asked again") {
            return false;
        }
        let Verdict::Write(value) = change.apply(&cache.cell) else { return false };
        let cell = cache.cell.after(*id, value);
        self.highest = self.highest.max(cache.ballot);
        self.begin(cache.groups, Phase::Idle);
        self.propose(cache.ballot, next, cell);
        true
    }

    fn begin(&mut self, groups: Vec<Group>, phase: Phase<C::Value>) {
        self.groups = groups;
        self.lost.clear();
        self.phase = phase;
    }

    /// What to ask every replica.
    pub fn ask(&self) -> Option<Ask<C::Value>> {
        match &self.phase {
            Phase::Reading { .. } => Some(Ask::Read),
            Phase::Preparing { ballot, .. } => Some(Ask::Prepare(*ballot)),
            Phase::Accepting { ballot, next, cell, .. } => {
                Some(Ask::Accept { ballot: *ballot, cell: cell.clone(), next: *next })
            }
            Phase::Idle | Phase::Over => None,
        }
    }

    /// Whom to ask.
    pub fn replicas(&self) -> Vec<NodeId> {
        Quorum::new(self.groups.clone()).replicas()
    }

    /// Replicas that have not answered the present question.
    pub fn silent(&self) -> Vec<NodeId> {
        let answered = |node: &NodeId| match &self.phase {
            Phase::Reading { held } | Phase::Preparing { held, .. } => held.contains_key(node),
            Phase::Accepting { accepted, .. } => accepted.has(*node),
            Phase::Idle | Phase::Over => true,
        };
        self.replicas().into_iter().filter(|node| !answered(node) && !self.lost.contains(node)).collect()
    }

    /// The highest ballot seen or tried; the next attempt's must be above it.
    pub fn highest(&self) -> Ballot {
        self.highest
    }

    /// What is being done.
    pub fn work(&self) -> &Work<C> {
        &self.work
    }

    /// True if the change may take effect although it has not been said to have.
    pub fn may_take_effect(&self) -> bool {
        self.sent.is_some()
    }

    /// Good for one attempt at the next change; there is one at most, after the end.
    pub fn take_cache(&mut self) -> Option<Cache<C::Value>> {
        self.cache.take()
    }

    /// Answers had and needed, in the group that lacks most.
    pub fn counted(&self) -> (usize, usize) {
        match &self.phase {
            Phase::Reading { held } | Phase::Preparing { held, .. } => self.quorum_of(held.keys()).worst(),
            Phase::Accepting { accepted, .. } => accepted.worst(),
            Phase::Idle | Phase::Over => Quorum::new(self.groups.clone()).worst(),
        }
    }

    /// Replicas that have answered or may, if only the `hopeful` could, and answers needed, in the group that lacks most.
    pub fn within_reach(&self, hopeful: impl Fn(NodeId) -> bool) -> (usize, usize) {
        let hopeful = |node| !self.lost.contains(&node) && hopeful(node);
        match &self.phase {
            Phase::Reading { held } | Phase::Preparing { held, .. } => {
                self.quorum_of(held.keys()).within_reach(hopeful)
            }
            Phase::Accepting { accepted, .. } => accepted.within_reach(hopeful),
            Phase::Idle | Phase::Over => Quorum::new(self.groups.clone()).within_reach(hopeful),
        }
    }

    /// True if only the replicas that are `hopeful` could still make the present question succeed.
    pub fn has_hope(&self, hopeful: impl Fn(NodeId) -> bool) -> bool {
        let (reachable, needed) = self.within_reach(hopeful);
        matches!(self.phase, Phase::Idle | Phase::Over) || reachable >= needed
    }

    /// True if an attempt that begins anew could succeed if only the replicas that are `hopeful` answered it.
    pub fn is_worth_another(&self, hopeful: impl Fn(NodeId) -> bool) -> bool {
        let (reachable, needed) = Quorum::new(self.groups.clone()).within_reach(hopeful);
        reachable >= needed
    }

    /// A replica refuses or fails.
    pub fn on_lost(&mut self, from: NodeId) -> Step<C::Value> {
        if !self.lost.contains(&from) {
            self.lost.push(from);
            self.lost.sort_unstable();
        }
        match &self.phase {
            Phase::Idle | Phase::Over => Step::Wait,
            Phase::Reading { .. } => self.weigh(),
            _ if self.has_hope(|_| true) => Step::Wait,
            _ => self.give_up(),
        }
    }

    /// A replica has answered. Answers to anything but the present question count for nothing.
    pub fn on_answer(&mut self, from: NodeId, answer: Answer<C::Value>) -> Step<C::Value> {
        match answer {
            Answer::Held(theirs) => {
                let Phase::Reading { held } = &mut self.phase else { return Step::Wait };
                held.insert(from, theirs);
                self.weigh()
            }
            Answer::Promised(promised, theirs) => match &mut self.phase {
                Phase::Preparing { ballot, held, .. } if *ballot == promised => {
                    held.insert(from, theirs);
                    self.on_promise()
                }
                _ => Step::Wait,
            },
            Answer::Accepted { ballot: theirs, next } => match &mut self.phase {
                Phase::Accepting { ballot, accepted, keeps, .. } if *ballot == theirs => {
                    accepted.add(from);
                    *keeps &= next;
                    self.on_acceptance()
                }
                _ => Step::Wait,
            },
            Answer::Nack { ballot: refused, promised } => {
                self.highest = self.highest.max(promised);
                match &self.phase {
                    Phase::Preparing { ballot, .. } | Phase::Accepting { ballot, .. } if *ballot == refused => {
                        self.on_lost(from)
                    }
                    _ => Step::Wait,
                }
            }
        }
    }

    /// The caller does not want to wait for the replicas that have not answered: a read whose answers differ is to be
    /// decided by a round. A read whose attempt was refused, and of which a quorum has been heard, begins another one; a change
    /// waits, for a client that asked elsewhere may have been told already that it is refused.
    pub fn hurry(&mut self) -> Step<C::Value> {
        let is_read = matches!(self.work, Work::Read);
        let heard = |answered: Quorum| {
            let mut heard = answered;
            self.lost.iter().for_each(|node| heard.add(*node));
            is_read && !self.lost.is_empty() && heard.is_met()
        };
        match &self.phase {
            Phase::Reading { held } if self.quorum_of(held.keys()).is_met() => self.give_up_reading(),
            Phase::Preparing { held, .. } if heard(self.quorum_of(held.keys())) => self.give_up(),
            Phase::Accepting { accepted, .. } if heard(accepted.clone()) => self.give_up(),
            _ => Step::Wait,
        }
    }

    fn quorum_of<'a>(&self, nodes: impl Iterator<Item = &'a NodeId>) -> Quorum {
        let mut quorum = Quorum::new(self.groups.clone());
        nodes.for_each(|node| quorum.add(*node));
        quorum
    }

    /// An answer to a read came in, or will not come.
    fn weigh(&mut self) -> Step<C::Value> {
        let Phase::Reading { held } = &self.phase else { return Step::Wait };
        let ballots: Vec<Ballot> = held.values().map(under).collect();
        let mut hope = false;
        for ballot in ballots {
            let votes = self.quorum_of(voters(held, ballot));
            if votes.is_met() || planted("a register is read from one replica") {
                let cell = held.values().find(|held| under(held) == ballot).map(cell_of).unwrap_or_default();
                return self.on_decided(cell);
            }
            let silent = |node: NodeId| !held.contains_key(&node) && !self.lost.contains(&node);
            hope |= votes.can_be_met(silent);
        }
        let answered = self.quorum_of(held.keys());
        let silent = |node: NodeId| !held.contains_key(&node) && !self.lost.contains(&node);
        if hope || (held.is_empty() && answered.can_be_met(silent)) {
            Step::Wait
        } else if answered.can_be_met(silent) {
            self.give_up_reading()
        } else {
            self.give_up()
        }
    }

    /// A read found what is decided.
    fn on_decided(&mut self, cell: Cell<C::Value>) -> Step<C::Value> {
        let outcome = match &self.work {
            Work::Read => Outcome::Read(cell),
            // Messages of an earlier attempt may still make it take effect, so what is decided now says nothing.
            Work::Change { .. } if self.sent.is_some() && !planted("a change under way is refused at once") => {
                return self.give_up_reading();
            }
            Work::Change { change, .. } => match change.apply(&cell) {
                Verdict::Write(_) => return self.give_up_reading(),
                Verdict::Keep => Outcome::Kept(cell),
                Verdict::Refuse => Outcome::Refused(cell),
            },
        };
        self.phase = Phase::Over;
        Step::Done(outcome)
    }

    fn give_up_reading(&mut self) -> Step<C::Value> {
        self.phase = Phase::Idle;
        Step::Again
    }

    fn give_up(&mut self) -> Step<C::Value> {
        self.phase = Phase::Idle;
        Step::Pause
    }

    fn on_promise(&mut self) -> Step<C::Value> {
        let Phase::Preparing { ballot, next, held } = &self.phase else { return Step::Wait };
        if !self.quorum_of(held.keys()).is_met() {
            return Step::Wait;
        }
        let (ballot, next) = (*ballot, *next);
        let any = || held.values().next();
        let highest = if planted("a condition is checked against any copy") {
            any()
        } else {
            held.values().max_by_key(|held| under(held))
        };
        let votes = voters(held, highest.map_or_else(Ballot::default, under));
        let is_decided = self.quorum_of(votes).is_met();
        let found = highest.and_then(|held| held.accepted.as_ref()).map(|(_, cell)| cell);
        let nothing = || Cell { number: self.floor, ..Cell::default() };
        let current = found.cloned().unwrap_or_else(nothing);
        let (end, settled) = match self.judge(&current, found.is_some()) {
            Judgement::Write(cell) => {
                self.propose(ballot, next, cell);
                return Step::Ask;
            }
            Judgement::End(end) => (end, is_decided),
            Judgement::EndDecided(end) => (end, false),
            Judgement::Forgotten => (Outcome::Unknown, true),
        };
        if settled {
            self.phase = Phase::Over;
            return Step::Done(end);
        }
        self.vote_for(ballot, next, current, end);
        Step::Ask
    }

    /// What to do on the strength of the highest cell that a quorum has told with its promises.
    fn judge(&self, current: &Cell<C::Value>, is_held: bool) -> Judgement<C::Value> {
        let Work::Change { id, change, .. } = &self.work else {
            return Judgement::End(Outcome::Read(current.clone()));
        };
        if let Some(number) = current.number_of(*id).filter(|_| !planted("a change is made again when asked again")) {
            return Judgement::End(Outcome::Changed { number, cell: current.clone() });
        }
        if self.may_be_forgotten(Some(current).filter(|_| is_held)) {
            return Judgement::Forgotten;
        }
        let end = match change.apply(current) {
            Verdict::Write(value) => return Judgement::Write(current.after(*id, value)),
            Verdict::Keep => Outcome::Kept(current.clone()),
            Verdict::Refuse => Outcome::Refused(current.clone()),
        };
        // An accept of an earlier attempt may be with a replica that has not promised our ballot. Once a round is decided
        // under it, no later one can take that up.
        if self.sent.is_some() && !planted("a change under way is refused at once") {
            Judgement::EndDecided(end)
        } else {
            Judgement::End(end)
        }
    }

    /// Whether our change, whose id is not in what is held, if anything is, may have been made so long ago that its id is not
    /// remembered. Then it is better not to know than to make it twice. Where nothing is held nothing was ever made, or its
    /// register was collected; not while this operation lives.
    fn may_be_forgotten(&self, held: Option<&Cell<C::Value>>) -> bool {
        match (held, &self.work) {
            (Some(cell), _) => self.sent.is_some_and(|sent| cell.number >= sent && !cell.remembers(sent)),
            (None, Work::Change { tried: Tried::Before, .. }) => {
                self.floor > 0 && !planted("a change is made again when its register is gone")
            }
            (None, _) => false,
        }
    }

    /// Sends our change out.
    fn propose(&mut self, ballot: Ballot, next: Ballot, cell: Cell<C::Value>) {
        self.sent = Some(self.sent.map_or(cell.number, |sent| sent.min(cell.number)));
        let end = Outcome::Changed { number: cell.number, cell: cell.clone() };
        self.vote_for(ballot, next, cell, end);
    }

    fn vote_for(&mut self, ballot: Ballot, next: Ballot, cell: Cell<C::Value>, end: Outcome<C::Value>) {
        let accepted = Quorum::new(self.groups.clone());
        self.lost.clear();
        self.phase = Phase::Accepting { ballot, next, cell, accepted, keeps: true, end };
    }

    fn on_acceptance(&mut self) -> Step<C::Value> {
        let Phase::Accepting { accepted, .. } = &self.phase else { return Step::Wait };
        if !accepted.is_met() {
            return Step::Wait;
        }
        let Phase::Accepting { next, cell, keeps, end, .. } = std::mem::replace(&mut self.phase, Phase::Over) else {
            unreachable!("just matched");
        };
        if keeps {
            self.cache = Some(Cache { ballot: next, cell, groups: self.groups.clone() });
        }
        Step::Done(end)
    }
}

/// What follows from the promises of a quorum.
enum Judgement<V> {
    /// Ask to accept this, which holds our change.
    Write(Cell<V>),
    /// It is over as soon as the current cell is decided.
    End(Outcome<V>),
    /// It is over when the current cell is decided under our own ballot.
    EndDecided(Outcome<V>),
    /// Our change may be among those that the register does not remember any more.
    Forgotten,
}

/// What is decided, if these answers of one epoch say so: a quorum of every group has voted under one ballot.
pub fn decided<V: Clone>(groups: &[Group], held: &BTreeMap<NodeId, Held<V>>) -> Option<Cell<V>> {
    let is_decided = |of: &&Held<V>| {
        let mut votes = Quorum::new(groups.to_vec());
        voters(held, under(of)).for_each(|node| votes.add(*node));
        votes.is_met()
    };
    held.values().find(is_decided).map(cell_of)
}

/// The ballot under which a replica holds what it holds.
fn under<V>(held: &Held<V>) -> Ballot {
    held.accepted.as_ref().map_or_else(Ballot::default, |(ballot, _)| *ballot)
}

fn cell_of<V: Clone>(held: &Held<V>) -> Cell<V> {
    held.accepted.as_ref().map_or_else(Cell::default, |(_, cell)| cell.clone())
}

/// Those who have voted for `ballot`.
fn voters<V>(held: &BTreeMap<NodeId, Held<V>>, ballot: Ballot) -> impl Iterator<Item = &NodeId> {
    held.iter().filter(move |(_, held)| held.voted && under(held) == ballot).map(|(node, _)| node)
}
