//! What nodes want done: messages, answers, fsyncs. And what reaches their stores, for the checkers.
//!
//! Invariant: effects are carried out in order; a process that dies in between has carried out the first ones only.

use crate::checker::convergence;
use crate::describe;
use crate::fault::{Fault, HostId, Loss};
use crate::mutant::Mutant;
use crate::probes;
use crate::world::{Event, World};
use bytes::Bytes;
use codec::MetaRecord;
use node::storage::{self, Change, Seq, Space};
use node::{NodeEffect, NodeInput};
use stdx::marks::hit;
use stdx::{Prng, Span};

/// Between the moment a node has left and the end of its process: it still answers whoever asks.
const FAREWELL: Span = Span::secs(2);
/// Between a failed fsync and the next start.
const AFTER_FAILURE: Span = Span::millis(500);
/// One input never has so many effects in a cluster of this size.
const EFFECTS_MAX: usize = 5_000;

impl World {
    /// Carries out effects in order.
    pub(crate) fn carry_out_all(&mut self, host: HostId, mut effects: Vec<NodeEffect>) {
        let life = self.host(host).life;
        if effects.len() > EFFECTS_MAX {
            self.fail("bounds", format!("one input of {host} had {} effects", effects.len()));
        }
        let stop_at = self.crash_point(host, effects.len());
        for (number, effect) in effects.drain(..).enumerate() {
            if stop_at == Some(number) {
                self.crash_now(host);
            }
            if self.host(host).lives(life) {
                self.carry_out(host, effect);
            }
        }
        self.effects = effects;
    }

    /// Where an armed crash cuts a list of effects in two.
    fn crash_point(&mut self, host: HostId, effects: usize) -> Option<usize> {
        let seed = self.plan.seed;
        let this = self.host(host);
        let life = u64::from(this.life);
        if effects < 2 || this.crash_in_effects.is_none() {
            return None;
        }
        Some(Prng::keyed(seed, "crash point", &[host.0 as u64, life]).between(1, effects as u64 - 1) as usize)
    }

    fn crash_now(&mut self, host: HostId) {
        if let Some(armed) = self.host(host).crash_in_effects.take() {
            let fault = Fault::CrashInEffects { host, down: armed.down, loss: armed.loss };
            self.count_fault(&fault);
            self.crash(host, armed.down, armed.loss);
        }
    }

    /// Whoever goes takes copies along.
    fn see_event(&mut self, host: HostId, event: &node::proto::Event) {
        let banned = event.change.bans();
        if let Some(banned) = banned {
            self.atlas.ban(describe::host_of(banned));
        }
        if banned.is_some() || event.change.lets_go().is_some() {
            let node = self.host(host).node.as_ref();
            let members = node.map(|node| node.machine().history().current().ring.members().count());
            members.into_iter().for_each(|count| self.atlas.members(count));
        }
    }

    fn carry_out(&mut self, host: HostId, effect: NodeEffect) {
        let now = self.now;
        match effect {
            NodeEffect::Send { to, message } => self.say(host, describe::host_of(to), message),
            NodeEffect::Reply { client, response } => self.reply(host, client, response),
            NodeEffect::Sync(seq) => self.want_sync(host, seq),
            NodeEffect::Peers(members) => {
                let peers: Vec<HostId> = members.iter().map(|member| describe::host_of(member.id)).collect();
                self.meet(host, &peers);
            }
            NodeEffect::Note(note) => {
                probes::see_note(&note);
                if let node::proto::Note::EventArrived(event) = &note {
                    self.see_event(host, event);
                }
                if let node::proto::Note::TreeChanged(partition) = &note
                    && !self.plan.faults.iter().any(|timed| timed.fault.is_destructive())
                {
                    self.fail(
                        "hash trees",
                        format!("{host} computed the tree of {partition:?} anew and it was another"),
                    );
                }
                self.trace.line(now, host, || format!("notes: {}", describe::note(&note)));
            }
            // Whoever is dialled is asked for it then.
            NodeEffect::Pulse { .. } => {}
            NodeEffect::Left => {
                hit("ring.a_node_left");
                let life = self.host(host).life;
                self.trace.event(now, host, "left", 0);
                self.trace.line(now, host, || "has left the cluster".to_owned());
                self.after(FAREWELL, Event::End { host, life });
            }
            NodeEffect::Ejected(why) => {
                let life = self.host(host).life;
                self.trace.event(now, host, "ejected", 0);
                self.trace.line(now, host, || format!("ends: {why}"));
                let this = self.host(host);
                let own = this.node_id();
                if this.node.as_ref().is_some_and(|node| node.machine().history().is_banned(own)) {
                    hit("ring.a_banned_node_heard_of_it");
                    self.after(Span::micros(1), Event::End { host, life });
                } else {
                    self.after(Span::micros(1), Event::EndOutdated { host, life });
                }
            }
            NodeEffect::Stop(why) => {
                self.trace.line(now, host, || format!("stops: {why}"));
                self.crash(host, AFTER_FAILURE, Loss::All);
            }
        }
    }

    fn want_sync(&mut self, host: HostId, seq: Seq) {
        self.host(host).syncs.want(seq);
        if self.plan.mutant.is(Mutant::EarlySynced) {
            let this = self.host(host);
            let life = this.life;
            self.after(Span::micros(1), Event::SyncEnds { host, life, upto: Seq(0) });
        }
        self.begin_sync(host);
    }

    /// Begins an fsync if one is wanted and none runs.
    fn begin_sync(&mut self, host: HostId) {
        let plan = self.plan.disk.clone();
        let seed = self.plan.seed;
        let this = self.host(host);
        if !this.syncs.begin() {
            return;
        }
        let (life, upto) = (this.life, this.disk.applied());
        let ids = [host.0 as u64, u64::from(life), this.syncs.count];
        let mut prng = Prng::keyed(seed, "fsync", &ids);
        let mut takes = Span(plan.sync_min.0 + prng.below(plan.sync_spread.0 + 1));
        if prng.chance(plan.slow_ppm) {
            takes = Span(takes.0 + prng.below(plan.slow_sync.0 + 1));
        }
        takes = Span(takes.0 + this.slow_disk.0);
        let armed = this.crash_in_sync.take();
        self.counts.fsyncs += 1;
        self.after(takes, Event::SyncEnds { host, life, upto });
        if let Some(armed) = armed {
            let fault = Fault::CrashInSync { host, down: armed.down, loss: armed.loss };
            self.after(Span(prng.below(takes.0.max(1))), Event::Crash { life, fault: Box::new(fault) });
        }
    }

    /// An fsync has ended.
    pub(crate) fn sync_ends(&mut self, host: HostId, life: u32, upto: Seq) {
        if !self.host(host).lives(life) {
            return;
        }
        let mutant = self.plan.mutant;
        let disk = self.host(host).disk.clone();
        if mutant.is(Mutant::EarlySynced) && upto == Seq(0) {
            return self.feed(host, NodeInput::Synced(Ok(disk.applied())));
        }
        if std::mem::take(&mut self.host(host).fails_sync) {
            self.count_fault(&Fault::FailSync { host });
            disk.fail_sync(1, storage::Fault::Io);
        }
        let result = if mutant.is(Mutant::LyingDisk) { Ok(upto) } else { disk.mark_durable(upto) };
        let this = self.host(host);
        if let Ok(durable) = &result {
            this.syncs.ended(*durable);
        }
        self.trace.event(self.now, host, "synced", upto.0);
        self.feed(host, NodeInput::Synced(result));
        if self.host(host).lives(life) {
            self.begin_sync(host);
        }
    }

    /// Shows the checkers what a node has just done to its store.
    pub(crate) fn look_at_stores(&mut self, host: HostId) {
        let watch = self.host(host).watch.clone();
        for change in watch.borrow_mut().drain(..) {
            self.watch_change(host, &change);
            let seen = match &change {
                Change::Put { space: Space::Items, key, value } => self.see_item(host, key, value),
                Change::Put { space: Space::Meta, key, value } => self.see_meta(key, value),
                Change::Put { space: Space::Hints, key, value } => self.see_hint(key, value),
                Change::Delete { space: Space::Items, key }
                | Change::DeleteRange { space: Space::Items, start: key, .. } => {
                    self.trace.line(self.now, host, || format!("drops from {}", convergence::item(key)));
                    Ok(())
                }
                _ => Ok(()),
            };
            if let Err((property, what)) = seen {
                self.fail(property, format!("in the store of {host}: {what}"));
            }
        }
    }

    fn see_item(&mut self, host: HostId, key: &[u8], value: &Bytes) -> Seen {
        let (bucket, item, record) = codec::decode_stored(key, value).map_err(|error| undecodable(key, &error))?;
        let now = self.now;
        let line = || format!("stores {}/{}{}", bucket.0, describe::key(&item), describe::record(&record));
        self.trace.line(now, host, line);
        self.dots.see(now, bucket, &item, &record).map_err(|what| ("no dot reuse", what))
    }

    fn see_hint(&mut self, key: &[u8], value: &Bytes) -> Seen {
        let hint = codec::decode_hint(key, value).map_err(|error| undecodable(key, &error))?;
        self.dots.see(self.now, hint.bucket, &hint.key, &hint.record).map_err(|what| ("no dot reuse", what))
    }

    fn see_meta(&mut self, key: &[u8], value: &Bytes) -> Seen {
        match codec::decode_meta(key, value).map_err(|error| undecodable(key, &error))? {
            MetaRecord::Event(event) => self.epochs.see(&event).map_err(|what| ("unique epochs", what)),
            _ => Ok(()),
        }
    }
}

/// Nothing, or a property that does not hold and why.
type Seen = Result<(), (&'static str, String)>;

fn undecodable(key: &[u8], error: &codec::DecodeError) -> (&'static str, String) {
    ("storage format", format!("{error:?} in {key:?}"))
}
