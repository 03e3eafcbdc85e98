//! The comparisons that this node drives: with whom, about which window, and when.
//!
//! Invariant: a few comparisons at once, each about another window. While nothing differs a peer is asked about one window
//! per `compare_every`; after a difference was found, or when an operator asks, everything is compared once without that
//! pause.

use super::knowledge::Knowledge;
use super::repairs::Repairs;
use super::round::{Next, Phase, Round};
use super::shared::Shared;
use crate::core::Core;
use crate::ids::SessionId;
use crate::input::Note;
use crate::message::{Differences, Message};
use crate::store::{Purpose, StoreOp, StoreOutcome};
use crate::tree::{Patch, Tree};
use ring::{NodeId, PartitionId};
use std::collections::{BTreeMap, BTreeSet};
use stdx::{Mono, Span};

/// An answer that takes longer is not waited for.
const ANSWER_TIME: Span = Span::secs(10);
/// Comparisons with one peer at once.
const WITH_ONE_MAX: usize = 4;
/// Comparisons at once.
const ROUNDS_MAX: usize = 16;
/// Between the beginnings of two comparisons with one peer, when there is no other reason to wait.
const SHORT_PAUSE: Span = Span::millis(50);

/// Comparisons under way, and when the next begin.
#[derive(Clone, Default)]
pub(super) struct Rounds {
    active: BTreeMap<SessionId, Round>,
    next_at: Mono,
    /// Where the next window begins, for each peer.
    cursor: BTreeMap<NodeId, usize>,
    /// Trees that are to be compared without a pause, for each peer, and when the next comparison may begin.
    hurry: BTreeMap<NodeId, (usize, Mono)>,
}

impl Rounds {
    pub(super) fn running(&self) -> usize {
        self.active.len()
    }

    /// Trees that are still to be compared without a pause.
    pub(super) fn left(&self) -> usize {
        self.hurry.values().map(|(left, _)| left).sum()
    }

    pub(super) fn next_deadline(&self, core: &Core) -> Option<Mono> {
        let alone = core.history.current().ring.len() < 2;
        let wakes = self.active.values().map(|round| round.wake_at);
        let hurry = self.hurry.values().map(|(_, at)| *at).filter(|_| self.active.len() < ROUNDS_MAX);
        wakes.chain(hurry).chain((!alone).then_some(self.next_at)).min()
    }

    pub(super) fn on_time(&mut self, core: &mut Core, shared: &Shared, repairs: &Repairs) {
        self.wake(core);
        let every = core.config.compare_every;
        let due: Vec<NodeId> =
            self.hurry.iter().filter(|(_, (_, at))| *at <= core.now.mono).map(|(peer, _)| *peer).collect();
        for peer in due {
            let began = if repairs.is_idle(peer) { self.begin(core, shared, peer) } else { 0 };
            self.hurried(core, peer, began);
        }
        if self.next_at > core.now.mono {
            return;
        }
        self.next_at = core.now.mono + Span(every.0 / 2 + core.prng.below(every.0));
        let peers: Vec<NodeId> = shared.peers().filter(|peer| core.is_usable(*peer)).collect();
        if let Some(peer) = core.prng.pick(&peers).copied().filter(|peer| repairs.is_idle(*peer)) {
            self.begin(core, shared, peer);
        }
    }

    /// Follows a change of the views in use.
    pub(super) fn keep(&mut self, shared: &Shared) {
        self.hurry.retain(|peer, _| !shared.with(*peer).is_empty());
        self.cursor.retain(|peer, _| !shared.with(*peer).is_empty());
    }

    /// Compares everything with everybody, without pauses.
    pub(super) fn run_now(&mut self, core: &Core, shared: &Shared) {
        for peer in shared.peers() {
            self.hurry.insert(peer, (shared.with(peer).len(), core.now.mono));
        }
    }

    fn hurried(&mut self, core: &Core, peer: NodeId, trees: usize) {
        let Some((left, at)) = self.hurry.get_mut(&peer) else { return };
        *left = left.saturating_sub(trees);
        // A peer that cannot be reached, or is busy, is not asked all the time.
        *at = core.now.mono + if trees > 0 { SHORT_PAUSE } else { core.config.compare_every };
        if *left == 0 {
            self.hurry.remove(&peer);
        }
    }

    /// Begins a comparison of the next window; says how many trees it has.
    fn begin(&mut self, core: &mut Core, shared: &Shared, peer: NodeId) -> usize {
        let with_peer = self.active.values().filter(|round| round.with == peer).count();
        if with_peer >= WITH_ONE_MAX || self.active.len() >= ROUNDS_MAX || !core.is_usable(peer) {
            return 0;
        }
        let trees = shared.with(peer);
        let window = self.window(core, peer, trees);
        let size = window.len();
        if size > 0 {
            let round = Round::new(peer, window, core.now.mono + ANSWER_TIME);
            self.ask(core, round);
        }
        size
    }

    /// The next trees, round and round; whole partitions, so that both sides mean the same.
    fn window(&mut self, core: &Core, peer: NodeId, trees: &[Tree]) -> Vec<Tree> {
        let start = self.cursor.get(&peer).copied().filter(|at| *at < trees.len()).unwrap_or(0);
        let mut end = (start + core.config.compare_partitions.max(1)).min(trees.len());
        while end > start && end < trees.len() && trees[end].partition == trees[end - 1].partition {
            end += 1;
        }
        // A change of the views may have moved the beginning into the middle of a partition.
        let mut first = start;
        while first > 0 && first < trees.len() && trees[first].partition == trees[first - 1].partition {
            first -= 1;
        }
        self.cursor.insert(peer, end % trees.len().max(1));
        trees.get(first..end).unwrap_or(&[]).to_vec()
    }

    /// Looks our own hashes up for what a comparison asks next.
    fn ask(&mut self, core: &mut Core, round: Round) {
        let session = core.next_session();
        core.store(Purpose::Compare(session), StoreOp::Hashes { of: round.parts() });
        self.active.insert(session, round);
    }

    /// Our own hashes are known: ask the peer. Returns the partitions whose trees are not known here.
    pub(super) fn on_hashes(&mut self, core: &mut Core, session: SessionId, outcome: StoreOutcome) -> Vec<PartitionId> {
        let (Some(mut round), StoreOutcome::Hashes(hashes)) = (self.active.remove(&session), outcome) else {
            return Vec::new();
        };
        let (spots, unknown) = round.question(hashes, core.now.wall);
        if !spots.is_empty() {
            core.send(round.with, Message::Compare { session, epoch: core.epoch(), spots });
            round.wake_at = core.now.mono + ANSWER_TIME;
            self.active.insert(session, round);
        }
        unknown
    }

    /// The peer, with which this node shares `all` trees, has answered. Gives what differs for certain.
    pub(super) fn on_differ(
        &mut self,
        core: &mut Core,
        knowledge: &mut Knowledge,
        from: NodeId,
        session: SessionId,
        answers: &[Differences],
        all: usize,
    ) -> Option<Vec<Patch>> {
        let mut round = self.active.remove(&session).filter(|round| round.with == from)?;
        match round.answered(knowledge, answers) {
            Next::Over => None,
            Next::Ask => {
                self.ask(core, round);
                None
            }
            Next::Pause => {
                round.wake_at = core.now.mono + core.config.compare_pause;
                // Under another name, so that no answer can come before it is asked again.
                self.active.insert(core.next_session(), round);
                None
            }
            Next::Found(_) if stdx::bugs::planted("differing partitions are left") => None,
            Next::Found(patches) => {
                stdx::marks::hit("anti_entropy_found_a_difference");
                let trees: BTreeSet<Tree> = patches.iter().map(|patch| patch.tree).collect();
                core.note(Note::Differing(from, trees.len() as u32));
                core.send(from, Message::Fetch { epoch: core.epoch(), patches: patches.clone() });
                // Where one thing differs others may: look at everything, and in the end at this again.
                let left = &mut self.hurry.entry(from).or_insert((0, core.now.mono + SHORT_PAUSE)).0;
                *left = all.max(*left);
                Some(patches)
            }
        }
    }

    fn wake(&mut self, core: &mut Core) {
        let due: Vec<SessionId> =
            self.active.iter().filter(|(_, round)| round.wake_at <= core.now.mono).map(|(id, _)| *id).collect();
        for session in due {
            if let Some(mut round) = self.active.remove(&session)
                && round.phase == Phase::Pause
            {
                round.phase = Phase::Again;
                round.wake_at = core.now.mono + ANSWER_TIME;
                self.ask(core, round);
            }
        }
    }

    pub(super) fn on_unreachable(&mut self, peer: NodeId) {
        self.active.retain(|_, round| round.with != peer);
    }
}
