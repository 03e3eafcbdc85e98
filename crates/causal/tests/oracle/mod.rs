//! A small cluster of replicas and clients, twice over: once with [`DvvSet`]s, once with explicit causal histories,
//! which are plain sets of events and need no clever counters. Every step compares the two.
//!
//! The oracle's one rule: a value is alive in a history if no other event of that history has it in its past.

use std::collections::{BTreeMap, BTreeSet};

use causal::{Actor, Context, Dot, DvvSet};

/// Replicas of the small cluster.
pub(crate) const REPLICAS: usize = 3;
/// Keys, which share the counters of the replicas.
pub(crate) const KEYS: usize = 2;
/// Clients, each with a context per key.
pub(crate) const CLIENTS: usize = 3;

type EventId = usize;
type History = BTreeSet<EventId>;

/// One thing that can happen.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A client reads and merges what it saw into what it had seen.
    Read { client: usize, replica: usize, key: usize },
    /// A client forgets what it had seen of a key, so its next write is blind.
    Forget { client: usize, key: usize },
    /// A client writes with what it has seen.
    Write { client: usize, replica: usize, key: usize },
    /// A client removes what it has seen, without leaving a value.
    Remove { client: usize, replica: usize, key: usize },
    /// A replica sends its state of a key.
    Send { replica: usize, key: usize },
    /// Some message sent earlier arrives; it stays in the air and may arrive again, late and out of order.
    Deliver { message: usize, replica: usize },
}

struct Event {
    key: usize,
    /// A removal makes no dot.
    dot: Option<Dot>,
    past: History,
}

/// The state of one key in one place: the set under test and the history it should stand for.
#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) set: DvvSet<Dot>,
    history: History,
}

#[derive(Clone, Default)]
struct Seen {
    context: Context,
    history: History,
}

/// The cluster and every event that happened in it.
#[derive(Default)]
pub(crate) struct World {
    events: Vec<Event>,
    counters: [u64; REPLICAS],
    pub(crate) copies: BTreeMap<(usize, usize), State>,
    clients: BTreeMap<(usize, usize), Seen>,
    messages: Vec<(usize, State)>,
}

impl World {
    pub(crate) fn run(steps: &[Step]) -> World {
        let mut world = World::default();
        for step in steps {
            world.step(step);
        }
        world
    }

    pub(crate) fn copy(&self, replica: usize, key: usize) -> State {
        self.copies.get(&(replica, key)).cloned().unwrap_or_default()
    }

    /// Everybody sends everything to everybody, twice, for the second round to bring what the first collected.
    pub(crate) fn exchange_everything(&mut self) {
        for _ in 0..2 {
            for (key, from, to) in pairs() {
                let sent = self.copy(from, key);
                self.receive(to, key, &sent);
            }
        }
    }

    /// The values of `key` that no write or removal anywhere has in its past.
    pub(crate) fn maximal(&self, key: usize) -> BTreeSet<Dot> {
        self.alive(&(0..self.events.len()).filter(|id| self.events[*id].key == key).collect())
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Read { client, replica, key } => self.read(client, replica, key),
            Step::Forget { client, key } => drop(self.clients.remove(&(client, key))),
            Step::Write { client, replica, key } => self.write(client, replica, key),
            Step::Remove { client, replica, key } => self.remove(client, replica, key),
            Step::Send { replica, key } => self.messages.push((key, self.copy(replica, key))),
            Step::Deliver { message, replica } => {
                if let Some((key, sent)) = self.messages.get(message % self.messages.len().max(1)).cloned() {
                    self.receive(replica, key, &sent);
                }
            }
        }
    }

    fn read(&mut self, client: usize, replica: usize, key: usize) {
        let copy = self.copy(replica, key);
        let seen = self.clients.entry((client, key)).or_default();
        seen.context.merge(&copy.set.context());
        seen.history.extend(copy.history);
    }

    fn write(&mut self, client: usize, replica: usize, key: usize) {
        self.counters[replica] += 1;
        let dot = Dot { actor: actor(replica), counter: self.counters[replica] };
        let seen = self.clients.get(&(client, key)).cloned().unwrap_or_default();
        let mut copy = self.copy(replica, key);
        copy.set.update(&seen.context, dot, dot);
        copy.history.extend(&seen.history);
        copy.history.insert(self.events.len());
        self.events.push(Event { key, dot: Some(dot), past: seen.history });
        self.replace(replica, key, copy);
    }

    fn remove(&mut self, client: usize, replica: usize, key: usize) {
        let seen = self.clients.get(&(client, key)).cloned().unwrap_or_default();
        let mut copy = self.copy(replica, key);
        copy.set.discard(&seen.context);
        copy.history.extend(&seen.history);
        copy.history.insert(self.events.len());
        self.events.push(Event { key, dot: None, past: seen.history });
        self.replace(replica, key, copy);
    }

    fn receive(&mut self, replica: usize, key: usize, sent: &State) {
        let mut copy = self.copy(replica, key);
        let before = copy.set.clone();
        let changed = copy.set.sync(&sent.set);
        assert_eq!(changed, copy.set != before, "sync says whether it changed anything");
        copy.history.extend(&sent.history);
        self.replace(replica, key, copy);
    }

    fn replace(&mut self, replica: usize, key: usize, copy: State) {
        let before = self.copy(replica, key);
        assert!(copy.set.context().descends_from(&before.set.context()), "contexts only grow");
        self.compare(key, &copy);
        self.copies.insert((replica, key), copy);
    }

    fn compare(&self, key: usize, copy: &State) {
        let values: BTreeSet<Dot> = copy.set.values().map(|(dot, _)| dot).collect();
        assert_eq!(values, self.alive(&copy.history), "nothing concurrent is lost, nothing overwritten is kept");
        for (id, event) in self.events.iter().enumerate().filter(|(_, event)| event.key == key) {
            if let Some(dot) = event.dot {
                assert_eq!(copy.set.covers(&dot), copy.history.contains(&id), "exactly what was seen is covered");
            }
        }
    }

    fn alive(&self, history: &History) -> BTreeSet<Dot> {
        let overwritten: History = history.iter().flat_map(|id| &self.events[*id].past).copied().collect();
        history.difference(&overwritten).filter_map(|id| self.events[*id].dot).collect()
    }
}

fn actor(replica: usize) -> Actor {
    Actor { node: replica as u128 + 1, incarnation: 1 }
}

fn pairs() -> impl Iterator<Item = (usize, usize, usize)> {
    let of_key = |key| (0..REPLICAS).flat_map(move |from| (0..REPLICAS).map(move |to| (key, from, to)));
    (0..KEYS).flat_map(of_key)
}
