//! After the faults have ended, the cluster comes to rest: one history, nothing under way, and all replicas of each
//! partition hold identical records.
//!
//! Says what is still missing, so that a run that never comes to rest explains itself.

use crate::fault::HostId;
use bytes::Bytes;
use codec::{decode_stored, parse_slot_key};
use liveness::Condition;
use node::proto::{History, Record, Status};
use node::storage::{Reader, Space};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// One running node as the checker sees it.
pub(crate) struct Resident<'a> {
    pub(crate) host: HostId,
    pub(crate) history: &'a History,
    pub(crate) under_way: Vec<&'static str>,
    pub(crate) status: Status,
    pub(crate) reader: &'a dyn Reader,
}

/// What each running node stores: storage key, and by host the stored bytes.
pub(crate) type Stores = BTreeMap<Vec<u8>, BTreeMap<HostId, Bytes>>;

/// What keeps the nodes from being at rest, stores aside.
pub(crate) fn unrest(residents: &[Resident<'_>]) -> Vec<String> {
    let mut missing = Vec::new();
    let Some(newest) = residents.iter().map(|resident| resident.history.epoch()).max() else {
        return vec!["no node runs".to_owned()];
    };
    for resident in residents {
        let (host, history) = (resident.host, resident.history);
        if history.epoch() < newest {
            missing.push(format!("{host} knows epoch {} of {newest}", history.epoch()));
        } else if !resident.under_way.is_empty() {
            let status = &resident.status;
            missing.push(format!(
                "{host} is not quiet ({}): stable {}, reading {}, {} partitions to hand over, hints for {} nodes{}{}",
                resident.under_way.join(", "),
                status.stable,
                status.reading,
                status.moving,
                status.hints.len(),
                if status.blocked.is_empty() { "" } else { "; " },
                status.blocked.join("; ")
            ));
        } else if let Some(kept) = hints(resident.reader) {
            missing.push(format!("{host} keeps hints that it has forgotten: {kept}"));
        } else if history.current().ring.member(&node_id(host)).is_none() {
            missing.push(format!("{host} has left and still runs"));
        }
        let lost = resident.status.members.iter().filter(|member| member.condition != Condition::Up);
        missing.extend(lost.map(|member| format!("to {host}, {} looks {:?}", member.member.name, member.condition)));
    }
    missing
}

/// The hints in a store, in words; none if there are none, as there should be when nobody misses anything.
fn hints(reader: &dyn Reader) -> Option<String> {
    let mut count = 0;
    let scanned = reader.scan(Space::Hints, &[], None, &mut |_, _| {
        count += 1;
        ControlFlow::Continue(())
    });
    match scanned {
        Ok(()) => (count > 0).then(|| count.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

/// Reads all stores.
pub(crate) fn stores(residents: &[Resident<'_>]) -> Result<Stores, String> {
    let mut stores = Stores::new();
    for resident in residents {
        let mut visit = |key: &[u8], value: &Bytes| {
            stores.entry(key.to_vec()).or_default().insert(resident.host, value.clone());
            ControlFlow::Continue(())
        };
        let scanned = resident.reader.scan(Space::Items, &[], None, &mut visit);
        scanned.map_err(|error| format!("the store of {} cannot be read: {error}", resident.host))?;
    }
    Ok(stores)
}

/// Items whose copies differ, as far as they are where they should be.
pub(crate) fn differences(stores: &Stores) -> Vec<String> {
    let differ = |key: &[u8], copies: &BTreeMap<HostId, Bytes>| {
        let mut copies = copies.values();
        let first = copies.next();
        copies.any(|copy| first.is_some_and(|first| !is_same(key, first, copy)))
    };
    let of = |(key, copies): (&Vec<u8>, &BTreeMap<HostId, Bytes>)| {
        let held: Vec<String> = copies.iter().map(|(host, copy)| format!("{host} {}", stored(key, copy))).collect();
        format!("copies of {} differ: {}", item(key), held.join(", "))
    };
    stores.iter().filter(|(key, copies)| differ(key, copies)).map(of).collect()
}

/// The same record; which of its votes are its own is a replica's own affair.
fn is_same(key: &[u8], one: &Bytes, other: &Bytes) -> bool {
    let register = |bytes: &Bytes| match decode_stored(key, bytes) {
        Ok((_, _, Record::Register(register))) => Some(register.state),
        _ => None,
    };
    one == other || register(one).is_some_and(|state| register(other).is_some_and(|other| state == other))
}

/// An item's name, from its storage key.
pub(crate) fn item(storage_key: &[u8]) -> String {
    match parse_slot_key(storage_key) {
        Ok(slot) => {
            let key = slot.key.as_ref().map(crate::describe::key).unwrap_or_default();
            format!("{}/{key} in {:?}", slot.bucket.0, slot.partition)
        }
        // The first key of a partition is not an item's.
        Err(_) => format!("{:?}", storage_key.get(..2).unwrap_or(storage_key)),
    }
}

/// What is stored under a key, in words.
pub(crate) fn stored(key: &[u8], value: &Bytes) -> String {
    decode_stored(key, value)
        .map_or_else(|error| format!("{error:?}"), |(_, _, record)| crate::describe::record(&record))
}

/// The id of the node that a host runs.
pub(crate) fn node_id(host: HostId) -> ring::NodeId {
    ring::NodeId(host.0 as u128 + 1)
}
