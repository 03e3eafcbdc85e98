//! `POST /v1/backup/page`: records as a quorum holds them, merged, tombstones and causal histories and all, partition by
//! partition, in the frames of `backup`.
//!
//! Invariant: a partition is said to be complete only when every record of the asked buckets in it, as of some moment after
//! the request for it began, has been given.

use super::{ask, tell};
use crate::access::Asker;
use crate::bucket_names;
use crate::cursor::Cursor;
use crate::fields::{Fields, excerpt, invalid};
use crate::problem::{Kind, Problem};
use crate::refusal;
use crate::router::Api;
use axum::extract;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use backup::{Entry, Frame, write_frame};
use proto::{Act, Bucket, BucketId, ItemKey, Level, Records, Request, Scan, Scope, Slot};
use ring::{Grid, PartitionId};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A page ends when it has so many bytes, or took so long.
const PAGE_BYTES: usize = 4 << 20;
const PAGE_TIME: Duration = Duration::from_secs(2);
/// Records asked for at once.
const LIMIT: u32 = 10_000;
/// Places asked for at the same time, at first and at most: few while pages are large.
const AHEAD_FIRST: usize = 4;
const AHEAD_MAX: usize = 64;
/// Replicas send up to 4 MiB each for one place, so places this full are asked for a few at a time.
const FULL_BYTES: usize = 256 << 10;

/// Where to go on: the bucket by its place in the list.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Place {
    partition: u32,
    bucket: usize,
    after: Option<ItemKey>,
}

/// Answers with a page.
pub(crate) async fn page(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    api.demand(Act::Admin, None)?;
    let body = api.bodies.read(request, &api.options).await?;
    let mut fields = Fields::read(&body.bytes)?;
    let names = fields.text_needed("buckets")?.into_owned();
    let cursor = fields.text("cursor")?.map(String::from);
    fields.finish("a page of a backup", &["buckets", "cursor"])?;
    let status = bucket_names::status(api.database()).await?;
    let buckets = find(&status.buckets, &names)?;
    tell(api.database(), "backup", json!({ "buckets": excerpt(names.as_bytes()) })).await;
    let grid = grid(status.partitions)?;
    let at = read_cursor(cursor.as_deref(), &buckets, status.partitions)?;
    let out = Pages { api: &api, buckets, grid, out: Vec::new(), at, ahead: AHEAD_FIRST }.fill().await;
    let mut response = out.into_response();
    let binary = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, binary);
    Ok(response)
}

fn grid(partitions: u32) -> Result<Grid, Problem> {
    let grid = partitions.is_power_of_two().then(|| Grid::new(partitions.trailing_zeros() as u8)).flatten();
    grid.ok_or_else(|| crate::cluster::nothing_of("number of partitions that makes sense"))
}

fn find(buckets: &[Bucket], names: &str) -> Result<Vec<Bucket>, Problem> {
    let one = |name: &str| buckets.iter().find(|bucket| bucket.name == name).cloned();
    let mut found: Vec<Bucket> =
        names.split(',').map(|name| one(name).ok_or_else(|| bucket_names::unknown(name))).collect::<Result<_, _>>()?;
    found.sort_by_key(|bucket| bucket.id);
    found.dedup();
    Ok(found)
}

fn read_cursor(text: Option<&str>, buckets: &[Bucket], partitions: u32) -> Result<Place, Problem> {
    let Some(text) = text else { return Ok(Place { partition: 0, bucket: 0, after: None }) };
    let wrong = || Problem::new(Kind::InvalidCursor, "The cursor is not one of this backup; start without one.");
    let (bucket, cursor) = text.split_once('.').ok_or_else(wrong)?;
    let id = bucket.parse().map(BucketId).map_err(|_| wrong())?;
    let bucket = buckets.iter().position(|bucket| bucket.id == id).ok_or_else(wrong)?;
    let Cursor { partition, after } = Cursor::read(cursor)?;
    let partition = u32::from(partition.0);
    if partition >= partitions {
        Err(invalid("cursor", "is behind the end"))
    } else {
        Ok(Place { partition, bucket, after })
    }
}

/// The body of one answer in the making.
struct Pages<'a> {
    api: &'a Api,
    buckets: Vec<Bucket>,
    grid: Grid,
    out: Vec<u8>,
    at: Place,
    ahead: usize,
}

impl Pages<'_> {
    async fn fill(mut self) -> Vec<u8> {
        let started = Instant::now();
        while self.at.partition < self.grid.count() {
            let before = self.out.len();
            for task in self.window() {
                if !self.take(task.finished().await) {
                    break;
                }
            }
            if self.out.len() >= PAGE_BYTES || started.elapsed() > PAGE_TIME {
                break;
            }
            self.ahead = if self.out.len() - before > FULL_BYTES { 2 } else { (self.ahead * 2).min(AHEAD_MAX) };
        }
        let end = self.cursor().map_or(Frame::End, Frame::More);
        write_frame(&mut self.out, &end);
        self.out
    }

    fn cursor(&self) -> Option<String> {
        let Place { partition, bucket, after } = self.at.clone();
        if partition >= self.grid.count() {
            return None;
        }
        let cursor = Cursor { partition: PartitionId(partition as u16), after }.write();
        Some(format!("{}.{cursor}", self.buckets[bucket].id.0))
    }

    /// Asks for the next places at the same time.
    fn window(&self) -> Vec<Asked> {
        let mut tasks = Vec::with_capacity(self.ahead);
        let mut place = self.at.clone();
        while tasks.len() < self.ahead && place.partition < self.grid.count() {
            tasks.push(Asked::ask(self.api, &self.buckets[place.bucket], &place));
            place = self.behind(&place);
        }
        tasks
    }

    fn behind(&self, place: &Place) -> Place {
        let last = place.bucket + 1 == self.buckets.len();
        let (partition, bucket) = if last { (place.partition + 1, 0) } else { (place.partition, place.bucket + 1) };
        Place { partition, bucket, after: None }
    }

    /// Takes what one place gave. False if what was asked for behind it is not what comes next.
    fn take(&mut self, given: Result<Records, String>) -> bool {
        let partition = PartitionId(self.at.partition as u16);
        match given {
            Err(why) => {
                write_frame(&mut self.out, &Frame::Failed(partition, why));
                let next_is_elsewhere = self.buckets.len() > self.at.bucket + 1;
                self.at = Place { partition: self.at.partition + 1, bucket: 0, after: None };
                !next_is_elsewhere
            }
            Ok(Records { items, next }) => {
                let bucket = self.buckets[self.at.bucket].id;
                for (key, record) in items {
                    let slot = Slot::new(self.grid, bucket, key);
                    let key = codec::slot_key(&slot);
                    let value = codec::encode_stored(&key, &slot, &record);
                    write_frame(&mut self.out, &Frame::Entry(Entry { key, value }));
                }
                if next.is_some() {
                    self.at.after = next;
                    return false;
                }
                let behind = self.behind(&self.at);
                if behind.bucket == 0 {
                    write_frame(&mut self.out, &Frame::Complete(partition));
                }
                self.at = behind;
                true
            }
        }
    }
}

/// One place being asked for; given up when dropped.
struct Asked(JoinHandle<Result<Records, String>>);

impl Asked {
    fn ask(api: &Api, bucket: &Bucket, place: &Place) -> Asked {
        let database = Arc::clone(&api.database);
        let scope = Scope::Partition { partition: PartitionId(place.partition as u16), after: place.after.clone() };
        let scan = Scan { bucket: bucket.name.clone(), scope, limit: LIMIT, level: Some(Level::Quorum) };
        Asked(tokio::spawn(async move {
            match ask(&*database, Request::Dump(scan)).await {
                proto::Response::Records(records) => Ok(records),
                other => Err(refusal::unexpected(other).detail().to_owned()),
            }
        }))
    }

    async fn finished(mut self) -> Result<Records, String> {
        (&mut self.0).await.unwrap_or_else(|_| Err("the request was broken off".to_owned()))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.abort();
    }
}
