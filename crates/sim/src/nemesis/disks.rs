//! Faults of disks: reads that fail, values that rot, fsyncs that lie, images that come back.
//!
//! The engine's own failures are planned on the model disk; this only says when.

use crate::fault::{Fault, HostId, Loss, Part};
use crate::host::Stage;
use crate::operator::Work;
use crate::world::World;
use node::storage::{self, ModelDisk, Space};
use stdx::Span;
use stdx::marks::hit;

impl World {
    pub(super) fn fail_read(&mut self, host: HostId, nth: u64) {
        self.host(host).disk.fail_read(nth, storage::Fault::Io);
    }

    pub(super) fn rot(&mut self, host: HostId, part: Part, pick: u64) {
        let space = match part {
            Part::Items => Space::Items,
            Part::Hints => Space::Hints,
            Part::Meta => Space::Meta,
        };
        let now = self.now;
        let rotten = self.host(host).disk.rot(space, pick);
        self.trace.event(now, host, "rot", u64::from(rotten.is_some()));
        self.trace.line(now, host, || format!("{space} rot: {rotten:?}"));
    }

    /// Fsyncs begin to lie; at the end the power fails.
    pub(super) fn lie(&mut self, host: HostId, begins: bool, down: Span) {
        self.host(host).disk.set_lying(begins);
        if !begins {
            self.crash(host, down, Loss::All);
        }
    }

    /// The image for a fault that brings it back.
    pub(crate) fn take_image(&mut self, number: usize) {
        if let Some(Fault::OldImage { host, .. }) = self.plan.faults.get(number).map(|timed| &timed.fault) {
            let image = self.hosts[host.0].disk.fork();
            self.images.take(number, image);
        }
    }

    /// The process dies and its disk is as it was when the image was taken.
    pub(super) fn go_back(&mut self, number: usize, host: HostId, down: Span) {
        let durable = self.host(host).disk.batches();
        self.crash(host, down, Loss::All);
        let hosts = &self.hosts;
        let lives = |other: HostId, life: u32| hosts[other.0].lives(life);
        if let Some(image) = self.images.go_back(number, host, durable, lives) {
            self.host(host).disk.restore(&image);
        }
    }

    /// A host that was put out asks to be taken in under its old id, on an empty disk.
    pub(super) fn come_back(&mut self, host: HostId, through: HostId) {
        let this = self.host(host);
        this.disk = ModelDisk::new();
        this.stage = Stage::Outside;
        self.employ(Work::Join(host), through);
    }

    /// The others have noticed that a host runs on an old disk. What it was given meanwhile goes with it.
    pub(crate) fn give_up_old_image(&mut self, host: HostId) {
        hit("ring.an_old_image_was_noticed");
        let is_lying = |fault: &Fault| matches!(fault, Fault::LyingSync { host: of, .. } if *of == host);
        if !self.atlas.has_gone_back(host) && !self.plan.faults.iter().any(|timed| is_lying(&timed.fault)) {
            self.fail("old images", format!("{host} was refused as old, and its disk has lost nothing"));
        }
        self.atlas.hit(self.now, host);
        let instead = self.plan.faults.iter().find_map(|timed| match timed.fault {
            Fault::OldImage { host: old, instead, .. } if old == host => instead,
            _ => None,
        });
        match instead.filter(|new| self.hosts[new.0].stage == Stage::Outside) {
            Some(new) => self.employ(Work::Replace { old: host, host: new }, HostId(0)),
            None => self.employ(Work::Eject { host, force: true }, HostId(0)),
        }
    }
}
