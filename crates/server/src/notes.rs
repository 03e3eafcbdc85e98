//! What the machine remarks, as lines of the log and as counts.
//!
//! Invariant: the lines about membership events and forwarded requests keep the reference's wording.
//! Refuses to change anything: nothing depends on a note.

use std::borrow::Cow;

use liveness::Condition;
use proto::{Change, Event, ItemKey, Note};
use tracing::{debug, error, info, warn};

use crate::counters::Counters;

/// Characters of a key that are shown.
const KEY_CHARS_MAX: usize = 64;

/// Writes a note down.
pub(crate) fn record(note: &Note, counters: &Counters) {
    match note {
        Note::EventArrived(event) => event_arrived(event),
        Note::Forwarded { what, key, name, uri } => {
            counters.forwards.add(1);
            debug!("{}", forwarding(what, key, name, uri));
        }
        Note::Condition { peer, name, condition } => match condition {
            Condition::Down => warn!(%peer, "{name} does not answer"),
            other => info!(%peer, "{name} looks {other:?}"),
        },
        Note::Stable(epoch) => info!(%epoch, "every node reads by epoch {epoch}; data that went elsewhere is dropped"),
        Note::ReadRepair(replicas) => {
            counters.read_repairs.add(u64::from(*replicas));
            debug!("a read brought {replicas} replicas up to date");
        }
        Note::HintKept(node) => {
            counters.hints_kept.add(1);
            debug!(%node, "kept a write for a node that does not answer");
        }
        Note::HintLeft(node) => {
            counters.hints_left.add(1);
            debug!(%node, "too many writes wait for a node; one more is left to anti-entropy");
        }
        Note::HintsDelivered(node, count) => {
            counters.hints_delivered.add(u64::from(*count));
            info!(%node, "delivered {count} kept writes");
        }
        Note::Collected(items) => {
            counters.collected.add(u64::from(*items));
            debug!("collected {items} items that nobody can see any more, or parts of them");
        }
        Note::Differing(node, partitions) => info!(%node, "{partitions} partitions differ from a peer's; repairing"),
        Note::QuorumUnmet => {
            counters.quorum_failures.add(1);
            debug!("too few replicas answered a request in time");
        }
        Note::ClockAhead(millis) => {
            warn!("a peer's clock is {millis} ms ahead of this node's; check that both machines keep time");
        }
        Note::TreeChanged(partition) => {
            error!(%partition, "partition {partition} is not what was written to it: the disk lost or changed something");
        }
        Note::Damaged(place) => error!("a stored record is damaged: {place}"),
        Note::Nonsense(node, what) => warn!(%node, "ignored a message that makes no sense: {what}"),
    }
}

fn event_arrived(event: &Event) {
    let epoch = event.epoch;
    match &event.change {
        Change::Create(genesis) => {
            info!(%epoch, "membership event: CREATE {:032x}", genesis.cluster);
        }
        Change::Add { member, .. } => {
            info!(%epoch, kind = "ADD", name = member.name, uri = member.uri, "membership event: ADD {} {}", member.name, member.uri);
        }
        Change::Remove { member } => {
            info!(%epoch, kind = "REMOVE", name = member.name, uri = member.uri, "membership event: REMOVE {} {}", member.name, member.uri);
        }
        Change::Readdress { name, uri, .. } => {
            info!(%epoch, kind = "READDRESS", name, uri, "membership event: READDRESS {name} {uri}");
        }
        Change::Bucket(bucket) => info!(%epoch, "membership event: BUCKET {}", bucket.name),
        Change::Restored(restored) => info!(%epoch, "membership event: RESTORE of backup {}", restored.name),
        Change::Grant(token) => info!(%epoch, "membership event: TOKEN {} ({})", token.name, token.id),
        Change::Revoke { token } => info!(%epoch, "membership event: REVOKE of token {token}"),
        Change::Eject { member } => {
            warn!(%epoch, kind = "EJECT", name = member.name, uri = member.uri, "membership event: EJECT {} {}", member.name, member.uri);
        }
        Change::Replace { old, member, .. } => {
            warn!(%epoch, kind = "REPLACE", %old, name = member.name, uri = member.uri, "membership event: REPLACE {old} by {} {}", member.name, member.uri);
        }
        Change::Reweigh { node, weight, .. } => info!(%epoch, %node, "membership event: REWEIGH {node} to {weight}"),
        Change::Abort { of, .. } => warn!(%epoch, "membership event: ABORT of epoch {of}"),
    }
}

fn forwarding(what: &str, key: &ItemKey, name: &str, uri: &str) -> String {
    format!("Forwarding {what} request \"{}\" to {name}[{uri}]", shown(key))
}

/// The beginning of a key, as text.
fn shown(key: &ItemKey) -> Cow<'_, str> {
    // A character has at most four bytes; keys may be very long.
    let bytes = &key.partition_key[..key.partition_key.len().min(4 * KEY_CHARS_MAX)];
    let text = String::from_utf8_lossy(bytes);
    match text.char_indices().nth(KEY_CHARS_MAX) {
        Some((end, _)) => Cow::Owned(text[..end].to_owned()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{forwarding, shown};
    use proto::ItemKey;

    #[test]
    fn the_line_is_that_of_the_reference() {
        let line = forwarding("put", &ItemKey::plain("key_2"), "Khadijah", "http://127.0.0.1:8081");
        assert_eq!(line, "Forwarding put request \"key_2\" to Khadijah[http://127.0.0.1:8081]");
    }

    #[test]
    fn long_and_strange_keys_are_cut() {
        assert_eq!(shown(&ItemKey::plain(vec![b'x'; 1 << 20])).len(), 64);
        assert_eq!(shown(&ItemKey::plain("ñ".repeat(100))).chars().count(), 64);
        assert_eq!(shown(&ItemKey::plain(vec![b'a', 0xff])), "a\u{fffd}");
    }
}
