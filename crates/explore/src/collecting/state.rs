//! A state of the model, what can happen in it, and what comes of it.
//!
//! Invariant: what does not matter for what can happen is not in it, so states that behave alike are equal.

use super::case::{Bug, Case, Deed};
use super::proposer::{List, Proposer, Said};
use super::told::Told;
use proto::paxos::register::{Ask, Floor, Outcome, Register};

/// A question that was asked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Question {
    proposer: u8,
    /// Its proposer waits for answers to it.
    is_open: bool,
    era: u8,
    ask: Ask<List>,
}

/// How far a collection is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    Idle,
    /// The replicas held this and may let go of it.
    Agreed(Register<List>),
    /// These still may let go of it, one bit for each.
    LettingGo(Register<List>, u8),
}

/// Everything.
#[derive(Clone, Hash, Debug)]
pub struct State {
    replicas: Vec<Register<List>>,
    proposers: Vec<Proposer>,
    /// In the order of their proposers, and of each in that of asking.
    questions: Vec<Question>,
    /// What repairs have read: in which era, for whom.
    gifts: Vec<(u8, u8, Register<List>)>,
    phase: Phase,
    /// Collections agreed upon, and those of which the earlier messages are refused.
    era: u8,
    refused_below: u8,
    repairs: u8,
    told: Told,
}

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
        /// Its answer arrives, too.
        heard: bool,
    },
    /// A proposer gives its attempt up.
    GiveUp(u8),
    /// The replicas agree that what they hold may go.
    Agree,
    /// A proposer hears of the floor.
    Hear(u8),
    /// Everybody knows the floor, and who began without it is gone.
    Clear,
    /// A replica lets go.
    LetGo(u8),
    /// The others do not.
    Leave,
    /// A repair reads what a replica holds, for another one.
    Copy {
        /// From whom.
        from: u8,
        /// For whom.
        to: u8,
    },
    /// The other one takes it.
    Take(u8),
}

impl State {
    pub(super) fn new(case: &Case) -> State {
        State {
            replicas: vec![Register::default(); usize::from(case.replicas)],
            proposers: (0..case.proposers.len()).map(Proposer::new).collect(),
            questions: Vec::new(),
            gifts: Vec::new(),
            phase: Phase::Idle,
            era: 0,
            refused_below: 0,
            repairs: 0,
            told: Told::default(),
        }
    }

    pub(super) fn actions(&self, case: &Case, actions: &mut Vec<Action>) {
        if self.proposers.iter().all(|proposer| proposer.round.is_none() && !proposer.has_more(case)) {
            return;
        }
        for (at, proposer) in self.proposers.iter().enumerate() {
            match proposer.round.is_some() {
                true if proposer.goes_on(case) => actions.push(Action::GiveUp(at as u8)),
                false if proposer.has_more(case) => actions.push(Action::Begin(at as u8)),
                _ => {}
            }
        }
        for (place, question) in self.questions.iter().enumerate() {
            for at in 0..case.replicas {
                let mut held = self.replicas[usize::from(at)].clone();
                let answer = held.on_ask(question.ask.clone());
                let arrive = |heard| Action::Arrive { question: place as u8, at, heard };
                if held != self.replicas[usize::from(at)] {
                    actions.push(arrive(false));
                }
                let mut proposer = self.proposers[usize::from(question.proposer)].clone();
                let said = if question.is_open { proposer.hear(case, at, answer) } else { Said::Nothing };
                if !matches!(said, Said::Nothing) || proposer != self.proposers[usize::from(question.proposer)] {
                    actions.push(arrive(true));
                }
            }
        }
        self.collections(case, actions);
        if self.repairs < case.repairs {
            let pairs = (0..case.replicas).flat_map(|from| (0..case.replicas).map(move |to| (from, to)));
            let does = |(from, to): &(u8, u8)| {
                let mut held = self.replicas[usize::from(*to)].clone();
                held.merge(&self.replicas[usize::from(*from)])
            };
            actions.extend(pairs.filter(does).map(|(from, to)| Action::Copy { from, to }));
        }
        actions.extend((0..self.gifts.len() as u8).map(Action::Take));
    }

    fn collections(&self, case: &Case, actions: &mut Vec<Action>) {
        match &self.phase {
            Phase::Idle if self.era < case.collections && self.agreed().is_some() => actions.push(Action::Agree),
            Phase::Idle => {}
            Phase::Agreed(held) => {
                let floor = floor(held);
                let unheard = |at: &u8| !self.has_heard(case, usize::from(*at), floor);
                let places = 0..self.proposers.len() as u8;
                let all_heard = !places.clone().any(|at| unheard(&at)) || case.is(Bug::FloorUnheard);
                actions.extend(places.filter(unheard).map(Action::Hear));
                let is_clear = |proposer: &Proposer| proposer.round.is_none() || proposer.era >= self.era;
                if all_heard && self.proposers.iter().all(is_clear) {
                    actions.push(Action::Clear);
                }
            }
            Phase::LettingGo(held, left) => {
                let lets_go = |at: &u8| {
                    let is_it = self.replicas[usize::from(*at)].state == held.state;
                    left >> at & 1 == 1 && (is_it || case.is(Bug::LetsGoOfAnything))
                };
                actions.extend((0..case.replicas).filter(lets_go).map(Action::LetGo));
                if self.era < case.collections {
                    actions.push(Action::Leave);
                }
            }
        }
    }

    /// What all replicas hold, if it is spent.
    fn agreed(&self) -> Option<&Register<List>> {
        let held = self.replicas.first()?;
        let is_spent = held.cell().is_none_or(|cell| cell.value.is_none()) && *held != Register::default();
        (is_spent && self.replicas.iter().all(|other| other.state == held.state)).then_some(held)
    }

    /// True if a proposer has heard of a floor, or does nothing any more.
    fn has_heard(&self, case: &Case, at: usize, floor: Floor) -> bool {
        let proposer = &self.proposers[at];
        proposer.floor.merged(floor) == proposer.floor || proposer.round.is_none() && !proposer.has_more(case)
    }

    pub(super) fn apply(&mut self, case: &Case, action: Action) -> Result<(), String> {
        match action {
            Action::Begin(at) => self.begin(case, usize::from(at))?,
            Action::Arrive { question, at, heard } => {
                let Question { proposer, ask, .. } = self.questions[usize::from(question)].clone();
                let answer = self.replicas[usize::from(at)].on_ask(ask);
                if heard {
                    let said = self.proposers[usize::from(proposer)].hear(case, at, answer);
                    self.follow(case, usize::from(proposer), said)?;
                }
            }
            Action::GiveUp(at) => {
                let said = self.proposers[usize::from(at)].give_up(case);
                self.follow(case, usize::from(at), said)?;
            }
            Action::Agree => {
                self.phase = self.agreed().cloned().map_or(Phase::Idle, Phase::Agreed);
                self.era += 1;
            }
            Action::Hear(at) => {
                if let Phase::Agreed(held) = &self.phase {
                    let proposer = &mut self.proposers[usize::from(at)];
                    proposer.floor = proposer.floor.merged(floor(held));
                }
            }
            Action::Clear => {
                self.refused_below = self.era;
                let all = (1 << case.replicas) - 1;
                if let Phase::Agreed(held) = std::mem::replace(&mut self.phase, Phase::Idle) {
                    self.phase = Phase::LettingGo(held, all);
                }
            }
            Action::LetGo(at) => {
                self.replicas[usize::from(at)] = Register::default();
                if let Phase::LettingGo(_, left) = &mut self.phase {
                    *left &= !(1 << at);
                }
            }
            Action::Leave => self.phase = Phase::Idle,
            Action::Copy { from, to } => {
                self.repairs += 1;
                self.gifts.push((self.era, to, self.replicas[usize::from(from)].clone()));
            }
            Action::Take(place) => {
                let (_, to, gift) = self.gifts.remove(usize::from(place));
                self.replicas[usize::from(to)].merge(&gift);
            }
        }
        self.tidy(case);
        Ok(())
    }

    fn begin(&mut self, case: &Case, at: usize) -> Result<(), String> {
        // Whoever has not heard of the collection under way counts as having begun before it.
        let is_behind = matches!(&self.phase, Phase::Agreed(held) if !self.has_heard(case, at, floor(held)));
        let (era, least) = (self.era - u8::from(is_behind), self.told.least());
        let proposer = &mut self.proposers[at];
        (proposer.era, proposer.least) = (era, least);
        let said = proposer.begin(case);
        if proposer.deed(case) == Deed::Delete {
            self.told.deletion_begins(proposer.name(case));
        }
        self.follow(case, at, said)
    }

    fn follow(&mut self, case: &Case, at: usize, said: Said) -> Result<(), String> {
        if matches!(said, Said::Nothing) {
            return Ok(());
        }
        let own = self.questions.iter_mut().filter(|question| usize::from(question.proposer) == at);
        own.for_each(|question| question.is_open = false);
        let proposer = &self.proposers[at];
        match said {
            Said::Ask(ask) => {
                let place = self.questions.partition_point(|question| usize::from(question.proposer) <= at);
                self.questions.insert(place, Question { proposer: at as u8, is_open: true, era: proposer.era, ask });
                Ok(())
            }
            Said::Done(outcome) => self.tell(case, at, &outcome),
            Said::Nothing | Said::Over => Ok(()),
        }
    }

    /// Tells a client how its operation ended.
    fn tell(&mut self, case: &Case, at: usize, outcome: &Outcome<List>) -> Result<(), String> {
        let proposer = &self.proposers[at];
        let (least, name, deed) = (proposer.least, proposer.name(case), proposer.deed(case));
        match outcome {
            Outcome::Changed { number, .. } if deed != Deed::Again && *number <= least => {
                Err(format!("change {name} made {number} after {least} was told"))
            }
            Outcome::Changed { number, cell } => self.told.changed(least, name, *number, cell),
            Outcome::Kept(cell) | Outcome::Read(cell) => self.told.seen(least, cell),
            Outcome::Refused(_) => Err(format!("change {name} was refused")),
            Outcome::Unknown => Ok(()),
        }
    }

    /// Takes out what can never matter again, so that more states are equal.
    fn tidy(&mut self, case: &Case) {
        let below = if case.is(Bug::LateAsks) { 0 } else { self.refused_below };
        let ends = self.era >= case.collections && !matches!(self.phase, Phase::Agreed(_) | Phase::LettingGo(..));
        let replicas = &self.replicas;
        let is_moot = |ask: &Ask<List>| {
            let changes = |held: &Register<List>| {
                let mut asked = held.clone();
                asked.on_ask(ask.clone());
                asked != *held
            };
            *ask == Ask::Read || ends && !replicas.iter().any(changes)
        };
        self.questions.retain(|question| question.era >= below && (question.is_open || !is_moot(&question.ask)));
        self.gifts.retain(|(era, ..)| *era >= below);
        for proposer in &mut self.proposers {
            proposer.forget_what_is_over(case);
        }
    }
}

fn floor(held: &Register<List>) -> Floor {
    Floor { ballot: held.state.promised.counter, number: held.cell().map_or(0, |cell| cell.number) }
}
