//! Depth-first search through every state a model can reach.
//!
//! Invariant: a state counts as seen by a hash of 128 bits; with n states the chance that two share one is below
//! n² / 2^128, which is nothing for all that fits a memory.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use stdx::hash::Mixer;

/// Something with states and actions.
pub trait Model {
    /// A state.
    type State: Clone + Hash;
    /// What can happen in a state.
    type Action: Copy + Debug;

    /// Where it begins.
    fn start(&self) -> Self::State;

    /// What can happen.
    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>);

    /// Lets it happen. The error says what must not be.
    fn apply(&self, state: &mut Self::State, action: Self::Action) -> Result<(), String>;
}

/// What a search found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Different states.
    pub states: usize,
    /// Longest way from the start.
    pub depth: usize,
    /// Whether something must not be.
    pub verdict: Verdict,
}

/// Whether a property holds in every state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It does.
    Holds,
    /// It does not.
    Violated {
        /// What must not be.
        what: String,
        /// The way there.
        way: Vec<String>,
    },
    /// There are more states than were to be looked at; it holds in those.
    Unfinished,
}

/// Looks at every state, or at `states_max` of them.
pub fn search<M: Model>(model: &M, states_max: usize) -> Found {
    let mut seen = Seen::new();
    let mut found = Found { states: 1, depth: 0, verdict: Verdict::Holds };
    let start = model.start();
    seen.insert(hash(&start));
    let mut path = vec![Node::of(model, start)];
    while let Some(top) = path.last_mut() {
        let Some(action) = top.left.pop() else {
            path.pop();
            continue;
        };
        let mut next = top.state.clone();
        top.taken = Some(action);
        if let Err(what) = model.apply(&mut next, action) {
            let way = path.iter().filter_map(|node| node.taken.map(|action| format!("{action:?}"))).collect();
            found.verdict = Verdict::Violated { what, way };
            return found;
        }
        if seen.insert(hash(&next)) {
            found.states += 1;
            if found.states >= states_max {
                found.verdict = Verdict::Unfinished;
                return found;
            }
            path.push(Node::of(model, next));
            found.depth = found.depth.max(path.len());
        }
    }
    found
}

struct Node<M: Model> {
    state: M::State,
    left: Vec<M::Action>,
    taken: Option<M::Action>,
}

impl<M: Model> Node<M> {
    fn of(model: &M, state: M::State) -> Node<M> {
        let mut left = Vec::new();
        model.actions(&state, &mut left);
        Node { state, left, taken: None }
    }
}

fn hash(state: &impl Hash) -> u128 {
    let mut both = Both(Mixer::new(1), Mixer::new(2));
    state.hash(&mut both);
    (u128::from(both.0.finish()) << 64 | u128::from(both.1.finish())).max(1)
}

/// Two hashes at once.
struct Both(Mixer, Mixer);

impl Hasher for Both {
    fn finish(&self) -> u64 {
        self.0.finish()
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0.number(number);
        self.1.number(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

/// A hasher whose results are the same everywhere.
pub(crate) struct Hashed(pub(crate) Mixer);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0.finish()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.bytes(bytes);
    }
}

/// A set of hashes, none of which is 0: open addressing, 16 bytes for each place.
struct Seen {
    places: Vec<u128>,
    count: usize,
}

impl Seen {
    fn new() -> Seen {
        Seen { places: vec![0; 1 << 16], count: 0 }
    }

    /// False if it was in already.
    fn insert(&mut self, hash: u128) -> bool {
        if self.count * 4 > self.places.len() * 3 {
            let places = vec![0; self.places.len() * 2];
            for old in std::mem::replace(&mut self.places, places) {
                if old != 0 {
                    let at = self.place(old);
                    self.places[at] = old;
                }
            }
        }
        let at = self.place(hash);
        if self.places[at] == hash {
            return false;
        }
        self.places[at] = hash;
        self.count += 1;
        true
    }

    /// Where the hash is, or would go.
    fn place(&self, hash: u128) -> usize {
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        while self.places[at] != 0 && self.places[at] != hash {
            at = (at + 1) & mask;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::{Model, Verdict, search};

    /// Two counters up to 9 that must never both be at `bad`.
    struct Counters(u8);

    impl Model for Counters {
        type State = (u8, u8);
        type Action = bool;

        fn start(&self) -> (u8, u8) {
            (0, 0)
        }

        fn actions(&self, state: &(u8, u8), actions: &mut Vec<bool>) {
            actions
                .extend([(true, state.0), (false, state.1)].iter().filter(|(_, at)| *at < 9).map(|(first, _)| *first));
        }

        fn apply(&self, state: &mut (u8, u8), first: bool) -> Result<(), String> {
            *(if first { &mut state.0 } else { &mut state.1 }) += 1;
            if *state == (self.0, self.0) { Err("both".to_owned()) } else { Ok(()) }
        }
    }

    #[test]
    fn every_state_is_seen_once_and_a_bad_one_is_found() {
        let found = search(&Counters(99), 1_000);
        assert_eq!((found.states, found.depth, found.verdict), (100, 19, Verdict::Holds));
        let Verdict::Violated { way, .. } = search(&Counters(7), 1_000).verdict else { panic!("it must be found") };
        assert_eq!(way.len(), 14);
        assert_eq!(search(&Counters(99), 50).verdict, Verdict::Unfinished);
    }
}
