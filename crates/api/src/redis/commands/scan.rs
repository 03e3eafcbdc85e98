//! Going through all keys: SCAN, and what is made of it.
//!
//! Keys come in the order of their tokens. A cursor is the first 52 bits of a token, so that it is exact even in clients
//! that keep numbers as doubles: every key whose token lies below it has been given. It is good at any node, for any time
//! and across changes of the ring, for tokens never change.
//!
//! Invariant: a key that is there from the first call to the last is returned, once. A call ends after [`CALL_TIME`] with
//! what it has, which may be nothing; only cursor 0 means the end.

use super::run;
use crate::access::audited;
use crate::redis::arguments::is;
use crate::redis::call::{Call, together};
use crate::redis::element::{self, Kind};
use crate::redis::fault::{Fault, Outcome};
use crate::redis::pattern;
use crate::redis::scanning::{Wanted, cursor};
use crate::redis::table::{Command, Flag, later};
use bytes::Bytes;
use proto::{ItemKey, Page, Request, Response, Scan, Scope};
use resp::Reply;
use ring::{PartitionId, Token};
use serde_json::json;
use server::Deed;
use std::time::Duration;
use tokio::time::Instant;

/// How long one call of SCAN looks for keys.
const CALL_TIME: Duration = Duration::from_millis(500);
/// How long KEYS, DBSIZE and RANDOMKEY may take before they are given up.
const WHOLE_TIME: Duration = Duration::from_secs(60);
/// Partitions looked at at the same time, at first and at most. Few at first, because one may have enough.
const AHEAD_FIRST: u32 = 2;
const AHEAD_MAX: u32 = 64;
/// Items of one page, at least and at most.
const PAGE: std::ops::RangeInclusive<usize> = 64..=1_000;
/// Bits of a token that a cursor keeps.
const CURSOR_BITS: u32 = 52;

pub(super) fn commands() -> Vec<Command> {
    const ALL: &[Flag] = &[Flag::Read, Flag::Everything];
    const WHOLE: &str = "Reads all keys, which takes time in proportion.";
    vec![
        later("scan", -2, "Some of the keys, and where to go on", run!(scan))
            .flags(ALL)
            .differs("COUNT is at most 10,000."),
        later("keys", 2, "All keys that fit a pattern", run!(keys)).flags(ALL).differs(WHOLE),
        later("dbsize", 1, "How many keys there are", run!(size)).flags(ALL).differs(WHOLE),
        later("randomkey", 1, "Some key", run!(random))
            .flags(ALL)
            .differs("The first key behind a random place; a key behind a large gap comes more often."),
        later("flushdb", -1, "Deletes all keys", run!(flush)).flags(FLUSH).differs(FLUSHES),
        later("flushall", -1, "Deletes all keys of this database", run!(flush)).flags(FLUSH).differs(FLUSHES),
    ]
}

const FLUSH: &[Flag] = &[Flag::Write, Flag::Everything];
const FLUSHES: &str = "Only if the node was started with `--redis-flush`. ASYNC is the same as SYNC. Deletes key by key what is there when it comes by; \
                       items with sort keys that other interfaces wrote stay.";

fn takes(wanted: &Wanted, key: &Key) -> bool {
    wanted.pattern.as_ref().is_none_or(|pattern| pattern::matches(pattern, &key.name))
        && wanted.kind.as_ref().is_none_or(|kind| is(kind, key.kind.word()))
}

async fn scan(call: Call) -> Outcome {
    let cursor = cursor(call.arg(1))?;
    let wanted = Wanted::read(call.args(2))?;
    let mut walk = Walk::from(&call, cursor).await?;
    let end = Instant::now() + CALL_TIME;
    let (mut found, mut seen) = (Vec::new(), 0);
    while seen < wanted.count && walk.is_under_way() {
        for key in walk.step(&call, wanted.count - seen).await? {
            seen += 1;
            if takes(&wanted, &key) {
                found.push(Reply::Bulk(key.name));
            }
        }
        if Instant::now() > end {
            break;
        }
    }
    Ok(Reply::Array(vec![Reply::text(walk.cursor.to_string()), Reply::Array(found)]))
}

/// All keys, some at a time.
struct All {
    walk: Walk,
    end: Instant,
}

impl All {
    async fn of(call: &Call) -> Result<All, Fault> {
        Ok(All { walk: Walk::from(call, 0).await?, end: Instant::now() + WHOLE_TIME })
    }

    async fn next(&mut self, call: &Call) -> Result<Option<Vec<Key>>, Fault> {
        if !self.walk.is_under_way() {
            return Ok(None);
        }
        if Instant::now() > self.end {
            return Err(Fault::new("ERR There are too many keys to go through all of them at once; use SCAN."));
        }
        self.walk.step(call, usize::MAX).await.map(Some)
    }
}

/// Bytes of names that one reply may have.
const NAMES_BYTES_MAX: usize = 64 << 20;

async fn keys(call: Call) -> Outcome {
    let pattern = call.arg(1);
    let (mut found, mut bytes) = (Vec::new(), 0);
    let mut all = All::of(&call).await?;
    while let Some(keys) = all.next(&call).await? {
        for key in keys.into_iter().filter(|key| pattern::matches(pattern, &key.name)) {
            bytes += key.name.len();
            found.push(Reply::Bulk(key.name));
        }
        if bytes > NAMES_BYTES_MAX {
            return Err(Fault::new("ERR There are too many keys for one reply; use SCAN."));
        }
    }
    Ok(Reply::Array(found))
}

async fn size(call: Call) -> Outcome {
    let mut count = 0;
    let mut all = All::of(&call).await?;
    while let Some(keys) = all.next(&call).await? {
        count += keys.len() as i64;
    }
    Ok(Reply::Integer(count))
}

async fn random(call: Call) -> Outcome {
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8) >> (64 - CURSOR_BITS);
    // Behind the place first, then from the beginning.
    for begin in [random, 0] {
        let mut walk = Walk::from(&call, begin).await?;
        let end = Instant::now() + WHOLE_TIME;
        while walk.is_under_way() && Instant::now() < end {
            if let Some(key) = walk.step(&call, 1).await?.into_iter().next() {
                return Ok(Reply::Bulk(key.name));
            }
        }
    }
    Ok(Reply::Null)
}

async fn flush(call: Call) -> Outcome {
    match call.args(1) {
        [] => {}
        // It is always gone when this is answered.
        [how] if is(how, "ASYNC") || is(how, "SYNC") => {}
        _ => return Err(Fault::SYNTAX),
    }
    if !call.redis.options.flush {
        return Err(Fault::new(
            "ERR Deleting everything must be allowed when the node is started, with --redis-flush; delete keys with DEL.",
        ));
    }
    let deed = Deed::new("flush", json!({ "bucket": call.place.bucket }));
    let begun = audited::begin(&*call.database, deed).await;
    let flushed = delete_all(&call).await;
    if let Some(begun) = begun {
        let why = |_: &Fault| server::Outcome::Unknown("It broke off; what was deleted by then is gone.".to_owned());
        begun.end(flushed.as_ref().err().map_or(server::Outcome::Done, why)).await;
    }
    flushed.map(|()| Reply::OK)
}

async fn delete_all(call: &Call) -> Result<(), Fault> {
    let mut all = All::of(call).await?;
    while let Some(keys) = all.next(call).await? {
        let deletes: Vec<_> = keys.into_iter().map(|key| super::keys::delete_one(call.clone(), key.name)).collect();
        together(deletes).await?;
    }
    Ok(())
}

/// A key that was come by.
struct Key {
    name: Bytes,
    kind: Kind,
}

/// A way through the keys.
struct Walk {
    partitions: u32,
    bits: u32,
    /// Every key below has been given; 0 at the end.
    cursor: u64,
    ahead: u32,
    over: bool,
}

impl Walk {
    async fn from(call: &Call, cursor: u64) -> Result<Walk, Fault> {
        let partitions = call.redis.partitions().await?;
        let over = cursor >> CURSOR_BITS > 0;
        Ok(Walk {
            partitions,
            bits: partitions.trailing_zeros(),
            cursor: if over { 0 } else { cursor },
            ahead: AHEAD_FIRST,
            over,
        })
    }

    fn is_under_way(&self) -> bool {
        !self.over
    }

    /// The first place of a partition.
    fn beginning(&self, partition: u32) -> u64 {
        u64::from(partition) << (CURSOR_BITS - self.bits)
    }

    /// Looks at the next partitions and gives at least one key, if there is one in them, and not many more than `room`.
    async fn step(&mut self, call: &Call, room: usize) -> Result<Vec<Key>, Fault> {
        let first = (self.cursor >> (CURSOR_BITS - self.bits)) as u32;
        let last = (first + self.ahead).min(self.partitions);
        let from = self.cursor;
        let reads: Vec<_> =
            (first..last).map(|at| partition(call.clone(), PartitionId(at as u16), from, room)).collect();
        let mut keys: Vec<Key> = Vec::new();
        for (at, part) in (first..).zip(together(reads).await?) {
            let left = room.saturating_sub(keys.len());
            if left == 0 {
                self.cursor = self.beginning(at);
                return Ok(keys);
            }
            match part.cut(left) {
                (taken, Some(next)) => {
                    keys.extend(taken);
                    self.cursor = next;
                    return Ok(keys);
                }
                (taken, None) => keys.extend(taken),
            }
        }
        self.ahead = (self.ahead * 2).min(AHEAD_MAX);
        self.over = last == self.partitions;
        self.cursor = if self.over { 0 } else { self.beginning(last) };
        Ok(keys)
    }
}

/// Keys of one partition in order, with their places; and whether there are more.
struct Part {
    keys: Vec<(u64, Key)>,
    more: bool,
}

impl Part {
    /// At least `room` of the keys, unless there are not as many: keys of one place are not parted. And where to go on, if
    /// that is in this partition.
    fn cut(mut self, room: usize) -> (Vec<Key>, Option<u64>) {
        let mut next = None;
        if self.keys.len() > room {
            let place = self.keys[room - 1].0;
            let end = self.keys.iter().position(|(at, _)| *at > place).unwrap_or(self.keys.len());
            next = self.keys.get(end).map(|(at, _)| *at);
            self.keys.truncate(end);
        }
        if next.is_none() && self.more {
            next = self.keys.last().map(|(place, _)| place + 1);
        }
        (self.keys.into_iter().map(|(_, key)| key).collect(), next)
    }
}

/// Reads the keys of a partition from a place on, at least `room` of them and all of the last place.
async fn partition(call: Call, partition: PartitionId, from: u64, room: usize) -> Result<Part, Fault> {
    let mut part = Part { keys: Vec::new(), more: false };
    let (mut after, limit) = (None, room.saturating_mul(2).clamp(*PAGE.start(), *PAGE.end()) as u32);
    loop {
        let Page { items, next } = page(&call, partition, after, limit).await?;
        for (item, _) in items {
            let at = place(&item.partition_key);
            // A key that has several items comes once, with its first one.
            let again = part.keys.last().is_some_and(|(_, last)| last.name == item.partition_key);
            let Some(kind) = Kind::of(&item).filter(|_| at >= from && !again) else { continue };
            if part.keys.len() >= room && part.keys.last().is_some_and(|(last, _)| at > *last) {
                part.more = true;
                return Ok(part);
            }
            // A copy: a slice of the page would keep its values in memory for as long as the name.
            part.keys.push((at, Key { name: Bytes::copy_from_slice(&item.partition_key), kind }));
        }
        after = match next {
            // The rest of a large collection is passed over.
            Some(next) if part.keys.last().is_some_and(|(_, last)| last.name == next.partition_key) => {
                Some(next.max(ItemKey::sorted(part.keys[part.keys.len() - 1].1.name.clone(), element::END)))
            }
            Some(next) => Some(next),
            None => return Ok(part),
        }
    }
}

async fn page(call: &Call, partition: PartitionId, after: Option<ItemKey>, limit: u32) -> Result<Page, Fault> {
    let scope = Scope::Partition { partition, after };
    let scan = Scan { bucket: call.place.bucket.clone(), scope, limit, level: None };
    match call.ask(Request::Scan(scan)).await {
        Response::Page(page) => Ok(page),
        other => Err(Fault::unexpected(other)),
    }
}

/// Where a key stands: the first bits of the token before its own, for a partition ends with its boundary.
fn place(key: &[u8]) -> u64 {
    let token = Token::of(key);
    let bytes: [u8; 20] = *token.as_bytes();
    let head = bytes.iter().take(8).fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
    let before = if bytes[8..].iter().any(|byte| *byte > 0) { head } else { head.wrapping_sub(1) };
    before >> (64 - CURSOR_BITS)
}
