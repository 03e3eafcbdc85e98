//! The membership history and what follows from it: at each epoch a ring, buckets and voters.
//!
//! Invariant: events are without gaps and chained by hash; a view depends on the events up to its epoch and on nothing
//! else, so any node can rebuild any view from the history alone.
//! Refuses to know who is reachable and how events were agreed on.

use crate::access::{ApiToken, TokenId};
use crate::bucket::Bucket;
use crate::event::{Change, Event, Genesis};
use crate::ids::{BucketId, Digest, Epoch};
use ring::{NodeId, PartitionId, Ring};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use stdx::bugs::planted;

/// Most voters of one epoch.
const VOTERS_MAX: usize = 5;

/// The agreed state of the cluster at one epoch.
#[derive(Clone, Debug)]
pub struct View {
    /// The epoch.
    pub epoch: Epoch,
    /// Members and their tokens.
    pub ring: Ring,
    /// Buckets by id.
    pub buckets: BTreeMap<BucketId, Bucket>,
    /// API tokens by number.
    pub tokens: Arc<BTreeMap<TokenId, ApiToken>>,
    /// Clients need a token: there is one, or there was.
    pub guarded: bool,
    /// Members that are seeds, and when each member came in.
    joined: BTreeMap<NodeId, (bool, Epoch)>,
    /// Nodes that were put out as dead, and by which event. Nobody listens to them any more, and no id comes back.
    banned: BTreeMap<NodeId, Epoch>,
}

impl View {
    /// The replicas of a bucket's items in a partition; none if the bucket is not there yet.
    pub fn replicas(&self, partition: PartitionId, bucket: BucketId) -> Arc<[NodeId]> {
        // Partitions are named by peers and clients, too.
        let exists = u32::from(partition.0) < self.ring.grid().count();
        match self.buckets.get(&bucket).filter(|_| exists) {
            Some(bucket) => self.ring.preference_list(partition, usize::from(bucket.n)),
            None => Arc::from([]),
        }
    }

    /// The bucket of this name.
    pub fn bucket(&self, name: &str) -> Option<&Bucket> {
        self.buckets.values().find(|bucket| bucket.name == name)
    }

    /// True if the member is a seed.
    pub fn is_seed(&self, node: NodeId) -> bool {
        self.joined.get(&node).is_some_and(|(seed, _)| *seed)
    }

    /// The epoch in which the member came in, if it is one.
    pub fn joined_at(&self, node: NodeId) -> Option<Epoch> {
        self.joined.get(&node).map(|(_, epoch)| *epoch)
    }

    /// The event that banned a node, if one did.
    pub fn banned(&self, node: NodeId) -> Option<Epoch> {
        self.banned.get(&node).copied()
    }

    /// Who decides the next event: up to five members, seeds first, then the longest-standing, and always an odd
    /// number, since an even one tolerates no more failures than the odd one below it.
    pub fn voters(&self) -> Vec<NodeId> {
        let mut nodes: Vec<(bool, Epoch, NodeId)> =
            self.joined.iter().map(|(node, (seed, epoch))| (!seed, *epoch, *node)).collect();
        nodes.sort_unstable();
        let count = nodes.len().min(VOTERS_MAX);
        let odd = if count.is_multiple_of(2) { count.saturating_sub(1) } else { count };
        nodes.into_iter().take(odd).map(|(_, _, node)| node).collect()
    }

    /// The view after one more event.
    fn after(&self, event: &Event) -> Result<View, BrokenHistory> {
        let mut view = View { epoch: event.epoch, ..self.clone() };
        view.apply(event.epoch, &event.change).map_err(|what| BrokenHistory { epoch: event.epoch, what })?;
        Ok(view)
    }

    fn apply(&mut self, epoch: Epoch, change: &Change) -> Result<(), String> {
        match change {
            Change::Create(_) => return Err("the cluster is created twice".to_owned()),
            Change::Add { member, seed } => self.take_in(epoch, member, *seed)?,
            Change::Remove { member } => self.let_go(member.id),
            Change::Readdress { node, name, uri } => {
                let (name, uri) = (name.clone(), uri.clone());
                self.alter(*node, |member| ring::Member { name, uri, ..member })?;
            }
            Change::Bucket(bucket) => {
                self.buckets.insert(bucket.id, bucket.clone());
            }
            Change::Eject { member } => {
                self.let_go(member.id);
                self.banned.insert(member.id, epoch);
            }
            Change::Restored(_) => {}
            Change::Grant(token) => {
                self.guarded = true;
                Arc::make_mut(&mut self.tokens).insert(token.id, token.clone());
            }
            Change::Revoke { token } => {
                Arc::make_mut(&mut self.tokens).remove(token);
            }
            Change::Replace { old, member, seed } => {
                self.let_go(*old);
                self.banned.insert(*old, epoch);
                self.take_in(epoch, member, *seed)?;
            }
            Change::Reweigh { node, weight, tokens } => {
                let (weight, tokens) = (*weight, tokens.clone());
                self.alter(*node, |member| ring::Member { weight, tokens, ..member })?;
            }
            Change::Abort { undo, .. } => match undo.as_ref() {
                Change::Add { .. }
                | Change::Remove { .. }
                | Change::Eject { .. }
                | Change::Reweigh { .. }
                | Change::Bucket(_) => self.apply(epoch, undo)?,
                _ => return Err("it takes back what cannot be taken back".to_owned()),
            },
        }
        Ok(())
    }

    fn take_in(&mut self, epoch: Epoch, member: &ring::Member, seed: bool) -> Result<(), String> {
        if planted("an id comes back") {
            self.banned.remove(&member.id);
        }
        if self.banned.contains_key(&member.id) {
            return Err(format!("node {} is banned", member.id));
        }
        self.ring = self.ring.with(member.clone()).map_err(|error| error.to_string())?;
        self.joined.insert(member.id, (seed, epoch));
        Ok(())
    }

    fn let_go(&mut self, node: NodeId) {
        self.ring = self.ring.without(&node);
        self.joined.remove(&node);
    }

    /// Changes a member; nothing if there is none, for it may have gone meanwhile.
    fn alter(&mut self, node: NodeId, how: impl FnOnce(ring::Member) -> ring::Member) -> Result<(), String> {
        let Some(member) = self.ring.member(&node).cloned() else { return Ok(()) };
        self.ring = self.ring.with_changed(how(member)).map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// Why an event cannot follow the history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokenHistory {
    /// The event's epoch.
    pub epoch: Epoch,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for BrokenHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} of the membership history does not fit: {}", self.epoch, self.what)
    }
}

impl std::error::Error for BrokenHistory {}

/// All events, and the views of those epochs that are in use.
#[derive(Clone, Debug)]
pub struct History {
    events: Arc<Vec<Event>>,
    head: Digest,
    genesis: Genesis,
    views: BTreeMap<Epoch, Arc<View>>,
    known: BTreeSet<NodeId>,
}

impl History {
    /// Folds events, oldest first. The first must create the cluster.
    pub fn fold(events: Vec<Event>) -> Result<History, BrokenHistory> {
        let mut events = events.into_iter();
        let first = events.next();
        let Some(first @ Event { epoch: Epoch(1), change: Change::Create(_), .. }) = first else {
            return Err(BrokenHistory { epoch: Epoch(1), what: "it does not create the cluster".to_owned() });
        };
        let Change::Create(genesis) = &first.change else { unreachable!("just matched") };
        let view = View {
            epoch: first.epoch,
            ring: Ring::empty(genesis.grid),
            buckets: [(BucketId::DEFAULT, Bucket::default_bucket(genesis.n))].into(),
            tokens: Arc::default(),
            guarded: false,
            joined: BTreeMap::new(),
            banned: BTreeMap::new(),
        };
        let mut history = History {
            head: first.hash(),
            genesis: genesis.clone(),
            views: [(view.epoch, Arc::new(view))].into(),
            known: BTreeSet::new(),
            events: Arc::new(vec![first]),
        };
        for event in events {
            history.append(event)?;
        }
        Ok(history)
    }

    /// Adds the next event.
    pub fn append(&mut self, event: Event) -> Result<(), BrokenHistory> {
        self.check(&event)?;
        let view = self.current().after(&event)?;
        self.head = event.hash();
        self.known.extend(event.change.admits().map(|member| member.id));
        self.views.insert(view.epoch, Arc::new(view));
        Arc::make_mut(&mut self.events).push(event);
        Ok(())
    }

    /// Whether `event` may be the next one, without adding it, and the view it would lead to.
    pub fn admits(&self, event: &Event) -> Result<View, BrokenHistory> {
        self.check(event)?;
        self.current().after(event)
    }

    fn check(&self, event: &Event) -> Result<(), BrokenHistory> {
        let broken = |what: &str| Err(BrokenHistory { epoch: event.epoch, what: what.to_owned() });
        if event.epoch != self.epoch().next() {
            return broken(&format!("the next event is number {}", self.epoch().next()));
        }
        if event.previous != self.head {
            return broken("it does not name the event before it; the histories have parted");
        }
        Ok(())
    }

    /// The newest epoch.
    pub fn epoch(&self) -> Epoch {
        self.current().epoch
    }

    /// True if the history ever took this node in.
    pub fn knows(&self, node: NodeId) -> bool {
        self.known.contains(&node)
    }

    /// The newest event by which a node left, if it is in the current view no more.
    pub(crate) fn left_at(&self, node: NodeId) -> Option<Epoch> {
        let lets_go = |event: &&Event| event.change.lets_go().is_some_and(|member| member.id == node);
        let is_in = self.current().ring.member(&node).is_some();
        self.events.iter().rev().filter(|_| !is_in).find(lets_go).map(|event| event.epoch)
    }

    /// The event that banned a node, if one did.
    pub fn banned(&self, node: NodeId) -> Option<&Event> {
        let epoch = self.current().banned(node)?;
        self.events_from(epoch).first()
    }

    /// True if the node was put out as dead.
    pub fn is_banned(&self, node: NodeId) -> bool {
        self.current().banned(node).is_some()
    }

    /// All nodes that were put out as dead.
    pub fn outcasts(&self) -> impl Iterator<Item = NodeId> {
        self.current().banned.keys().copied()
    }

    /// What a node that was put out as dead is to be told, in a sentence; `None` if it was not.
    pub fn ejection(&self, node: NodeId) -> Option<String> {
        let event = self.banned(node)?;
        let what = match event.change.admits() {
            Some(member) => format!("replaced by {} [{}]", member.name, member.uri),
            None => "removed from the cluster as dead".to_owned(),
        };
        Some(format!(
            "this node was {what} in epoch {}, and nobody listens to it any more: move its data directory away and \
             start it with an empty one, so that it joins as a new node",
            event.epoch
        ))
    }

    /// The view of any epoch, in use or not: folded anew if it is not.
    pub(crate) fn view_of(&self, epoch: Epoch) -> Option<Arc<View>> {
        if let Some(view) = self.views.get(&epoch) {
            return Some(Arc::clone(view));
        }
        let count = usize::try_from(epoch.0).ok()?;
        let events = self.events.get(..count)?.to_vec();
        History::fold(events).ok().map(|history| Arc::clone(history.current()))
    }

    /// Hash of the newest event.
    pub fn head(&self) -> Digest {
        self.head
    }

    /// What was fixed at the beginning.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// All events, oldest first.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Events from `epoch` on.
    pub fn events_from(&self, epoch: Epoch) -> &[Event] {
        let skip = usize::try_from(epoch.0.saturating_sub(1)).unwrap_or(usize::MAX).min(self.events.len());
        self.events.get(skip..).unwrap_or(&[])
    }

    /// The newest view.
    pub fn current(&self) -> &Arc<View> {
        self.views.last_key_value().expect("a history has at least one view").1
    }

    /// The view of an epoch that is in use, or the oldest in use if that is younger.
    pub fn view(&self, epoch: Epoch) -> &Arc<View> {
        self.views.range(..=epoch).next_back().map_or_else(|| self.oldest(), |(_, view)| view)
    }

    /// The oldest view in use.
    pub fn oldest(&self) -> &Arc<View> {
        self.views.first_key_value().expect("a history has at least one view").1
    }

    /// Views in use, oldest first.
    pub fn views(&self) -> impl DoubleEndedIterator<Item = &Arc<View>> {
        self.views.values()
    }

    /// Views older than `epoch` are no longer in use. The newest always stays.
    pub fn forget_below(&mut self, epoch: Epoch) {
        let epoch = epoch.min(self.epoch());
        self.views = self.views.split_off(&epoch);
    }
}
