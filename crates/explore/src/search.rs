//! Search through every state a model can reach: depth first, which needs little memory, or breadth first, which finds the
//! shortest way to what must not be.
//!
//! Invariant: a state counts as seen by a hash of 128 bits; with n states the chance that two share one is below
//! n² / 2^128, which is nothing for all that fits a memory.

mod hash;
mod seen;

pub(crate) use hash::Both;

use hash::hash;
use seen::Seen;
use std::fmt::Debug;
use std::hash::Hash;

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

    /// Nothing can happen any more. The error says what should have happened.
    fn at_end(&self, _state: &Self::State) -> Result<(), String> {
        Ok(())
    }

    /// A hash by which states are known again. States with one hash must go on alike.
    fn fingerprint(&self, state: &Self::State) -> u128 {
        hash(state)
    }

    /// An action, for people.
    fn describe(&self, _state: &Self::State, action: Self::Action) -> String {
        format!("{action:?}")
    }
}

/// What a search found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Different states.
    pub states: usize,
    /// Steps from one state to another.
    pub steps: u64,
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
    let mut found = Found { states: 1, steps: 0, depth: 0, verdict: Verdict::Holds };
    let start = model.start();
    seen.insert(model.fingerprint(&start));
    let mut path = vec![Node::of(model, start)];
    while let Some(top) = path.last_mut() {
        let Some(action) = top.left.pop() else {
            path.pop();
            continue;
        };
        let mut next = top.state.clone();
        top.taken = Some(action);
        found.steps += 1;
        if let Err(what) = model.apply(&mut next, action) {
            found.verdict = violated(model, &path, what);
            return found;
        }
        if !seen.insert(model.fingerprint(&next)) {
            continue;
        }
        found.states += 1;
        let node = Node::of(model, next);
        let end = if node.left.is_empty() { model.at_end(&node.state) } else { Ok(()) };
        if let Err(what) = end {
            found.verdict = violated(model, &path, what);
            return found;
        }
        if found.states >= states_max {
            found.verdict = Verdict::Unfinished;
            return found;
        }
        path.push(node);
        found.depth = found.depth.max(path.len());
    }
    found
}

/// Looks at every state, or at `states_max` of them, those first that are fewest steps from the start.
pub fn search_shortest<M: Model>(model: &M, states_max: usize) -> Found {
    let mut seen = Seen::new();
    let mut found = Found { states: 1, steps: 0, depth: 0, verdict: Verdict::Holds };
    // How each state was reached first, by the number of the one before.
    let mut ways: Vec<(u32, M::Action)> = Vec::new();
    let mut front = vec![(0, model.start())];
    seen.insert(model.fingerprint(&front[0].1));
    while !front.is_empty() {
        let mut next_front = Vec::new();
        for (number, state) in front {
            let mut actions = Vec::new();
            model.actions(&state, &mut actions);
            let mut fault = if actions.is_empty() { model.at_end(&state).err().map(|what| (what, None)) } else { None };
            for action in actions {
                let mut next = state.clone();
                found.steps += 1;
                if let Err(what) = model.apply(&mut next, action) {
                    fault = Some((what, Some(action)));
                    break;
                }
                if seen.insert(model.fingerprint(&next)) {
                    ways.push((number, action));
                    next_front.push((ways.len() as u32, next));
                }
            }
            found.states = ways.len() + 1;
            if let Some((what, last)) = fault {
                found.verdict = Verdict::Violated { what, way: retrace(model, &ways, number, last) };
                return found;
            }
            if found.states >= states_max {
                found.verdict = Verdict::Unfinished;
                return found;
            }
        }
        found.depth += 1;
        front = next_front;
    }
    found
}

/// Goes the way to a state again, and one step further.
fn retrace<M: Model>(model: &M, ways: &[(u32, M::Action)], mut number: u32, last: Option<M::Action>) -> Vec<String> {
    let mut actions: Vec<M::Action> = last.into_iter().collect();
    while let Some(before) = number.checked_sub(1) {
        let (from, action) = ways[before as usize];
        actions.push(action);
        number = from;
    }
    let mut state = model.start();
    let mut way = Vec::new();
    for action in actions.into_iter().rev() {
        way.push(model.describe(&state, action));
        if model.apply(&mut state, action).is_err() {
            break;
        }
    }
    way
}

fn violated<M: Model>(model: &M, path: &[Node<M>], what: String) -> Verdict {
    let step = |node: &Node<M>| node.taken.map(|action| model.describe(&node.state, action));
    Verdict::Violated { what, way: path.iter().filter_map(step).collect() }
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

#[cfg(test)]
mod tests {
    use super::{Model, Verdict, search, search_shortest};

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

    #[test]
    fn breadth_first_sees_the_same_states_and_goes_no_roundabout_way() {
        let found = search_shortest(&Counters(99), 1_000);
        assert_eq!((found.states, found.verdict), (100, Verdict::Holds));
        let Verdict::Violated { way, what } = search_shortest(&Counters(2), 1_000).verdict else { panic!("not found") };
        assert_eq!((way.len(), what.as_str()), (4, "both"));
        assert_eq!(way.iter().filter(|step| *step == "true").count(), 2, "{way:?} leads there");
    }
}
