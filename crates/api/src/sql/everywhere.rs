//! The items of the whole cluster, partition by partition, or those of one key, read as clients read them: from as many
//! replicas as the bucket asks for, each item once, siblings as a row each.
//!
//! Invariant: what could not be read, or not in time, is counted in the [`Shortfall`]; rows are never missing in silence.
//! At most [`AHEAD_MAX`] pages are in memory. Refuses to know SQL.

use super::only::{Only, Wanted};
use crate::database::Database;
use crate::json::{Object, write_object};
use crate::refusal;
use bytes::Bytes;
use node::LocalItem;
use proto::{Bucket, BucketId, ItemKey, Page, Request, Response, Scan, Scope};
use ring::{Grid, PartitionId, Token};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use stdx::Span;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Partitions asked for at once, at the beginning and at most. Few at first, because a full partition fills a page.
const AHEAD_FIRST: usize = 4;
const AHEAD_MAX: usize = 32;
/// Items of one page.
const PAGE: u32 = 500;

/// What is missing from rows that were read everywhere.
#[derive(Default, Debug)]
pub(super) struct Shortfall {
    unread: BTreeSet<(BucketId, PartitionId)>,
    of: u32,
    because: Option<String>,
}

impl Shortfall {
    /// Writes the member `partial`, if something is missing.
    pub(super) fn write(&self, object: &mut Object) {
        if self.unread.is_empty() {
            return;
        }
        write_object(object.name("partial"), |partial| {
            partial.number("unread", self.unread.len() as u64);
            partial.number("of", u64::from(self.of));
            if let Some(because) = &self.because {
                partial.text("because", because);
            }
        });
    }

    fn add(&mut self, tree: (BucketId, PartitionId), because: &str) {
        self.unread.insert(tree);
        self.because.get_or_insert_with(|| because.to_owned());
    }
}

/// A look at the items of every node.
pub(super) struct Everywhere {
    database: Arc<dyn Database>,
    runtime: Handle,
    buckets: Vec<Bucket>,
    partitions: u32,
    key: Option<Bytes>,
    until: Instant,
    shortfall: Arc<Mutex<Shortfall>>,
}

impl Everywhere {
    /// Over these buckets, as far as `only` wants them, reading no longer than `until`. To be used on
    /// threads that may wait for the runtime.
    pub(super) fn new(
        (database, runtime): (Arc<dyn Database>, Handle),
        (buckets, partitions): (&[Bucket], u32),
        only: Only,
        until: Instant,
        shortfall: Arc<Mutex<Shortfall>>,
    ) -> Everywhere {
        let buckets: Vec<Bucket> = buckets.iter().filter(|bucket| only.wants_bucket(&bucket.name)).cloned().collect();
        let key = if let Wanted::This(key) = only.key { Some(key) } else { None };
        let mut missing = shortfall.lock().unwrap_or_else(PoisonError::into_inner);
        // A statement may look several times, at more or less of it.
        let looked_at = if key.is_some() { 1 } else { partitions } * buckets.len() as u32;
        missing.of = missing.of.max(looked_at);
        drop(missing);
        Everywhere { database, runtime, buckets, partitions, key, until, shortfall }
    }

    /// Shows every live value to `visit`, until it breaks.
    pub(super) fn each(&self, visit: &mut dyn FnMut(LocalItem) -> ControlFlow<()>) {
        for bucket in &self.buckets {
            let shown = match &self.key {
                Some(key) => self.each_of_key(bucket, key, visit),
                None => self.each_of(bucket, visit),
            };
            if shown.is_break() {
                return;
            }
        }
    }

    fn each_of_key(
        &self,
        bucket: &Bucket,
        key: &Bytes,
        visit: &mut dyn FnMut(LocalItem) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        // Partitions are a power of two.
        let grid = Grid::new(self.partitions.trailing_zeros() as u8);
        let partition = grid.map_or(PartitionId(0), |grid| grid.partition_of(&Token::of(key)));
        let scope = |after| Scope::SortKeys { partition_key: key.clone(), from: None, to: None, after };
        let first = page(Arc::clone(&self.database), bucket.name.clone(), scope(None), self.until);
        let first = self.runtime.block_on(first);
        self.rest(bucket, partition, (first, &scope), visit)
    }

    fn each_of(&self, bucket: &Bucket, visit: &mut dyn FnMut(LocalItem) -> ControlFlow<()>) -> ControlFlow<()> {
        let (mut from, mut ahead) = (0, AHEAD_FIRST);
        while from < self.partitions {
            let to = self.partitions.min(from + ahead as u32);
            for (partition, page) in self.runtime.block_on(self.first_pages(bucket, from..to)) {
                let scope = |after| Scope::Partition { partition, after };
                self.rest(bucket, partition, (page, &scope), visit)?;
            }
            (from, ahead) = (to, (2 * ahead).min(AHEAD_MAX));
        }
        ControlFlow::Continue(())
    }

    /// The first page of each of some partitions, in their order.
    async fn first_pages(&self, bucket: &Bucket, of: std::ops::Range<u32>) -> Vec<(PartitionId, Result<Page, String>)> {
        let mut asking = JoinSet::new();
        for partition in of {
            let partition = PartitionId(partition as u16);
            let scope = Scope::Partition { partition, after: None };
            let page = page(Arc::clone(&self.database), bucket.name.clone(), scope, self.until);
            asking.spawn(async move { (partition, page.await) });
        }
        let mut pages = asking.join_all().await;
        pages.sort_by_key(|(partition, _)| *partition);
        pages
    }

    /// Shows a page, and those that follow in the same partition.
    fn rest(
        &self,
        bucket: &Bucket,
        partition: PartitionId,
        (mut found, scope): (Result<Page, String>, &dyn Fn(Option<ItemKey>) -> Scope),
        visit: &mut dyn FnMut(LocalItem) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        loop {
            let read = match found {
                Ok(read) => read,
                Err(because) => {
                    let mut missing = self.shortfall.lock().unwrap_or_else(PoisonError::into_inner);
                    missing.add((bucket.id, partition), &because);
                    return ControlFlow::Continue(());
                }
            };
            show(bucket.id, read.items, visit)?;
            let Some(after) = read.next else { return ControlFlow::Continue(()) };
            let next = page(Arc::clone(&self.database), bucket.name.clone(), scope(Some(after)), self.until);
            found = self.runtime.block_on(next);
        }
    }
}

fn show(
    bucket: BucketId,
    items: Vec<(ItemKey, Vec<proto::Sibling>)>,
    visit: &mut dyn FnMut(LocalItem) -> ControlFlow<()>,
) -> ControlFlow<()> {
    for (key, siblings) in items {
        for value in siblings.into_iter().filter_map(|sibling| sibling.version.value) {
            visit(LocalItem { token: Token::of(&key.partition_key), bucket, key: key.clone(), value })?;
        }
    }
    ControlFlow::Continue(())
}

async fn page(database: Arc<dyn Database>, bucket: String, scope: Scope, until: Instant) -> Result<Page, String> {
    let late = || "There was no time to read everything; narrow the statement, or ask a single node.".to_owned();
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(late());
    }
    let scan = Scan { bucket, scope, limit: PAGE, level: None };
    let within = Some(Span::micros(left.as_micros() as u64));
    match tokio::time::timeout(left, database.call(Request::Scan(scan), within)).await {
        Ok(Response::Page(page)) => Ok(page),
        Ok(other) => Err(refusal::unexpected(other).detail().to_owned()),
        Err(_) => Err(late()),
    }
}
