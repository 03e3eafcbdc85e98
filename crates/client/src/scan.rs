//! Items one after the other: a stream over the pages of a scan.
//!
//! Invariant: each page is asked for when the one before is used up, so a reader that stops costs nothing. [`Scan::cursor`] says
//! where the page that is being read began: whoever goes on from there sees the rest of it again and misses nothing.

use crate::bucket::Bucket;
use crate::client::{Attempt, Call};
use crate::error::Error;
use crate::item::{Item, put_bytes};
use crate::node;
use crate::nodes::About;
use crate::request::{Level, unfit};
use crate::retry::Idempotence;
use crate::transport::Ask;
use bytes::Bytes;
use futures_core::Stream;
use hyper::Method;
use serde_json::{Map, Value as Json};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Items of a page if not said otherwise.
const PAGE: u64 = 500;

type Fetching = Pin<Box<dyn Future<Output = Result<(Vec<Item>, Option<String>), Error>> + Send>>;

/// A stream of items. Items that are written or deleted meanwhile may be in it or not.
pub struct Scan {
    bucket: Bucket,
    partition: Option<Bytes>,
    fields: Map<String, Json>,
    /// Where the page that is being read began.
    cursor: Option<String>,
    /// Where the next one begins.
    next: Option<String>,
    items: VecDeque<Item>,
    is_over: bool,
    fetching: Option<Fetching>,
}

impl Scan {
    pub(crate) fn of(bucket: Bucket, partition: Option<Bytes>) -> Scan {
        let mut fields = Map::new();
        fields.insert("type".to_owned(), "SCAN".into());
        fields.insert("bucket".to_owned(), bucket.name().into());
        fields.insert("limit".to_owned(), PAGE.into());
        if let Some(partition) = &partition {
            put_bytes(&mut fields, "key", partition);
        }
        let (cursor, next, items) = (None, None, VecDeque::new());
        Scan { bucket, partition, fields, cursor, next, items, is_over: false, fetching: None }
    }

    /// Begins at this sort key. For the items of one partition key.
    #[must_use]
    pub fn from(mut self, sort: impl Into<Bytes>) -> Scan {
        put_bytes(&mut self.fields, "from", &sort.into());
        self
    }

    /// Ends before this sort key. For the items of one partition key.
    #[must_use]
    pub fn to(mut self, sort: impl Into<Bytes>) -> Scan {
        put_bytes(&mut self.fields, "to", &sort.into());
        self
    }

    /// How many replicas must answer.
    #[must_use]
    pub fn level(mut self, level: Level) -> Scan {
        self.fields.insert("level".to_owned(), level.to_string().into());
        self
    }

    /// Items of a page, from 1 to 10,000.
    #[must_use]
    pub fn page(mut self, items: u64) -> Scan {
        self.fields.insert("limit".to_owned(), items.into());
        self
    }

    /// Goes on where another scan of the same items was.
    #[must_use]
    pub fn resume(mut self, cursor: impl Into<String>) -> Scan {
        self.next = Some(cursor.into());
        self.cursor.clone_from(&self.next);
        self
    }

    /// Where to go on later; none at the beginning.
    pub fn cursor(&self) -> Option<&str> {
        if self.items.is_empty() { self.next.as_deref() } else { self.cursor.as_deref() }
    }

    /// The next item; none at the end. After a failure it may be asked again.
    pub async fn next(&mut self) -> Result<Option<Item>, Error> {
        std::future::poll_fn(|context| self.poll_item(context)).await.transpose()
    }

    fn poll_item(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Item, Error>>> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Poll::Ready(Some(Ok(item)));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            if self.fetching.is_none() {
                self.fetching = Some(Box::pin(page(self.bucket.clone(), self.partition.clone(), self.body())));
            }
            let Some(fetching) = &mut self.fetching else { continue };
            let fetched = ready!(fetching.as_mut().poll(context));
            self.fetching = None;
            match fetched {
                Ok((items, next)) => {
                    self.items = items.into();
                    self.is_over = next.is_none();
                    self.cursor = std::mem::replace(&mut self.next, next);
                }
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }

    fn body(&self) -> Map<String, Json> {
        let mut body = self.fields.clone();
        if let Some(cursor) = &self.next {
            body.insert("cursor".to_owned(), cursor.as_str().into());
        }
        body
    }
}

async fn page(
    bucket: Bucket,
    partition: Option<Bytes>,
    body: Map<String, Json>,
) -> Result<(Vec<Item>, Option<String>), Error> {
    let ask = |attempt: Attempt| {
        let mut body = body.clone();
        body.insert("timeout".to_owned(), attempt.within.as_secs_f64().into());
        Ask { changes: false, ..Ask::json(Method::POST, "/", Json::Object(body).to_string()) }
    };
    let key = partition.as_ref().map(|partition| (bucket.name(), &partition[..]));
    let call = Call {
        about: About { key, owner_first: false },
        idempotence: Idempotence::Safe,
        patience: None,
        ask: &ask,
        read: node::read_whole,
    };
    let answer = bucket.client().carry_out(&call).await?;
    let items = answer["items"].as_array().and_then(|items| items.iter().map(Item::read).collect());
    Ok((items.ok_or_else(unfit)?, answer["cursor"].as_str().map(str::to_owned)))
}

impl Stream for Scan {
    type Item = Result<Item, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_item(context)
    }
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("bucket", &self.bucket.name())
            .field("cursor", &self.cursor())
            .finish_non_exhaustive()
    }
}
