//! *explain*: what an explanation says that a node holds, that node held at some moment while it was asked for.
//!
//! From the question to its answer, everything that each host's disk holds of the item is kept, change by change.
//! Invariant: looking changes nothing on the disks, not even which of their reads fails.

use crate::describe;
use crate::fault::HostId;
use crate::history::{Operation, Outcome};
use crate::world::World;
use bytes::Bytes;
use node::proto::explain::{Account, Held, Testimony};
use node::proto::{Request, Response, Slot};
use node::storage::{Change, ModelDisk, Reader as _, Space};
use ring::Grid;
use std::collections::BTreeMap;

/// What each host has held of one item since somebody asked about it.
pub(crate) struct Watched {
    key: Vec<u8>,
    held: BTreeMap<HostId, Vec<Option<Bytes>>>,
}

impl Watched {
    fn add(&mut self, host: HostId, value: Option<Bytes>) {
        let held = self.held.entry(host).or_default();
        if held.last() != Some(&value) {
            held.push(value);
        }
    }

    /// A batch changed something on a host.
    fn changed(&mut self, host: HostId, change: &Change) {
        match change {
            Change::Put { space: Space::Items, key, value } if *key == self.key => self.add(host, Some(value.clone())),
            Change::Delete { space: Space::Items, key } if *key == self.key => self.add(host, None),
            Change::DeleteRange { space: Space::Items, start, end }
                if *start <= self.key && end.as_ref().is_none_or(|end| self.key < *end) =>
            {
                self.add(host, None);
            }
            _ => {}
        }
    }

    fn has_held(&self, host: HostId, said: &Held) -> bool {
        let same = |value: &Option<Bytes>| match value {
            None => *said == Held::Nothing,
            Some(value) => {
                let stored = codec::decode_stored(&self.key, value);
                stored.is_ok_and(|(_, _, record)| *said == Held::of(Some(&record)))
            }
        };
        self.held.get(&host).is_some_and(|held| held.iter().any(same))
    }
}

impl World {
    /// Somebody asks for an explanation: from now on its item is watched.
    pub(crate) fn watch_item(&mut self, number: usize, request: &Request) {
        let Request::Explain(explain) = request else { return };
        let Some((bucket, _)) = self.buckets.get(&explain.bucket).copied() else { return };
        let grid = Grid::new(self.plan.grid_bits).unwrap_or_default();
        let key = codec::slot_key(&Slot::new(grid, bucket, explain.key.clone()));
        let mut watched = Watched { key, held: BTreeMap::new() };
        for host in &self.hosts {
            watched.add(host.id, on_disk(&host.disk, &watched.key));
        }
        self.watched.insert(number, watched);
    }

    /// A host is started on what a crash or an operator left of its disk.
    pub(crate) fn watch_disk(&mut self, host: HostId) {
        let disk = self.hosts[host.0].disk.clone();
        for watched in self.watched.values_mut() {
            watched.add(host, on_disk(&disk, &watched.key));
        }
    }

    /// A batch was applied on a host.
    pub(crate) fn watch_change(&mut self, host: HostId, change: &Change) {
        self.watched.values_mut().for_each(|watched| watched.changed(host, change));
    }

    /// The explanation has come, or will not.
    pub(crate) fn judge_explanation(&mut self, number: usize, operation: &Operation) {
        let Some(watched) = self.watched.remove(&number) else { return };
        let Outcome::Answered(response) = &operation.outcome else { return };
        let Response::Explained(explanation) = response.as_ref() else { return };
        stdx::marks::hit("answer.explained");
        let account = |testimony: &Testimony| match testimony {
            Testimony::Answered(account) => Some(Account::clone(account)),
            Testimony::Unreachable | Testimony::Silent => None,
        };
        for witness in &explanation.witnesses {
            let host = describe::host_of(witness.node);
            let Some(Account { seen, .. }) = account(&witness.testimony) else { continue };
            if !matches!(seen.held, Held::Failed(_)) && !watched.has_held(host, &seen.held) {
                let key = describe::key(&explanation.key);
                self.fail("explain", format!("request {number} about {key}: {host} never held {:?}", seen.held));
            }
        }
    }
}

/// What a disk holds under a key. Of a copy, so that no planned failure is used up.
fn on_disk(disk: &ModelDisk, key: &[u8]) -> Option<Bytes> {
    disk.fork().open().and_then(|engine| engine.get(Space::Items, key)).expect("a copy of a model disk can be read")
}
