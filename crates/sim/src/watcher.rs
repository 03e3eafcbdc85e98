//! Somebody who watches a bucket, as the streams of `GET /v1/buckets/{bucket}/changes` do: follows one replica for each
//! partition, through any node, goes on behind what it has seen, and begins anew where that cannot be.
//!
//! Invariant: one question at a time. A stretch is a time in which nothing was passed over, as far as the rules of
//! `docs/guarantees.md` say so; it ends with a gap. What was told in it is kept for the checker.

use crate::atlas::DEFAULT;
use crate::checker::watches::{Stretch, Told};
use crate::describe::host_of;
use crate::fault::HostId;
use crate::operator::SIBLINGS;
use crate::plan::Plan;
use crate::time::Time;
use crate::world::{Event, World};
use node::NodeInput;
use node::proto::watch::{Followed, Interest, Places, Position, Watch, Watched};
use node::proto::{BucketId, ClientId, Epoch, Request, Response};
use ring::{NodeId, PartitionId};
use stdx::marks::hit;
use stdx::{Prng, Span};

/// Clients' numbers from here on are watchers' questions.
const FIRST: u64 = 1 << 48;
/// Changes asked for at once: few, so that there is often more.
const PAGE: u32 = 8;
/// How long one question may take.
const WITHIN: Span = Span::secs(2);
/// A replica that has not answered for so long is followed no more.
const PATIENCE: Span = Span::secs(4);
/// Before the views in use are looked at again.
const VIEWS_EVERY: Span = Span::millis(500);

/// One replica that is followed.
struct Follow {
    node: NodeId,
    partitions: Vec<PartitionId>,
    at: Option<Position>,
    silent_since: Option<Time>,
}

/// What was asked.
#[derive(Clone, Copy)]
enum Asked {
    Places,
    Follow(usize),
}

/// One watcher.
pub(crate) struct Watcher {
    pub(crate) bucket: &'static str,
    prng: Prng,
    through: HostId,
    questions: u64,
    asked: Option<Asked>,
    id: Option<BucketId>,
    views: (Epoch, Epoch, Epoch),
    look_at: Time,
    follows: Vec<Follow>,
    avoid: Option<NodeId>,
    next: usize,
    /// Rounds over all replicas in which none had more to tell.
    pub(crate) rounds: u64,
    had_more: bool,
    pub(crate) stretch: Option<Stretch>,
}

impl Watcher {
    /// All watchers of a plan, on one bucket after the other.
    pub(crate) fn all(plan: &Plan) -> Vec<Watcher> {
        let of = |number: u64| Watcher {
            bucket: if number.is_multiple_of(2) { DEFAULT } else { SIBLINGS },
            prng: Prng::keyed(plan.seed, "watcher", &[number]),
            through: HostId(0),
            questions: 0,
            asked: None,
            id: None,
            views: Default::default(),
            look_at: Time(0),
            follows: Vec::new(),
            avoid: None,
            next: 0,
            rounds: 0,
            had_more: false,
            stretch: None,
        };
        (0..plan.workload.watchers).map(of).collect()
    }

    fn number(&self, watcher: usize) -> u64 {
        FIRST + ((watcher as u64) << 32) + self.questions
    }

    /// What to ask next.
    fn question(&mut self, now: Time) -> (Asked, Watch) {
        let unready = self.follows.iter().position(|follow| follow.at.is_none());
        if self.follows.is_empty() || unready.is_none() && now >= self.look_at {
            let prefer = self.follows.iter().map(|follow| follow.node).collect();
            let bucket = Some(self.bucket.to_owned());
            return (Asked::Places, Watch::Places { bucket, partition_key: None, prefer, avoid: self.avoid });
        }
        if unready.is_none() && self.stretch.is_none() {
            hit("watch.ready");
            self.stretch = Some(Stretch::new(now));
        }
        let at = unready.unwrap_or(self.next % self.follows.len());
        let follow = &self.follows[at];
        let interests = vec![Interest { bucket: self.id.unwrap_or_default(), partition: None }];
        (Asked::Follow(at), Watch::Follow { node: follow.node, interests, after: follow.at, limit: PAGE })
    }

    /// Nothing goes on from here.
    fn gap(&mut self, avoid: Option<NodeId>) {
        hit("watch.gap");
        (self.stretch, self.avoid, self.next) = (None, avoid, 0);
        self.follows.clear();
    }

    fn take_places(&mut self, now: Time, places: Places) {
        self.look_at = now.after(VIEWS_EVERY);
        let is_same = self.follows.len() == places.of.len()
            && self
                .follows
                .iter()
                .zip(&places.of)
                .all(|(known, (node, of))| known.node == *node && known.partitions == *of);
        if !self.follows.is_empty() && !is_same && places.views != self.views {
            return self.gap(None);
        }
        if self.follows.is_empty() {
            let follow = |(node, partitions)| Follow { node, partitions, at: None, silent_since: None };
            (self.id, self.follows) = (places.bucket, places.of.into_iter().map(follow).collect());
        }
        self.views = places.views;
    }

    fn take_changes(&mut self, now: Time, at: usize, followed: Followed) {
        let Some(follow) = self.follows.get_mut(at) else { return };
        follow.silent_since = None;
        let since = followed.since.first().copied().unwrap_or(u64::MAX);
        let Some(before) = follow.at else {
            follow.at = (since < u64::MAX).then_some(Position { seq: followed.at.seq.max(since), ..followed.at });
            return;
        };
        if before.life != followed.at.life || followed.oldest.max(since) > before.seq {
            return self.gap(None);
        }
        follow.at = Some(followed.at);
        self.had_more |= followed.more;
        self.next += 1;
        if self.next.is_multiple_of(self.follows.len()) {
            self.rounds += u64::from(!std::mem::take(&mut self.had_more));
        }
        let follow = &self.follows[at];
        let wanted = followed.changes.iter().filter(|change| follow.partitions.contains(&change.partition));
        let Some(stretch) = self.stretch.as_mut() else { return };
        for change in wanted {
            hit("watch.change");
            let told =
                Told { at: now, seq: change.seq, node: host_of(follow.node), stamp: change.stamp, gone: change.gone };
            stretch.told.entry(change.key.clone()).or_default().push(told);
        }
    }

    fn take_silence(&mut self, now: Time, asked: Asked) {
        let Asked::Follow(at) = asked else { return };
        let Some(follow) = self.follows.get_mut(at) else { return };
        let silent = now.since(*follow.silent_since.get_or_insert(now));
        self.next += 1;
        if silent >= PATIENCE {
            let node = follow.node;
            self.gap(Some(node));
        }
    }
}

impl World {
    /// A watcher asks the next thing.
    pub(crate) fn watcher_turn(&mut self, watcher: usize) {
        let now = self.now;
        let is_there = self.watchers.get(watcher).is_some_and(|this| self.buckets.contains_key(this.bucket));
        if !is_there {
            return self.after(Span::secs(1), Event::WatcherTurn { watcher });
        }
        let running: Vec<HostId> = self.hosts.iter().filter(|host| host.is_up()).map(|host| host.id).collect();
        let this = &mut self.watchers[watcher];
        if this.asked.is_some() {
            return;
        }
        if !running.contains(&this.through) {
            let Some(host) = this.prng.pick(&running).copied() else {
                return self.after(Span::secs(1), Event::WatcherTurn { watcher });
            };
            this.through = host;
        }
        let (asked, watch) = this.question(now);
        (this.asked, this.questions) = (Some(asked), this.questions + 1);
        let (host, number, questions) = (this.through, this.number(watcher), this.questions);
        let way = Span(this.prng.between(50, 1_500));
        self.after(way, Event::Watch { host, number, watch: Box::new(watch) });
        self.after(Span(WITHIN.0 * 2), Event::Watched { watcher, questions, response: None });
    }

    /// A watcher's question reaches a host.
    pub(crate) fn watch_arrives(&mut self, host: HostId, number: u64, watch: Watch) {
        if self.host(host).is_up() && self.hosts[host.0].no_clients == 0 {
            let (client, request) = (ClientId(number), Request::Watch(watch));
            self.feed(host, NodeInput::Client { client, request, within: Some(WITHIN) });
        }
    }

    /// A node answers a watcher. False if it is not one who asked.
    pub(crate) fn reply_to_watcher(&mut self, client: ClientId, response: &Response) -> bool {
        let Some(number) = client.0.checked_sub(FIRST) else { return false };
        let (watcher, questions) = ((number >> 32) as usize, number & u64::from(u32::MAX));
        let response = Some(Box::new(response.clone()));
        let way = Span(self.watchers[watcher].prng.between(50, 1_500));
        self.after(way, Event::Watched { watcher, questions, response });
        true
    }

    /// An answer reaches a watcher, or its patience with a question ends.
    pub(crate) fn watcher_hears(&mut self, watcher: usize, questions: u64, response: Option<Box<Response>>) {
        let now = self.now;
        let this = &mut self.watchers[watcher];
        if this.questions != questions {
            return;
        }
        let Some(asked) = this.asked.take() else { return };
        let is_lost = response.is_none();
        let mut pause = Span::millis(this.prng.between(5, 100));
        match response.map(|response| *response) {
            Some(Response::Watched(watched)) => match (*watched, asked) {
                (Watched::Places(places), Asked::Places) => this.take_places(now, places),
                (Watched::Followed(followed), Asked::Follow(at)) => {
                    if followed.more {
                        pause = Span::millis(1);
                    }
                    this.take_changes(now, at, followed);
                }
                _ => {}
            },
            _ => this.take_silence(now, asked),
        }
        if is_lost {
            // Its node is gone, or does not hear it: it comes back at another one, from where it was.
            this.through = HostId(this.prng.below(self.hosts.len() as u64) as usize);
        }
        self.after(pause, Event::WatcherTurn { watcher });
    }

    /// True if every watcher has nothing more to hear since it had heard so much.
    pub(crate) fn are_watchers_done(&self, rounds: &[u64]) -> bool {
        self.watchers.iter().zip(rounds).all(|(watcher, before)| watcher.rounds >= before + 2)
    }

    /// What watchers were not told, or were told and never was.
    pub(crate) fn judge_watches(&mut self) {
        let of = |watcher: &Watcher| {
            let (bucket, rule) = *self.buckets.get(watcher.bucket)?;
            let stretch = watcher.stretch.as_ref()?;
            Some(stretch.wrong(&self.history, &self.dots, &self.atlas, (watcher.bucket, bucket, rule)))
        };
        let wrong: Vec<String> = self.watchers.iter().filter_map(of).flatten().collect();
        wrong.into_iter().for_each(|what| self.fail("watches", what));
    }
}
