//! What can happen in a state, and what comes of it.

use super::case::{Bug, Case};
use super::state::{Proposer, Question, Reply, State};
use proto::paxos::register::{Ask, Register, Step};
use ring::NodeId;
use stdx::hash::Mixer;

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
    },
    /// A reply arrives.
    Hear(u8),
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
    pub(super) fn actions(&self, case: &Case, actions: &mut Vec<Action>) {
        for (at, proposer) in self.proposers.iter().enumerate() {
            let place = at as u8;
            if proposer.round.is_some() {
                actions.push(Action::GiveUp(place));
            } else if usize::from(proposer.next) < case.proposers[at].len() {
                actions.push(Action::Begin(place));
            }
            if self.rebirths < case.rebirths && (proposer.round.is_some() || proposer.cache.is_some()) {
                actions.push(Action::Reborn(place));
            }
        }
        for (place, question) in self.questions.iter().enumerate() {
            let asked = (0..self.replicas.len() as u8).filter(|at| question.to >> at & 1 == 1);
            let counts = asked.filter(|at| self.changes_something(case, question, *at));
            actions.extend(counts.map(|at| Action::Arrive { question: place as u8, at }));
        }
        let counts = |place: &u8| self.says_something(&self.replies[usize::from(*place)]);
        actions.extend((0..self.replies.len() as u8).filter(counts).map(Action::Hear));
        if self.deaths < case.deaths {
            let differs = |at: &u8| self.replicas[usize::from(*at)].held != self.replicas[usize::from(*at)].stored;
            actions.extend((0..self.replicas.len() as u8).filter(differs).map(Action::Die));
        }
        if case.change.is_some() {
            self.moves(case, actions);
        }
    }

    /// Whether a question that arrives changes anything. (Leaving out what does not is for speed only.)
    fn changes_something(&self, case: &Case, question: &Question, at: u8) -> bool {
        let replica = &self.replicas[usize::from(at)];
        if question.epoch != replica.epoch && case.bug != Some(Bug::NoFence) {
            return false;
        }
        let mut held = replica.held.clone();
        let answer = held.on_ask(question.ask.clone());
        let is_new = |proposer: &Proposer| {
            let reply = Reply { proposer: question.proposer, from: at, answer };
            proposer.round.is_some() && proposer.question == question.number && !self.replies.contains(&reply)
        };
        held != replica.held
            || replica.held != replica.stored
            || is_new(&self.proposers[usize::from(question.proposer)])
    }

    /// Whether a reply that is heard changes anything.
    fn says_something(&self, reply: &Reply) -> bool {
        let Some(round) = &self.proposers[usize::from(reply.proposer)].round else { return false };
        let mut after = round.clone();
        after.on_answer(NodeId(u128::from(reply.from)), reply.answer.clone()) != Step::Wait || after != *round
    }

    /// The steps of a change of the replicas.
    fn moves(&self, case: &Case, actions: &mut Vec<Action>) {
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
            match (proposer.epoch, proposer.stable) {
                (1, _) => actions.push(Action::Learn(at as u8)),
                (2, 1) if is_seeded => actions.push(Action::Settle(at as u8)),
                _ => {}
            }
        }
    }

    pub(super) fn apply(&mut self, case: &Case, action: Action) -> Result<(), String> {
        match action {
            Action::Begin(at) => self.begin(case, usize::from(at))?,
            Action::Arrive { question, at } => self.arrive(case, usize::from(question), at),
            Action::Hear(place) => {
                let Reply { proposer, from, answer } = self.replies[usize::from(place)].clone();
                let at = usize::from(proposer);
                if let Some(mut round) = self.proposers[at].round.take() {
                    let step = round.on_answer(NodeId(u128::from(from)), answer);
                    self.follow(case, at, round, step)?;
                }
            }
            Action::GiveUp(at) => {
                let at = usize::from(at);
                if let Some(round) = self.proposers[at].round.take() {
                    self.attempt(case, at, round)?;
                }
            }
            Action::Die(at) => {
                self.deaths += 1;
                let replica = &mut self.replicas[usize::from(at)];
                replica.held = replica.stored.clone();
            }
            Action::Reborn(at) => {
                self.rebirths += 1;
                self.close(usize::from(at));
                let proposer = &mut self.proposers[usize::from(at)];
                (proposer.cache, proposer.counter, proposer.life) = (None, 0, proposer.life + 1);
            }
            Action::Fence(at) => self.replicas[usize::from(at)].epoch = 2,
            Action::Learn(at) | Action::Settle(at) => self.see_views(case, usize::from(at))?,
            Action::Give { from, to } => {
                let gift = (from, to, self.replicas[usize::from(from)].stored.clone());
                let place = self.gifts.partition_point(|(other, whom, _)| (*other, *whom) < (from, to));
                self.gifts.insert(place, gift);
            }
            Action::Take(place) => {
                let (from, to, gift) = self.gifts.remove(usize::from(place));
                self.merge(to, &gift);
                self.replicas[usize::from(from)].given |= 1 << to;
            }
        }
        Ok(())
    }

    fn arrive(&mut self, case: &Case, place: usize, at: u8) {
        let question = self.questions[place].clone();
        let replica = &mut self.replicas[usize::from(at)];
        if question.epoch != replica.epoch && case.bug != Some(Bug::NoFence) {
            return;
        }
        let kind = match question.ask {
            Ask::Read => None,
            Ask::Prepare(_) => Some(Bug::PromiseNotStored),
            Ask::Accept { .. } => Some(Bug::AcceptNotStored),
        };
        let answer = replica.held.on_ask(question.ask);
        if kind.is_some() && kind != case.bug {
            replica.stored = replica.held.clone();
        }
        let proposer = &self.proposers[usize::from(question.proposer)];
        if proposer.round.is_none() || proposer.question != question.number {
            return;
        }
        let reply = Reply { proposer: question.proposer, from: at, answer };
        if !self.replies.contains(&reply) {
            self.replies.push(reply);
            self.replies.sort_by_cached_key(name);
        }
    }

    fn merge(&mut self, to: u8, gift: &Register<Vec<u8>>) {
        let replica = &mut self.replicas[usize::from(to)];
        replica.held.merge(gift);
        replica.stored = replica.held.clone();
    }

    /// A proposer sees the next views: an attempt under way is given up and begun anew.
    fn see_views(&mut self, case: &Case, at: usize) -> Result<(), String> {
        let proposer = &mut self.proposers[at];
        if proposer.epoch == 1 {
            proposer.epoch = 2;
        } else {
            proposer.stable = 2;
        }
        match proposer.round.take() {
            Some(round) => self.anew(case, at, round),
            None => Ok(()),
        }
    }
}

/// A number by which replies are put in order.
fn name(reply: &Reply) -> (u8, u8, u64) {
    let mut hasher = crate::search::Hashed(Mixer::new(3));
    std::hash::Hash::hash(&reply.answer, &mut hasher);
    (reply.proposer, reply.from, std::hash::Hasher::finish(&hasher))
}
