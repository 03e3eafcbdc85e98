//! Following replicas for everybody who watches through this node: one question at a time to each replica, for all of them.
//!
//! Invariant: of each interest that somebody has joined, the cache of its replica holds everything behind `first`, and behind the
//! position at which the interest was ready. Memory is bounded: whoever is slower than the cache asks the replica itself.
//! Refuses to know who watches what, and which replica is good for which partition.

use crate::database::Database;
use proto::watch::{Changed, Followed, Interest, Position, Watch, Watched};
use proto::{Epoch, Request, Response};
use ring::NodeId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use stdx::Span;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Changes of one replica that are kept here.
const CHANGES_MAX: usize = 8_192;
/// Changes asked for at once.
const PAGE: u32 = 2_000;
/// Before a replica that has had something to tell is asked again, and the longest before one that has not.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// Before the views in use are looked at again.
const VIEWS_EVERY: Duration = Duration::from_millis(500);
/// A replica that has not answered for so long is followed no more.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long one question may take.
const WITHIN: Span = Span::secs(2);

/// The newest event, the view that reads use, the oldest in use.
pub(super) type Views = (Epoch, Epoch, Epoch);

/// All replicas that are followed through this node.
pub(crate) struct Hub {
    database: Arc<dyn Database>,
    state: Mutex<State>,
    /// Counts up when there is something to look at.
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    followers: BTreeMap<NodeId, Arc<Follower>>,
    views: Option<Views>,
    watchers: usize,
    looking: bool,
}

/// One replica that is followed.
pub(super) struct Follower {
    node: NodeId,
    state: Mutex<Following>,
    wake: Notify,
}

#[derive(Default)]
struct Following {
    interests: BTreeMap<Interest, Wanted>,
    at: Option<Position>,
    first: u64,
    recent: VecDeque<Changed>,
    failing: Option<Instant>,
    running: bool,
}

#[derive(Default)]
struct Wanted {
    users: usize,
    ready: Option<Ready>,
}

/// From when on an interest is followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ready {
    /// From here on the cache has it.
    pub(super) at: Position,
    /// From here on the replica has it; the highest number if it cannot follow any more.
    pub(super) since: u64,
}

/// What a watcher finds in the cache.
pub(super) enum Look {
    /// These, and it has seen everything up to there.
    Changes(Vec<Changed>, Position),
    /// The cache does not go back so far; ask the replica.
    Behind,
    /// Nothing goes on from there, for this reason.
    Broken(&'static str),
}

impl Hub {
    pub(crate) fn new(database: Arc<dyn Database>) -> Arc<Hub> {
        Arc::new(Hub { database, state: Mutex::default(), news: watch::channel(0).0 })
    }

    /// Word that there is something to look at.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// The views in use, as far as they are known.
    pub(super) fn views(&self) -> Option<Views> {
        lock(&self.state).views
    }

    /// Somebody watches, until the guard is dropped.
    pub(super) fn watcher(self: &Arc<Hub>) -> Watcher {
        let mut state = lock(&self.state);
        state.watchers += 1;
        if !std::mem::replace(&mut state.looking, true) {
            tokio::spawn(look(Arc::clone(self)));
        }
        Watcher(Arc::clone(self))
    }

    /// Joins those who follow this of a replica.
    pub(super) fn join(self: &Arc<Hub>, node: NodeId, interest: Interest) -> Joined {
        let new = || Arc::new(Follower { node, state: Mutex::default(), wake: Notify::new() });
        let follower = Arc::clone(lock(&self.state).followers.entry(node).or_insert_with(new));
        let mut state = lock(&follower.state);
        state.interests.entry(interest).or_default().users += 1;
        if !std::mem::replace(&mut state.running, true) {
            tokio::spawn(follow(Arc::clone(self), Arc::clone(&follower)));
        }
        drop(state);
        follower.wake.notify_one();
        Joined { follower, interest }
    }

    /// Asks a replica.
    pub(super) async fn ask(
        &self,
        node: NodeId,
        interests: Vec<Interest>,
        after: Option<Position>,
    ) -> Option<Followed> {
        let watch = Watch::Follow { node, interests, after, limit: PAGE };
        match self.database.call(Request::Watch(watch), Some(WITHIN)).await {
            Response::Watched(watched) => match *watched {
                Watched::Followed(followed) => Some(followed),
                Watched::Places(_) => None,
            },
            _ => None,
        }
    }

    fn tell(&self) {
        self.news.send_modify(|count| *count += 1);
    }
}

/// Somebody who watches.
pub(super) struct Watcher(Arc<Hub>);

impl Drop for Watcher {
    fn drop(&mut self) {
        lock(&self.0.state).watchers -= 1;
    }
}

/// A place among those who follow something of a replica.
pub(super) struct Joined {
    follower: Arc<Follower>,
    interest: Interest,
}

impl Joined {
    pub(super) fn node(&self) -> NodeId {
        self.follower.node
    }

    pub(super) fn interest(&self) -> Interest {
        self.interest
    }

    /// From when on it is followed, if the replica has said so and answers: for who begins now, from where the cache ends.
    pub(super) fn ready(&self) -> Option<Ready> {
        let state = lock(&self.follower.state);
        if state.is_lost() {
            return None;
        }
        let ready = state.interests.get(&self.interest).and_then(|wanted| wanted.ready)?;
        Some(Ready { at: state.at.map_or(ready.at, |at| at.max(ready.at)), ..ready })
    }

    /// What there is behind a position of what is wanted.
    pub(super) fn look(&self, after: Position, is_wanted: impl Fn(&Changed) -> bool) -> Look {
        let state = lock(&self.follower.state);
        if state.is_lost() {
            return Look::Broken("the replica that was followed cannot be reached");
        }
        let Some(at) = state.at else { return Look::Changes(Vec::new(), after) };
        if at.life != after.life {
            return Look::Broken("the replica that was followed has started again or let something go");
        }
        let ready = state.interests.get(&self.interest).and_then(|wanted| wanted.ready);
        let Some(ready) = ready else { return Look::Changes(Vec::new(), after) };
        if after.seq < state.first.max(ready.at.seq) {
            return Look::Behind;
        }
        let from = state.recent.partition_point(|change| change.seq <= after.seq);
        let behind = state.recent.iter().skip(from).filter(|change| is_wanted(change));
        Look::Changes(behind.cloned().collect(), at.max(after))
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        if let Some(wanted) = lock(&self.follower.state).interests.get_mut(&self.interest) {
            wanted.users -= 1;
        }
    }
}

impl Following {
    /// True if the replica has not answered for too long.
    fn is_lost(&self) -> bool {
        self.failing.is_some_and(|since| since.elapsed() >= PATIENCE)
    }
}

impl Follower {
    /// What to ask for; nothing if nobody is interested any more, and then nobody goes on asking.
    fn question(&self) -> Option<(Vec<Interest>, Option<Position>)> {
        let mut state = lock(&self.state);
        state.interests.retain(|_, wanted| wanted.users > 0);
        if state.interests.is_empty() {
            *state = Following::default();
            return None;
        }
        Some((state.interests.keys().copied().collect(), state.at))
    }

    /// Takes an answer in. True if there is something to look at.
    fn take(&self, asked: &[Interest], followed: Followed) -> bool {
        let mut state = lock(&self.state);
        let state = &mut *state;
        let Followed { at, oldest, since, changes, .. } = followed;
        let goes_on = state.at.is_some_and(|before| before.life == at.life && before.seq >= oldest);
        let is_new = !goes_on || state.failing.is_some() || !changes.is_empty();
        if !goes_on {
            state.recent.clear();
            state.first = changes.first().map_or(at.seq, |change| change.seq - 1);
        }
        if state.at.is_none_or(|before| before.life != at.life) {
            state.interests.values_mut().for_each(|wanted| wanted.ready = None);
        }
        state.recent.extend(changes);
        while state.recent.len() > CHANGES_MAX {
            state.first = state.recent.pop_front().map_or(state.first, |change| change.seq);
        }
        (state.at, state.failing) = (Some(at), None);
        let mut told = is_new;
        for (interest, since) in asked.iter().zip(since) {
            if let Some(wanted) = state.interests.get_mut(interest).filter(|wanted| wanted.ready.is_none()) {
                wanted.ready = Some(Ready { at: Position { seq: at.seq.max(since), ..at }, since });
                told = true;
            }
        }
        told
    }

    /// There was no answer. True if that is worth a look.
    fn fail(&self) -> bool {
        let mut state = lock(&self.state);
        state.failing.get_or_insert_with(Instant::now).elapsed() >= PATIENCE
    }
}

/// Asks a replica again and again, as long as anybody is interested.
async fn follow(hub: Arc<Hub>, follower: Arc<Follower>) {
    let mut pause = PAUSE;
    while let Some((interests, after)) = follower.question() {
        let (told, more) = match hub.ask(follower.node, interests.clone(), after).await {
            Some(followed) => {
                let (more, any) = (followed.more, !followed.changes.is_empty());
                pause = if any { PAUSE } else { (pause * 2).min(PAUSE_MAX) };
                (follower.take(&interests, followed), more)
            }
            None => {
                pause = PAUSE_MAX;
                (follower.fail(), false)
            }
        };
        if told {
            hub.tell();
        }
        if !more {
            // Whoever joins does not wait.
            let _ = tokio::time::timeout(pause, follower.wake.notified()).await;
        }
    }
}

/// Looks at the views in use, as long as anybody watches.
async fn look(hub: Arc<Hub>) {
    loop {
        let watch = Watch::Places { bucket: None, partition_key: None, prefer: Vec::new(), avoid: None };
        if let Response::Watched(watched) = hub.database.call(Request::Watch(watch), Some(WITHIN)).await
            && let Watched::Places(places) = *watched
        {
            let mut state = lock(&hub.state);
            let before = state.views.replace(places.views);
            drop(state);
            if before != Some(places.views) {
                hub.tell();
            }
        }
        tokio::time::sleep(VIEWS_EVERY).await;
        let mut state = lock(&hub.state);
        if state.watchers == 0 {
            (state.looking, state.views) = (false, None);
            return;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
