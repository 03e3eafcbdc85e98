//! One client that watches.
//!
//! Invariant: each replica is followed from where its last event ended. Whenever that cannot be gone on with, other places are sought
//! and a `gap` is told behind which everything counts again. Memory is bounded by a page for each replica and what the client has not
//! taken yet; one that takes nothing is given up by its connection. It ends when its client is gone, or may not read the bucket any more,
//! also while no places can be had.

use super::Filter;
use super::hub::{Look, Watcher};
use super::id::Id;
use super::places::{Follow, Places, places, print};
use crate::json::Object;
use crate::lines::Lines;
use crate::problem::{Kind, Problem};
use crate::router::Api;
use proto::Act;
use proto::watch::{Changed, Position};
use ring::NodeId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Between two signs of life while nothing happens; proxies close what is silent for long.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Before places are sought again when none could be had.
const AGAIN: Duration = Duration::from_millis(500);
/// What the client is told about coming back.
const RETRY: &str = "retry: 2000\n\n";

/// A stream of changes.
pub(super) struct Stream {
    api: Arc<Api>,
    bucket: String,
    filter: Filter,
    places: Places,
    news: watch::Receiver<u64>,
    /// What is to be said first.
    first: Word,
    /// When the client is to hear something, be it only that the stream goes on.
    beat: Instant,
    _watcher: Watcher,
}

/// What the client is told beside changes.
pub(super) enum Word {
    /// From now on.
    Ready,
    /// From where it was.
    Resumed,
    /// From now on; something may be missing before.
    Gap(&'static str),
}

impl Stream {
    /// Finds replicas to follow, and goes on from an id if that can be.
    pub(super) async fn open(
        api: &Arc<Api>,
        bucket: String,
        filter: Filter,
        from: Option<Id>,
    ) -> Result<Stream, Problem> {
        let watcher = api.hub.watcher();
        let news = api.hub.news();
        let prefer = from.iter().flat_map(|id| id.of.iter().map(|(node, _)| *node)).collect();
        let mut places = Places::seek(api, &bucket, &filter, prefer, None).await?;
        let first = match from {
            None => Word::Ready,
            Some(id) => places.go_on(&id),
        };
        Ok(Stream {
            api: Arc::clone(api),
            bucket,
            filter,
            places,
            news,
            first,
            beat: Instant::now(),
            _watcher: watcher,
        })
    }

    /// Writes until the client is gone, or may read the bucket no more.
    pub(super) async fn write(mut self, mut lines: Lines) {
        let first = format!("{RETRY}{}", self.word(&self.first));
        if !self.send(&mut lines, first.into()).await {
            return;
        }
        loop {
            let (mut text, more) = match self.changes().await {
                Ok(found) => found,
                Err(why) => {
                    let avoid = self.unreachable();
                    if !self.seek(avoid, &mut lines).await {
                        return;
                    }
                    (self.word(&Word::Gap(why)).into_bytes(), false)
                }
            };
            if text.is_empty() && self.is_due() {
                // The client may come back from here.
                text = format!(":\nid: {}\n\n", self.id()).into();
            }
            if !text.is_empty() {
                if !self.send(&mut lines, text).await {
                    return;
                }
                continue;
            }
            if more {
                continue;
            }
            tokio::select! {
                news = self.news.changed() => if news.is_err() {
                    return;
                },
                () = tokio::time::sleep_until(self.beat) => {}
            }
        }
    }

    /// Tells the client. False if it is gone, or may not be told.
    async fn send(&mut self, lines: &mut Lines, text: Vec<u8>) -> bool {
        // A token that ends gives no word of that.
        self.beat = Instant::now() + HEARTBEAT;
        match self.api.demand(Act::Read, Some(&self.bucket)) {
            Ok(()) => lines.send(text).await,
            Err(problem) => {
                self.part(lines, &problem).await;
                false
            }
        }
    }

    /// The last word to a client that is told nothing more.
    async fn part(&self, lines: &mut Lines, why: &Problem) {
        lines.send(event(&self.id(), "end", why.to_json().to_string().as_bytes())).await;
    }

    fn is_due(&self) -> bool {
        self.beat <= Instant::now()
    }

    /// What has come since the last look, as events, and whether there may be more already; or why it cannot be gone on with.
    async fn changes(&mut self) -> Result<(Vec<u8>, bool), &'static str> {
        if self.api.hub.views().is_some_and(|views| views != self.places.views) {
            self.look_again().await?;
        }
        let (mut text, mut more) = (Vec::new(), false);
        for at in 0..self.places.follows.len() {
            let Some(follow) = self.places.follows.get(at) else { continue };
            let is_wanted = |change: &Changed| {
                change.bucket == follow.joined.interest().bucket
                    && follow.partitions.contains(&change.partition)
                    && self.filter.takes(change)
            };
            let (changes, seen) = match follow.joined.look(follow.at, is_wanted) {
                Look::Changes(changes, seen) => (changes, seen),
                Look::Behind => {
                    let page = follow.ask(&self.api, is_wanted).await?;
                    // It may be that nothing on it was wanted, and no news comes of what is behind it.
                    more |= page.1 > follow.at;
                    page
                }
                Look::Broken(why) => return Err(why),
            };
            for change in changes {
                // An id in the middle of what was found leads exactly behind that change.
                self.set(at, Position { seq: change.seq, ..seen });
                text.extend(event(&self.id(), "change", &told(&change)));
            }
            self.set(at, seen);
        }
        Ok((text, more))
    }

    fn set(&mut self, at: usize, seen: Position) {
        if let Some(follow) = self.places.follows.get_mut(at) {
            follow.at = seen;
        }
    }

    /// The views have changed: as long as the same replicas may be followed for the same partitions, nothing else has.
    async fn look_again(&mut self) -> Result<(), &'static str> {
        let prefer = self.nodes();
        match places(&self.api, &self.bucket, &self.filter, prefer, None).await {
            Ok(places) if print(&places.of) == self.places.print => {
                self.places.views = places.views;
                Ok(())
            }
            Ok(_) => Err("other replicas hold this now"),
            Err(_) => Err("the ring has changed"),
        }
    }

    /// Follows other replicas from now on. False if that will never be: the node ends, or the client is gone or may not.
    async fn seek(&mut self, avoid: Option<NodeId>, lines: &mut Lines) -> bool {
        loop {
            let prefer = self.nodes();
            match Places::seek(&self.api, &self.bucket, &self.filter, prefer, avoid).await {
                Ok(places) => {
                    self.places = places;
                    return true;
                }
                Err(problem) if is_final(problem.kind()) => {
                    self.part(lines, &problem).await;
                    return false;
                }
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
            // Nothing but writing tells that a client is gone.
            let is_heard = !self.is_due() || self.send(lines, b":\n\n".to_vec()).await;
            if !is_heard || self.news.has_changed().is_err() {
                return false;
            }
        }
    }

    fn nodes(&self) -> Vec<NodeId> {
        self.places.follows.iter().map(|follow| follow.joined.node()).collect()
    }

    /// The first replica that cannot be followed any more.
    fn unreachable(&self) -> Option<NodeId> {
        let broken = |follow: &&Follow| matches!(follow.joined.look(follow.at, |_| false), Look::Broken(_));
        self.places.follows.iter().find(broken).map(|follow| follow.joined.node())
    }

    fn id(&self) -> String {
        let of = self.places.follows.iter().map(|follow| (follow.joined.node(), follow.at)).collect();
        Id { print: self.places.print, of }.write()
    }

    fn word(&self, word: &Word) -> String {
        let mut object = Object::sized(200);
        object.text("bucket", &self.bucket);
        for (name, bytes) in [("key", &self.filter.key), ("sort", &self.filter.sort), ("prefix", &self.filter.prefix)] {
            if let Some(bytes) = bytes {
                object.bytes(name, bytes);
            }
        }
        let name = match word {
            Word::Ready => "ready",
            Word::Resumed => "resumed",
            Word::Gap(why) => {
                object.text("reason", why);
                object.text("todo", "read again what you watch; what changes from now on is told");
                "gap"
            }
        };
        String::from_utf8_lossy(&event(&self.id(), name, &object.end())).into_owned()
    }
}

/// Whether places that cannot be had for this reason never can be.
fn is_final(why: Kind) -> bool {
    matches!(why, Kind::UnknownBucket | Kind::NotAllowed | Kind::Unauthenticated)
}

/// What is said of a change.
fn told(change: &Changed) -> Vec<u8> {
    let mut object = Object::sized(change.key.len() + 80);
    object.bytes("key", &change.key.partition_key);
    if let Some(sort) = &change.key.sort_key {
        object.bytes("sort", sort);
    }
    if let Some(stamp) = change.stamp {
        object.number("at", stamp.millis());
    }
    if let Some(end) = change.expires {
        object.number("expires", end.0);
    }
    if change.gone {
        object.name("gone").extend(b"true");
    }
    object.end()
}

fn event(id: &str, kind: &str, data: &[u8]) -> Vec<u8> {
    let mut text = format!("id: {id}\nevent: {kind}\ndata: ").into_bytes();
    text.extend(data);
    text.extend(b"\n\n");
    text
}
