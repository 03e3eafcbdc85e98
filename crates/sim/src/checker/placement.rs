//! At rest, each item sits on exactly the nodes that the newest ring names for it, and nowhere else.

use super::convergence::{Stores, item, node_id, stored};
use crate::fault::HostId;
use codec::parse_slot_key;
use node::proto::View;

/// Items that are not where they belong, or are where they do not.
pub(crate) fn misplaced(stores: &Stores, view: &View, running: &[HostId]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (key, copies) in stores {
        let Ok(slot) = parse_slot_key(key) else {
            wrong.push(format!("a storage key makes no sense: {key:?}"));
            continue;
        };
        let owners = view.replicas(slot.partition, slot.bucket);
        for host in running {
            let (owns, holds) = (owners.contains(&node_id(*host)), copies.contains_key(host));
            match (owns, holds) {
                (true, false) => wrong.push(format!("{host} owns {} and does not hold it", item(key))),
                (false, true) => {
                    let held = copies.get(host).map(|copy| stored(key, copy)).unwrap_or_default();
                    wrong.push(format!("{host} holds {} and does not own it: {held}", item(key)));
                }
                _ => {}
            }
        }
    }
    wrong
}
