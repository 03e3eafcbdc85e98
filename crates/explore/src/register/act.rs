//! What can happen in a state, and what comes of it.

use super::case::{Bug, Case};
use super::state::{Question, State};
use super::world::{Cause, World};
use proto::paxos::register::Ask;

/// Something that happens. Places are those in the state it happens in.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// A proposer begins its next operation.
    Begin(u8),
    /// A question arrives at a replica.
    Arrive {
        /// The place of the question.
        question: u8,
        /// At whom.
        at: u8,
        /// Its answer arrives, too, before anything else happens: later makes no difference, for it would be counted as it is.
        heard: bool,
    },
    /// A proposer gives its attempt up.
    GiveUp(u8),
    /// A replica loses what is not durable.
    Die(u8),
    /// A proposer dies and begins a new life.
    Reborn(u8),
    /// A replica learns of the change.
    Fence(u8),
    /// A proposer learns of the change.
    Learn(u8),
    /// An old replica sends a joiner what it holds now.
    Give {
        /// Who.
        from: u8,
        /// To whom.
        to: u8,
    },
    /// It arrives.
    Take(u8),
    /// A proposer lets the old view go.
    Settle(u8),
}

impl State {
    pub(super) fn actions(&self, case: &Case, world: &mut World, actions: &mut Vec<Action>) {
        if self.proposers.iter().all(|proposer| world.proposer(*proposer).is_finished) {
            return;
        }
        for (at, proposer) in self.proposers.iter().enumerate() {
            let (place, proposer) = (at as u8, world.proposer(*proposer));
            match (proposer.round.is_some(), proposer.goes_on(case)) {
                (true, true) => actions.push(Action::GiveUp(place)),
                (false, true) => actions.push(Action::Begin(place)),
                (_, false) => {}
            }
            if self.rebirths < case.rebirths && proposer.has_something() {
                actions.push(Action::Reborn(place));
            }
        }
        for (place, question) in self.questions.iter().enumerate() {
            for at in (0..self.replicas.len() as u8).filter(|at| question.to >> at & 1 == 1) {
                let arrive = |heard| Action::Arrive { question: place as u8, at, heard };
                let (is_new, says) = self.what_changes(case, world, *question, at);
                let both = [(is_new, arrive(false)), (says, arrive(true))];
                actions.extend(both.into_iter().filter(|(does, _)| *does).map(|(_, action)| action));
            }
        }
        if self.deaths < case.deaths {
            let differs = |at: &u8| self.replicas[usize::from(*at)].held != self.replicas[usize::from(*at)].stored;
            actions.extend((0..self.replicas.len() as u8).filter(differs).map(Action::Die));
        }
        if case.change.is_some() {
            self.moves(case, world, actions);
        }
    }

    /// Whether a question that arrives changes the replica, and whether its answer changes the proposer. (Leaving out what
    /// changes nothing is for speed only.)
    fn what_changes(&self, case: &Case, world: &mut World, question: Question, at: u8) -> (bool, bool) {
        let replica = self.replicas[usize::from(at)];
        if question.epoch != replica.epoch && case.bug != Some(Bug::NoFence) {
            return (false, false);
        }
        let (held, answer) = world.ask(replica.held, question.ask);
        let says = question.is_open && {
            let proposer = self.proposers[usize::from(question.proposer)];
            let followed = world.follow(case, proposer, Cause::Answer(at, answer));
            followed.proposer != proposer || !followed.said.is_empty()
        };
        (held != replica.held || replica.held != replica.stored, says)
    }

    /// The steps of a change of the replicas.
    fn moves(&self, case: &Case, world: &World, actions: &mut Vec<Action>) {
        let knows = |at: &u8| self.replicas[usize::from(*at)].epoch == 2;
        let is_fenced = case.before.iter().all(|at| knows(at) || case.is_absent(*at));
        for at in &case.before {
            if !knows(at) {
                actions.push(Action::Fence(*at));
            }
            let may_give = is_fenced && knows(at) || case.bug == Some(Bug::SeededBeforeFence);
            for joiner in case.joiners().into_iter().filter(|_| may_give) {
                let under_way = self.gifts.iter().any(|(from, to, _)| (*from, *to) == (*at, joiner));
                if !under_way && self.replicas[usize::from(*at)].given >> joiner & 1 == 0 {
                    actions.push(Action::Give { from: *at, to: joiner });
                }
            }
        }
        actions.extend((0..self.gifts.len() as u8).map(Action::Take));
        let all = case.joiners().iter().fold(0, |all, joiner| all | 1 << joiner);
        let has_given = |at: &u8| self.replicas[usize::from(*at)].given == all || case.is_absent(*at);
        let is_seeded = is_fenced && (case.before.iter().all(has_given) || case.bug == Some(Bug::JoinerNotSeeded));
        for (at, proposer) in self.proposers.iter().enumerate() {
            let proposer = world.proposer(*proposer);
            match (proposer.epoch, proposer.stable) {
                _ if proposer.is_finished => {}
                (1, _) => actions.push(Action::Learn(at as u8)),
                (2, 1) if is_seeded => actions.push(Action::Settle(at as u8)),
                _ => {}
            }
        }
    }

    pub(super) fn apply(&mut self, case: &Case, world: &mut World, action: Action) -> Result<(), String> {
        match action {
            Action::Begin(at) => self.follow(case, world, usize::from(at), Cause::Begin(self.order.floor()))?,
            Action::Arrive { question, at, heard } => {
                let Question { proposer, ask, .. } = self.questions[usize::from(question)];
                let answer = self.arrive(case, world, ask, at);
                if heard {
                    self.follow(case, world, usize::from(proposer), Cause::Answer(at, answer))?;
                }
            }
            Action::GiveUp(at) => self.follow(case, world, usize::from(at), Cause::GiveUp)?,
            Action::Die(at) => {
                self.deaths += 1;
                let replica = &mut self.replicas[usize::from(at)];
                replica.held = replica.stored;
            }
            Action::Reborn(at) => {
                self.rebirths += 1;
                self.follow(case, world, usize::from(at), Cause::Reborn)?;
            }
            Action::Fence(at) => self.replicas[usize::from(at)].epoch = 2,
            Action::Learn(at) | Action::Settle(at) => self.follow(case, world, usize::from(at), Cause::SeeViews)?,
            Action::Give { from, to } => {
                let gift = (from, to, self.replicas[usize::from(from)].stored);
                let place = self.gifts.partition_point(|(other, whom, _)| (*other, *whom) < (from, to));
                self.gifts.insert(place, gift);
            }
            Action::Take(place) => {
                let (from, to, gift) = self.gifts.remove(usize::from(place));
                let replica = &mut self.replicas[usize::from(to)];
                replica.held = world.merge(replica.held, gift);
                replica.stored = replica.held;
                self.replicas[usize::from(from)].given |= 1 << to;
            }
        }
        self.tidy(case, world);
        Ok(())
    }

    /// A question arrives at a replica, which answers.
    fn arrive(&mut self, case: &Case, world: &mut World, ask: u32, at: u8) -> u32 {
        let replica = &mut self.replicas[usize::from(at)];
        let (held, answer) = world.ask(replica.held, ask);
        replica.held = held;
        let kind = match world.question(ask) {
            Ask::Read => None,
            Ask::Prepare(_) => Some(Bug::PromiseNotStored),
            Ask::Accept { .. } => Some(Bug::AcceptNotStored),
        };
        if kind.is_some() && kind != case.bug {
            replica.stored = held;
        }
        answer
    }
}
