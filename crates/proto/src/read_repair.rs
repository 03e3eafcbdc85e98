//! What a read has learned from the replicas that answered, and what they should be told. Pure.
//!
//! Invariant: a replica that answered "nothing" is behind like any other: absence is the bottom of the lattice, not a
//! missing answer.

use crate::record::Record;
use ring::NodeId;
use std::collections::BTreeMap;
use stdx::bugs::planted;

/// Everything the answers know, merged; `None` if no replica holds anything.
pub(crate) fn merged(answers: &BTreeMap<NodeId, Option<Record>>) -> Option<Record> {
    answers.values().fold(None, |merged, answer| Record::merged(merged, answer.as_ref()))
}

/// Replicas whose answer lacks something of `merged`.
pub(crate) fn behind(merged: Option<&Record>, answers: &BTreeMap<NodeId, Option<Record>>) -> Vec<NodeId> {
    let Some(merged) = merged else { return Vec::new() };
    let counts = |answer: &Option<Record>| answer.is_some() || !planted("a missing copy is not behind");
    let behind = answers.iter().filter(|(_, answer)| answer.as_ref() != Some(merged) && counts(answer));
    behind.map(|(node, _)| *node).collect()
}

#[cfg(test)]
mod tests {
    use super::{behind, merged};
    use crate::record::{Record, Value, Version};
    use causal::{Actor, Dot, Stamp};
    use ring::NodeId;

    fn record(counter: u64, text: &'static str) -> Record {
        let dot = Dot { actor: Actor { node: 1, incarnation: 1 }, counter };
        let version =
            Version { stamp: Stamp::new(counter, 0), expires: None, value: Some(Value::plain(text.as_bytes())) };
        Record::Latest { dot, version }
    }

    #[test]
    fn whoever_lacks_the_winner_is_behind_and_so_is_whoever_has_nothing() {
        let answers =
            [(NodeId(1), Some(record(2, "new"))), (NodeId(2), Some(record(1, "old"))), (NodeId(3), None)].into();
        let winner = merged(&answers);
        assert_eq!(winner, Some(record(2, "new")));
        assert_eq!(behind(winner.as_ref(), &answers), [NodeId(2), NodeId(3)]);
    }

    #[test]
    fn nothing_anywhere_needs_no_repair() {
        let answers = [(NodeId(1), None), (NodeId(2), None)].into();
        assert_eq!(merged(&answers), None);
        assert!(behind(None, &answers).is_empty());
    }
}
