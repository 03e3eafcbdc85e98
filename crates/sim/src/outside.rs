//! What must hold of a run by what its clients saw alone: requests, answers, and when. Nothing of the inside is needed, so
//! the same checkers judge simulated runs and runs of real processes (`crates/faults`).
//!
//! Invariant: every value written in a run is unique. Whoever records a history sees to that, and records every request
//! that may have reached a node.
//! Refuses to know how clients ask, and what nodes are.

mod register;
mod siblings;

pub use register::{Register, register};
pub use siblings::siblings;

use crate::time::Time;

/// One request of one item and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Who asked. One asks one thing at a time.
    pub client: u64,
    /// The node that was asked last, for people.
    pub node: usize,
    /// What was asked.
    pub action: Action,
    /// When it was asked.
    pub begun: Time,
    /// When its outcome was known.
    pub ended: Time,
    /// What became of it.
    pub outcome: Outcome,
}

/// What was asked of an item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// A read at a quorum.
    Read,
    /// A write at a quorum.
    Write {
        /// The value; no other write has it.
        value: String,
        /// The values that the client had been shown with the context it gave.
        shown: Vec<String>,
    },
    /// A deletion at a quorum.
    Delete {
        /// The values that the client had been shown with the context it gave.
        shown: Vec<String>,
    },
}

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// A read found these values; none if there was no item.
    Found(Vec<String>),
    /// A write was acknowledged.
    Done,
    /// It was not done and never will be.
    NotDone,
    /// It may have been done, or be done at any time later.
    Unknown,
}

impl Entry {
    /// One line for people.
    pub fn describe(&self) -> String {
        let what = match &self.action {
            Action::Read => "read".to_owned(),
            Action::Write { value, shown } => format!("write {value} over {shown:?}"),
            Action::Delete { shown } => format!("delete over {shown:?}"),
        };
        format!(
            "{} to {} client {} at node {}: {what}: {:?}",
            self.begun, self.ended, self.client, self.node, self.outcome
        )
    }

    /// The value it wrote, if it is a write of one.
    pub fn written(&self) -> Option<&str> {
        match &self.action {
            Action::Write { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The values it was to supersede; none if it is a read.
    pub fn shown(&self) -> &[String] {
        match &self.action {
            Action::Read => &[],
            Action::Write { shown, .. } | Action::Delete { shown } => shown,
        }
    }

    /// The values it found; nothing if it is no read that was answered.
    pub fn found(&self) -> Option<&[String]> {
        match &self.outcome {
            Outcome::Found(values) => Some(values),
            _ => None,
        }
    }
}

/// Values that were found and that nobody had tried to write by then, whatever the rule of the bucket.
pub fn out_of_thin_air(entries: &[Entry]) -> Vec<String> {
    let mut wrong = Vec::new();
    for read in entries {
        for value in read.found().into_iter().flatten() {
            let written = entries.iter().any(|entry| entry.written() == Some(value) && entry.begun <= read.ended);
            if !written {
                wrong.push(format!("{value} was found and nobody had written it: {}", read.describe()));
            }
        }
    }
    wrong
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Action, Entry, Outcome, out_of_thin_air};
    use crate::time::Time;

    fn entry(action: Action, times: (u64, u64), outcome: Outcome) -> Entry {
        Entry { client: 0, node: 0, action, begun: Time(times.0), ended: Time(times.1), outcome }
    }

    /// A write of `value` over `shown` from `times.0` to `times.1`.
    pub(crate) fn write(value: &str, shown: &[&str], times: (u64, u64), outcome: Outcome) -> Entry {
        let shown = shown.iter().map(|value| (*value).to_owned()).collect();
        entry(Action::Write { value: value.to_owned(), shown }, times, outcome)
    }

    /// A deletion over `shown`.
    pub(crate) fn delete(shown: &[&str], times: (u64, u64), outcome: Outcome) -> Entry {
        let shown = shown.iter().map(|value| (*value).to_owned()).collect();
        entry(Action::Delete { shown }, times, outcome)
    }

    /// A read that found `values`.
    pub(crate) fn read(values: &[&str], times: (u64, u64)) -> Entry {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        entry(Action::Read, times, Outcome::Found(values))
    }

    #[test]
    fn what_nobody_wrote_is_noticed() {
        let history = [write("a", &[], (5, 6), Outcome::Unknown), read(&["a"], (7, 8))];
        assert_eq!(out_of_thin_air(&history), Vec::<String>::new());
        assert_eq!(out_of_thin_air(&[write("a", &[], (5, 6), Outcome::Done), read(&["b"], (7, 8))]).len(), 1);
        assert_eq!(out_of_thin_air(&[write("a", &[], (9, 10), Outcome::Done), read(&["a"], (7, 8))]).len(), 1);
    }
}
