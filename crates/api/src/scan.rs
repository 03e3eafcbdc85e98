//! Scans: of one partition key, which is one request to the node, and of a whole bucket, which is read partition by
//! partition, several at a time.
//!
//! Invariant: items come in storage order, each at most once per scan, and a cursor stands behind the last item given,
//! so nothing is skipped. A page of a whole bucket may be short, even empty, and still have a cursor: it stands for the
//! time spent, not for the end.

use crate::bucket_names;
use crate::cursor::Cursor;
use crate::database::Database;
use crate::operation::{Bounds, Operation, Run};
use crate::problem::{Kind, Problem};
use crate::refusal;
use crate::render;
use crate::router::Api;
use proto::{ItemKey, Mode, Page, Request, Rule, Scan, Scope, Sibling};
use ring::PartitionId;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How long one page of a whole bucket may take before it is given as it is.
const PAGE_TIME: Duration = Duration::from_secs(1);
/// Partitions asked for at once, at the beginning and at most. Few at first, because a full partition fills the page.
const AHEAD_FIRST: usize = 4;
const AHEAD_MAX: usize = 64;

/// Answers a scan.
pub(crate) async fn scan(api: &Api, operation: &Operation, of: (Rule, Mode), run: &Run) -> Result<Vec<u8>, Problem> {
    let (items, cursor) = page(api, operation, run).await?;
    let cursor = cursor.map(|cursor| cursor.write());
    Ok(render::page(&items, of, cursor.as_deref()))
}

/// Reads one page, and says where the next one begins.
pub(crate) async fn page(api: &Api, operation: &Operation, run: &Run) -> Result<(Items, Option<Cursor>), Problem> {
    match &run.bounds {
        Some(bounds) => one_key(api, operation, run, bounds).await,
        None => whole_bucket(api, operation, run).await,
    }
}

/// Items and their live values.
pub(crate) type Items = Vec<(ItemKey, Vec<Sibling>)>;

async fn one_key(
    api: &Api,
    operation: &Operation,
    run: &Run,
    bounds: &Bounds,
) -> Result<(Items, Option<Cursor>), Problem> {
    let Bounds { partition_key, from, to, after } = bounds.clone();
    let from_cursor = run.cursor.as_ref().and_then(|cursor| cursor.after.clone());
    if from_cursor.as_ref().is_some_and(|key| key.partition_key != partition_key) {
        let detail = "The cursor belongs to the scan of another key; start this one without a cursor.";
        return Err(Problem::new(Kind::InvalidCursor, detail).with("field", "cursor"));
    }
    let after = from_cursor.or_else(|| after.map(|sort| ItemKey::sorted(partition_key.clone(), sort)));
    let scope = Scope::SortKeys { partition_key, from, to, after };
    let page = ask(api.database(), operation, scope, run.limit).await?;
    let cursor = page.next.map(|key| Cursor { partition: PartitionId(0), after: Some(key) });
    Ok((page.items, cursor))
}

async fn ask(database: &dyn Database, operation: &Operation, scope: Scope, limit: u32) -> Result<Page, Problem> {
    let scan = Scan { bucket: operation.bucket.clone(), scope, limit, level: operation.level };
    match database.call(Request::Scan(scan), operation.within).await {
        proto::Response::Page(page) => Ok(page),
        other => Err(refusal::unexpected(other)),
    }
}

/// Reads a page of a whole bucket.
pub(crate) async fn whole_bucket(
    api: &Api,
    operation: &Operation,
    run: &Run,
) -> Result<(Items, Option<Cursor>), Problem> {
    let partitions = bucket_names::status(api.database()).await?.partitions;
    let started = Instant::now();
    let mut items = Items::new();
    let mut at = run.cursor.clone().unwrap_or(Cursor { partition: PartitionId(0), after: None });
    if u32::from(at.partition.0) >= partitions {
        return Err(Problem::new(Kind::InvalidCursor, "The cursor is behind the end; start without one."));
    }
    // Whoever stands inside a partition most likely finds a full page there.
    let mut ahead = if at.after.is_some() { 1 } else { AHEAD_FIRST };
    loop {
        let window = Window::ask(api, operation, &at, ahead, partitions, run.limit);
        for task in window.tasks {
            let (partition, page) = task.finished().await?;
            let room = run.limit as usize - items.len();
            if let Some(behind) = take(&mut items, page, room) {
                return Ok((items, Some(Cursor { partition, after: Some(behind) })));
            }
            let Some(next) = next_partition(partition, partitions) else { return Ok((items, None)) };
            at = Cursor { partition: next, after: None };
            if items.len() == run.limit as usize {
                return Ok((items, Some(at)));
            }
        }
        if started.elapsed() > PAGE_TIME {
            return Ok((items, Some(at)));
        }
        ahead = (ahead * 2).min(AHEAD_MAX);
    }
}

/// Takes items of a partition as far as there is room. Returns where to go on if the partition is not at its end.
fn take(items: &mut Items, mut page: Page, room: usize) -> Option<ItemKey> {
    if page.items.len() > room {
        page.items.truncate(room);
        let behind = page.items.last().map(|(key, _)| key.clone());
        items.append(&mut page.items);
        // There is room for at least one, for otherwise the scan had ended before.
        return behind;
    }
    items.append(&mut page.items);
    page.next
}

fn next_partition(partition: PartitionId, partitions: u32) -> Option<PartitionId> {
    let next = u32::from(partition.0) + 1;
    (next < partitions).then_some(PartitionId(next as u16))
}

/// Partitions being asked for at the same time, in order.
struct Window {
    tasks: Vec<Ahead>,
}

impl Window {
    fn ask(api: &Api, operation: &Operation, from: &Cursor, ahead: usize, partitions: u32, limit: u32) -> Window {
        let mut tasks = Vec::with_capacity(ahead);
        let mut next = Some((from.partition, from.after.clone()));
        while let Some((partition, after)) = next.take() {
            if u32::from(partition.0) >= partitions || tasks.len() == ahead {
                break;
            }
            tasks.push(Ahead::ask(api, operation, partition, after, limit));
            next = next_partition(partition, partitions).map(|partition| (partition, None));
        }
        Window { tasks }
    }
}

/// One partition being asked for; given up when dropped.
struct Ahead {
    partition: PartitionId,
    task: JoinHandle<Result<Page, Problem>>,
}

impl Ahead {
    fn ask(api: &Api, operation: &Operation, partition: PartitionId, after: Option<ItemKey>, limit: u32) -> Ahead {
        let (database, operation) = (Arc::clone(&api.database), operation.clone());
        let scope = Scope::Partition { partition, after };
        let task = tokio::spawn(async move { ask(&*database, &operation, scope, limit).await });
        Ahead { partition, task }
    }

    async fn finished(mut self) -> Result<(PartitionId, Page), Problem> {
        let page = (&mut self.task).await.map_err(|_| {
            Problem::new(Kind::Internal, "The scan was broken off; try again, and look at the log of this node.")
        })?;
        Ok((self.partition, page?))
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.task.abort();
    }
}
