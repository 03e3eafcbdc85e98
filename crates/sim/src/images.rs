//! Images of disks that come back, and whether anybody can know: who has heard a node say something that rests on what the image
//! lacks.
//!
//! Invariant: what is kept here follows from packets and disks, not from what nodes remember.
//! Refuses to know how nodes notice.

use crate::fault::HostId;
use node::storage::ModelDisk;
use std::collections::{BTreeMap, BTreeSet};
use stdx::marks::hit;

/// Images, and what became of the hosts they were put back on.
#[derive(Default)]
pub(crate) struct Images {
    /// By the fault they are for.
    taken: BTreeMap<usize, ModelDisk>,
    /// By who said it and who heard it: the life that heard it, and the durable batches behind it.
    heard: BTreeMap<(HostId, HostId), (u32, u64)>,
    /// Hosts that ended because they ran on an old disk.
    noticed: BTreeSet<HostId>,
    /// Hosts that lack what somebody has heard of who runs.
    to_be_noticed: BTreeSet<HostId>,
    /// A host lacks what nobody else has heard of, and the replicas have not been equal since.
    is_behind: bool,
    was_behind: bool,
}

impl Images {
    pub(crate) fn take(&mut self, number: usize, image: ModelDisk) {
        self.taken.insert(number, image);
    }

    /// A host has said something that rests on so many batches of its disk, and another one has heard it in this life.
    pub(crate) fn heard(&mut self, from: HostId, by: HostId, life: u32, batches: u64) {
        let known = self.heard.entry((from, by)).or_insert((life, 0));
        let before = if known.0 == life { known.1 } else { 0 };
        *known = (life, before.max(batches));
    }

    /// The image for a fault comes back on a host of which so many batches were durable.
    pub(crate) fn go_back(
        &mut self,
        number: usize,
        host: HostId,
        durable: u64,
        lives: impl Fn(HostId, u32) -> bool,
    ) -> Option<ModelDisk> {
        let image = self.taken.remove(&number)?;
        let has = image.batches();
        let knows = |((from, by), (life, batches)): (&(HostId, HostId), &(u32, u64))| {
            *from == host && *batches > has && lives(*by, *life)
        };
        if self.heard.iter().any(knows) {
            hit("sim.somebody_has_heard_of_what_an_image_lacks");
            self.to_be_noticed.insert(host);
        } else if durable > has {
            hit("sim.nobody_has_heard_of_what_an_image_lacks");
            (self.is_behind, self.was_behind) = (true, true);
        }
        Some(image)
    }

    pub(crate) fn notice(&mut self, host: HostId) {
        self.noticed.insert(host);
    }

    pub(crate) fn was_noticed(&self, host: HostId) -> bool {
        self.noticed.contains(&host)
    }

    /// Hosts that went back to an image and got away with it, although somebody could know.
    pub(crate) fn unnoticed(&self) -> Vec<HostId> {
        self.to_be_noticed.difference(&self.noticed).copied().collect()
    }

    /// True while a quorum may miss what it acknowledged, for what nobody could notice.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// True if that was ever so.
    pub(crate) fn was_anything_unheard(&self) -> bool {
        self.was_behind
    }

    pub(crate) fn are_equal_again(&mut self) {
        self.is_behind = false;
    }
}
