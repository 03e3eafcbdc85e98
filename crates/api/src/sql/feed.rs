//! Turning the push of a walk over items into the pull that a cursor of SQLite needs: a thread walks the items and
//! hands them over in small batches, waiting when nobody takes them.
//!
//! Invariant: at most [`BATCHES`] batches and one more are in memory, and the thread ends soon after its feed is dropped.

use super::everywhere::Everywhere;
use node::{LocalItem, LocalItems};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Instant;
use stdx::Wall;

/// Batches waiting to be taken.
const BATCHES: usize = 2;
/// Items of a batch.
const ITEMS: usize = 256;
/// Bytes of keys and values of a batch; one item may be larger.
const BYTES: usize = 1 << 20;

type Batch = Result<Vec<LocalItem>, String>;

/// Where items come from.
pub(super) enum Origin {
    /// What this node stores.
    Node(LocalItems),
    /// What is stored anywhere.
    Cluster(Everywhere),
}

/// The items, one after the other.
pub(super) struct Feed {
    batches: Receiver<Batch>,
    batch: std::vec::IntoIter<LocalItem>,
}

/// Why there is no next item.
#[derive(Debug)]
pub(super) enum FeedError {
    /// It is too late.
    Late,
    /// Storage failed; the sentence says how.
    Failed(String),
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FeedError::Late => f.write_str("interrupted"),
            FeedError::Failed(why) => f.write_str(why),
        }
    }
}

impl Feed {
    /// The items as of `wall`.
    pub(super) fn start(origin: Origin, wall: Wall) -> Result<Feed, FeedError> {
        let (sender, batches) = sync_channel(BATCHES);
        let walk = move || walk(&origin, wall, &sender);
        let thread = std::thread::Builder::new().name("sql-feed".to_owned()).spawn(walk);
        thread.map_err(|error| FeedError::Failed(format!("cannot start a thread: {error}")))?;
        Ok(Feed { batches, batch: Vec::new().into_iter() })
    }

    /// The next item; none at the end.
    pub(super) fn next(&mut self, deadline: Instant) -> Result<Option<LocalItem>, FeedError> {
        loop {
            if let Some(item) = self.batch.next() {
                return Ok(Some(item));
            }
            match self.batches.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Ok(batch)) => self.batch = batch.into_iter(),
                Ok(Err(why)) => return Err(FeedError::Failed(why)),
                Err(RecvTimeoutError::Timeout) => return Err(FeedError::Late),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
    }
}

fn walk(origin: &Origin, wall: Wall, sender: &SyncSender<Batch>) {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let mut visit = |item: LocalItem| {
        bytes += item.key.len() + item.value.bytes.len();
        batch.push(item);
        if batch.len() < ITEMS && bytes < BYTES {
            return ControlFlow::Continue(());
        }
        bytes = 0;
        match sender.send(Ok(std::mem::take(&mut batch))) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    };
    let result = match origin {
        Origin::Node(items) => items.each(wall, &mut visit).map_err(|error| error.to_string()),
        Origin::Cluster(everywhere) => {
            everywhere.each(&mut visit);
            Ok(())
        }
    };
    let last = result.map(|()| batch);
    // Whoever dropped the feed does not want the rest.
    let _ = sender.send(last);
}
