//! One item of a sibling bucket: an acknowledged value is found by every later quorum read until a write that was shown
//! it takes its place, and never again after such a write was acknowledged.
//!
//! Unlike the checker inside the simulation this one knows no dots; values stand for them. A write that is handed from
//! node to node may leave its value under two dots, and a write that was shown one of them supersedes only that one:
//! therefore only values whose write ended before they were first shown may not come back.

use super::{Entry, Outcome};
use std::collections::{BTreeMap, BTreeSet};

/// What does not fit, a sentence each.
pub fn siblings(entries: &[Entry]) -> Vec<String> {
    let writes: BTreeMap<&str, &Entry> = entries.iter().filter_map(|e| e.written().map(|value| (value, e))).collect();
    let mut superseders: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        for value in entry.shown() {
            superseders.entry(value).or_default().push(entry);
        }
    }
    let mut wrong = Vec::new();
    for read in entries {
        let Some(found) = read.found() else { continue };
        let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
        for (value, write) in &writes {
            let successors = superseders.get(value).map_or(&[][..], Vec::as_slice);
            let is_found = found.contains(value);
            if !is_found && is_lost(write, successors, read) {
                wrong.push(format!("lost: {} was acknowledged and is not in {}", write.describe(), read.describe()));
            }
            if let Some(by) = successors.iter().find(|by| is_found && is_back(write, by, read, entries)) {
                wrong.push(format!(
                    "resurrected: {value} was superseded by {} and is in {}",
                    by.describe(),
                    read.describe()
                ));
            }
        }
    }
    wrong
}

/// An acknowledged value is missing although nobody who was shown it can have written anything by then.
fn is_lost(write: &Entry, successors: &[&Entry], read: &Entry) -> bool {
    let superseded = |by: &&Entry| by.outcome != Outcome::NotDone && by.begun <= read.ended;
    write.outcome == Outcome::Done && write.ended < read.begun && !successors.iter().any(superseded)
}

/// A value is there although a write that was shown it was acknowledged before.
fn is_back(write: &Entry, by: &Entry, read: &Entry, entries: &[Entry]) -> bool {
    let first_shown = entries.iter().filter(|entry| {
        entry.found().is_some_and(|found| found.iter().any(|value| Some(value.as_str()) == write.written()))
    });
    let shown_after_its_end = first_shown.map(|entry| entry.begun).min().is_some_and(|shown| shown > write.ended);
    let certain = write.outcome == Outcome::Done && shown_after_its_end;
    certain && by.outcome == Outcome::Done && by.ended < read.begun
}

#[cfg(test)]
mod tests {
    use super::siblings;
    use crate::outside::Outcome::{Done, NotDone, Unknown};
    use crate::outside::tests::{delete, read, write};

    #[test]
    fn both_of_two_blind_writes_stay() {
        let (a, b) = (write("a", &[], (0, 1), Done), write("b", &[], (0, 1), Done));
        assert!(siblings(&[a.clone(), b.clone(), read(&["a", "b"], (2, 3))]).is_empty());
        assert_eq!(siblings(&[a, b, read(&["a"], (2, 3))]).len(), 1);
    }

    #[test]
    fn only_who_was_shown_a_value_takes_its_place() {
        let (a, seen) = (write("a", &[], (0, 1), Done), read(&["a"], (2, 3)));
        for outcome in [Done, Unknown] {
            let over = write("b", &["a"], (4, 5), outcome);
            assert!(siblings(&[a.clone(), seen.clone(), over, read(&["b"], (6, 7))]).is_empty());
        }
        for over in [write("b", &[], (4, 5), Done), write("b", &["a"], (4, 5), NotDone)] {
            assert_eq!(siblings(&[a.clone(), seen.clone(), over, read(&["b"], (6, 7))]).len(), 1);
        }
    }

    #[test]
    fn what_was_deleted_does_not_come_back() {
        let (a, seen) = (write("a", &[], (0, 1), Done), read(&["a"], (2, 3)));
        let back = |by| siblings(&[a.clone(), seen.clone(), by, read(&["a"], (6, 7))]).len();
        assert_eq!(back(delete(&["a"], (4, 5), Done)), 1);
        assert_eq!(back(delete(&["a"], (4, 5), Unknown)), 0);
        assert_eq!(back(delete(&["a"], (4, 7), Done)), 0);
    }
}
