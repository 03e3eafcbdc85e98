//! Fields of hashes that are counted with: what a new value or a removal takes away is exactly what it has seen
//! (`docs/adr/0016-counters-in-fields.md`). Clocks play no part in that.

use super::deed::{Deed, Fate, added_by, is_weak, takes};
use super::{Counters, Counts};
use crate::time::Time;
use node::proto::ItemKey;

impl Counters<'_> {
    /// Whether an increment is in what was read of a field that is written, too.
    pub(super) fn counts_in_field(
        &self,
        deeds: &[Deed<'_>],
        deed: &Deed<'_>,
        written: Option<&Deed<'_>>,
        from: Time,
        is_met: bool,
    ) -> Counts {
        let add = deed.operation;
        if deed.fate != Fate::Made || is_weak(add) {
            return Counts::Perhaps;
        }
        let is_strong = |other: &Deed<'_>| other.fate == Fate::Made && !is_weak(other.operation);
        let took = |put: &Deed<'_>| {
            takes(put) && is_strong(put) && add.ended <= put.operation.started && put.operation.ended <= from
        };
        if deeds.iter().any(took) {
            return Counts::Not;
        }
        let is_before = |put: &Deed<'_>| put.fate == Fate::Made && put.operation.ended <= add.started;
        let leaves = |put: &Deed<'_>| put.fate == Fate::Not || is_before(put);
        // Whoever saw the increment saw the value, too, and took that with it.
        let stands = written.is_some_and(|put| is_strong(put) && is_before(put) && self.is_made_once(put.operation));
        let is_left = stands || deeds.iter().filter(|put| takes(put)).all(leaves);
        if is_met && is_left { Counts::Surely } else { Counts::Perhaps }
    }
}

/// True if an increment that was made at the same time as the end of a field may have seen nothing there, and have taken its
/// end away: of two changes of an end the one with the higher stamp counts.
pub(super) fn may_have_begun_anew(key: &ItemKey, deeds: &[Deed<'_>], end: &Deed<'_>) -> bool {
    let overlaps = |add: &Deed<'_>| {
        let over = if add.fate == Fate::Made { add.operation.ended } else { Time(u64::MAX) };
        add.fate != Fate::Not && add.operation.started < end.operation.ended && over > end.operation.started
    };
    key.is_element() && deeds.iter().any(|add| added_by(add.operation).is_some() && overlaps(add))
}
