//! One item of a last-writer-wins bucket is a register: some order of its requests, in which each lies between its begin
//! and its end, explains every answer (linearizability, Herlihy and Wing 1990).
//!
//! The search is Wing and Gong's (1993) with Lowe's memory of what was tried (2017), over the requests of one item. It
//! holds for such buckets as far as the nodes' clocks agree: requests that are closer together than clocks are apart
//! have no order, which `slack` allows for. A request whose outcome is unknown may be done at any time later, or never.

use super::{Action, Entry, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use stdx::Span;

/// States that the search may look at before it gives up.
const STEPS_MAX: usize = 400_000;

/// A judgement of one register.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Register {
    /// There is such an order.
    Fits,
    /// There is none. The longest run of requests that can be explained, and one that cannot be added to it.
    Broken(String),
    /// The search was given up.
    TooHard,
}

/// One request as the search sees it. State 0 is that there is no value.
#[derive(Clone, Copy)]
struct Step {
    reads: bool,
    value: usize,
    begun: u64,
    ended: u64,
    /// It need not have been done.
    may_be_left_out: bool,
    entry: usize,
}

/// Judges all requests of one item, in any order. `slack` is how far apart two requests must be to count as one after
/// the other.
pub fn register(entries: &[Entry], slack: Span) -> Register {
    let steps = steps(entries, slack);
    let mut search = Search { steps: &steps, tried: BTreeSet::new(), best: Vec::new(), stuck: None };
    let todo: Vec<u64> = vec![u64::MAX; steps.len().div_ceil(64)];
    match search.run(todo) {
        Some(true) => Register::Fits,
        Some(false) => Register::Broken(search.explain(entries)),
        None => Register::TooHard,
    }
}

/// Requests that say something, by their begin.
fn steps(entries: &[Entry], slack: Span) -> Vec<Step> {
    let mut values: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, value) in entries.iter().filter_map(Entry::written).enumerate() {
        values.insert(value, number + 1);
    }
    let seen: BTreeSet<usize> = entries
        .iter()
        .filter_map(Entry::found)
        .map(|found| found.first().map_or(0, |value| values.get(value.as_str()).copied().unwrap_or(usize::MAX)))
        .collect();
    let mut steps: Vec<Step> =
        entries.iter().enumerate().filter_map(|(at, entry)| step(entry, at, &values, &seen, slack)).collect();
    steps.sort_by_key(|step| step.begun);
    steps
}

fn step(entry: &Entry, at: usize, values: &BTreeMap<&str, usize>, seen: &BTreeSet<usize>, slack: Span) -> Option<Step> {
    let (begun, ended) = (entry.begun.0, entry.ended.0 + slack.0);
    let step = Step { reads: true, value: 0, begun, ended, may_be_left_out: false, entry: at };
    match (&entry.action, &entry.outcome) {
        (Action::Read, Outcome::Found(found)) => {
            let value = found.first().map_or(0, |value| values.get(value.as_str()).copied().unwrap_or(usize::MAX));
            Some(Step { value, ..step })
        }
        (Action::Read, _) | (_, Outcome::NotDone | Outcome::Found(_)) => None,
        (action, outcome) => {
            let value = match action {
                Action::Write { value, .. } => values.get(value.as_str()).copied()?,
                _ => 0,
            };
            let unknown = *outcome == Outcome::Unknown;
            // One that nobody has seen the effect of can be left out of any order.
            let says_nothing = unknown && !seen.contains(&value);
            let ended = if unknown { u64::MAX } else { ended };
            (!says_nothing).then_some(Step { reads: false, value, ended, may_be_left_out: unknown, ..step })
        }
    }
}

struct Search<'a> {
    steps: &'a [Step],
    tried: BTreeSet<(Vec<u64>, usize)>,
    /// The longest order found.
    best: Vec<usize>,
    stuck: Option<usize>,
}

impl Search<'_> {
    /// True if an order exists, nothing if the search was given up.
    fn run(&mut self, mut todo: Vec<u64>) -> Option<bool> {
        let mut order: Vec<(usize, usize)> = Vec::new();
        let (mut state, mut from) = (0, 0);
        loop {
            if self.is_done(&todo) {
                return Some(true);
            }
            match self.next(&todo, state, from) {
                Some(at) => {
                    order.push((at, state));
                    todo[at / 64] &= !(1 << (at % 64));
                    state = if self.steps[at].reads { state } else { self.steps[at].value };
                    from = if self.tried.insert((todo.clone(), state)) { 0 } else { usize::MAX };
                    if order.len() > self.best.len() {
                        self.best = order.iter().map(|(at, _)| *at).collect();
                        self.stuck = self.first_due(&todo);
                    }
                    if self.tried.len() > STEPS_MAX {
                        return None;
                    }
                }
                None => {
                    let Some((at, before)) = order.pop() else { return Some(false) };
                    todo[at / 64] |= 1 << (at % 64);
                    (state, from) = (before, at + 1);
                }
            }
        }
    }

    /// The first request from `from` on that may come next.
    fn next(&self, todo: &[u64], state: usize, from: usize) -> Option<usize> {
        if from >= self.steps.len() {
            return None;
        }
        let horizon = self.first_due(todo).map_or(u64::MAX, |at| self.steps[at].ended);
        let fits = |at: &usize| {
            let step = &self.steps[*at];
            is_in(todo, *at) && (!step.reads || step.value == state)
        };
        let early = (from..self.steps.len()).take_while(|at| self.steps[*at].begun <= horizon);
        early.into_iter().find(fits)
    }

    /// Of those that must be done, the one that ends first.
    fn first_due(&self, todo: &[u64]) -> Option<usize> {
        let due = (0..self.steps.len()).filter(|at| is_in(todo, *at) && !self.steps[*at].may_be_left_out);
        due.min_by_key(|at| self.steps[*at].ended)
    }

    fn is_done(&self, todo: &[u64]) -> bool {
        self.first_due(todo).is_none()
    }

    fn explain(&self, entries: &[Entry]) -> String {
        let line = |at: &usize| entries[self.steps[*at].entry].describe();
        let tail: Vec<String> = self.best.iter().rev().take(6).rev().map(line).collect();
        let stuck = self.stuck.as_ref().map_or("nothing".to_owned(), line);
        format!(
            "no order explains these {} requests; {} can be explained, the last of them:\n  {}\nand then not\n  {stuck}",
            self.steps.len(),
            self.best.len(),
            tail.join("\n  ")
        )
    }
}

fn is_in(todo: &[u64], at: usize) -> bool {
    todo[at / 64] & (1 << (at % 64)) != 0
}

#[cfg(test)]
mod tests {
    use super::{Register, register};
    use crate::outside::tests::{delete, read, write};
    use crate::outside::{Entry, Outcome};
    use stdx::{Prng, Span};

    fn judge(entries: &[Entry]) -> Register {
        register(entries, Span::ZERO)
    }

    fn fits(entries: &[Entry]) -> bool {
        match judge(entries) {
            Register::Fits => true,
            Register::Broken(_) => false,
            Register::TooHard => panic!("too hard"),
        }
    }

    #[test]
    fn a_lost_write_a_stale_read_and_a_resurrection_are_noticed() {
        let (a, b) = (write("a", &[], (0, 10), Outcome::Done), write("b", &[], (20, 30), Outcome::Done));
        assert!(fits(&[a.clone(), b.clone(), read(&["b"], (40, 50))]));
        assert!(!fits(&[a.clone(), b.clone(), read(&["a"], (40, 50))]));
        assert!(!fits(&[a.clone(), read(&[], (40, 50))]));
        assert!(fits(&[a.clone(), b.clone(), read(&["a"], (25, 50)), read(&["b"], (25, 60))]));
        assert!(!fits(&[a.clone(), b, read(&["b"], (25, 26)), read(&["a"], (27, 28))]));
        let gone = delete(&[], (20, 30), Outcome::Done);
        assert!(fits(&[a.clone(), gone.clone(), read(&[], (40, 50))]));
        assert!(!fits(&[a, gone, read(&[], (40, 50)), read(&["a"], (60, 70))]));
    }

    #[test]
    fn an_unknown_write_may_come_late_or_never_but_once() {
        let (a, b) = (write("a", &[], (0, 10), Outcome::Unknown), write("b", &[], (20, 30), Outcome::Done));
        assert!(fits(&[a.clone(), b.clone(), read(&["b"], (40, 50)), read(&["a"], (60, 70))]));
        assert!(fits(&[a.clone(), b.clone(), read(&["b"], (40, 50))]));
        assert!(!fits(&[a, b, read(&["a"], (40, 50)), read(&["b"], (60, 70)), read(&["a"], (80, 90))]));
        let never = write("c", &[], (0, 10), Outcome::NotDone);
        assert!(!fits(&[never, read(&["c"], (40, 50))]));
    }

    #[test]
    fn requests_closer_than_the_clocks_have_no_order() {
        let entries = [write("a", &[], (0, 10), Outcome::Done), write("b", &[], (12, 20), Outcome::Done)];
        let entries = [entries[0].clone(), entries[1].clone(), read(&["a"], (40, 50))];
        assert_eq!(register(&entries, Span(3)), Register::Fits);
        assert!(matches!(register(&entries, Span(1)), Register::Broken(_)));
    }

    /// Every order of a few requests, for comparison.
    fn by_brute_force(entries: &[Entry]) -> bool {
        fn place(entries: &[Entry], left: &mut Vec<usize>, state: Option<&str>) -> bool {
            if left.iter().all(|at| entries[*at].outcome == Outcome::Unknown) {
                return true;
            }
            (0..left.len()).any(|pick| {
                let at = left[pick];
                let entry = &entries[at];
                let ended = |other: &Entry| if other.outcome == Outcome::Unknown { u64::MAX } else { other.ended.0 };
                if left.iter().any(|other| ended(&entries[*other]) < entry.begun.0) {
                    return false;
                }
                let next = match entry.found() {
                    Some(found) if found.first().map(String::as_str) != state => return false,
                    Some(_) => state,
                    None => entry.written(),
                };
                left.remove(pick);
                let fits = place(entries, left, next);
                left.insert(pick, at);
                fits
            })
        }
        place(entries, &mut (0..entries.len()).collect(), None)
    }

    #[test]
    fn the_search_agrees_with_trying_every_order() {
        let mut counts = [0, 0];
        for seed in 0..3_000 {
            let mut prng = Prng::new(seed);
            let names = ["a", "b", "c"];
            let entries: Vec<Entry> = (0..6)
                .map(|at| {
                    let begun = prng.below(30);
                    let times = (begun, begun + 1 + prng.below(12));
                    let outcome = if prng.below(5) == 0 { Outcome::Unknown } else { Outcome::Done };
                    match at {
                        0..3 => write(names[at], &[], times, outcome),
                        3 if prng.below(2) == 0 => delete(&[], times, outcome),
                        _ => match prng.pick(&["a", "b", "c", ""]) {
                            Some(&"") | None => read(&[], times),
                            Some(value) => read(&[value], times),
                        },
                    }
                })
                .collect();
            let expected = by_brute_force(&entries);
            assert_eq!(fits(&entries), expected, "seed {seed}: {entries:?}");
            counts[usize::from(expected)] += 1;
        }
        assert!(counts.iter().all(|count| *count > 300), "{counts:?}");
    }
}
