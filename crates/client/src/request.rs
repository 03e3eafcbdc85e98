//! Operations on one item, put together step by step and carried out by `.await`.
//!
//! Invariant: what is set is sent or refused, never ignored. A change in a linearizable bucket always has an id, so that it may
//! be asked for again without being made twice.

use crate::bucket::Bucket;
use crate::client::{Attempt, Call};
use crate::error::Error;
use crate::item::{Context, Item, Key, Value, put_bytes, take_bytes};
use crate::map::Rule;
use crate::node;
use crate::nodes::About;
use crate::problem::Reason;
use crate::retry::Idempotence;
use crate::transport::Ask;
use bytes::Bytes;
use hyper::Method;
use serde_json::{Map, Value as Json};
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

/// How many replicas must answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Anybody; a write may be kept for a replica that is away.
    Any,
    /// One.
    One,
    /// More than half.
    Quorum,
    /// All.
    All,
    /// So many.
    Count(u8),
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Level::Any => f.write_str("any"),
            Level::One => f.write_str("one"),
            Level::Quorum => f.write_str("quorum"),
            Level::All => f.write_str("all"),
            Level::Count(count) => count.fmt(f),
        }
    }
}

/// When a replica may count as having written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// When it is on disk.
    Fsync,
    /// When it can be read.
    Memory,
}

/// What a write did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// Replicas that hold it; in a linearizable bucket that is a majority, and this is 0.
    pub acknowledged: u64,
    /// What was written, for the write that follows.
    pub context: Context,
}

/// What an addition did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sum {
    /// What the number is now; none if others have changed it since.
    pub value: Option<i64>,
    /// What was written, for the write that follows.
    pub context: Context,
}

impl Written {
    pub(crate) fn read(answer: &Json) -> Written {
        Written { acknowledged: answer["acknowledged"].as_u64().unwrap_or(0), context: Context::read(answer) }
    }
}

impl Sum {
    pub(crate) fn read(answer: &Json) -> Sum {
        let value = take_bytes(answer, "value").and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse().ok());
        Sum { value, context: Context::read(answer) }
    }
}

/// Reads an item.
#[derive(Clone, Copy, Debug)]
pub enum Get {}
/// Writes an item.
#[derive(Clone, Copy, Debug)]
pub enum Put {}
/// Deletes an item.
#[derive(Clone, Copy, Debug)]
pub enum Delete {}
/// Adds to an item that is a number.
#[derive(Clone, Copy, Debug)]
pub enum Add {}

/// An operation in the making: `.await` carries it out.
#[must_use = "an operation is carried out by .await"]
#[derive(Clone, Debug)]
pub struct Request<'a, K> {
    bucket: &'a Bucket,
    body: Body,
    patience: Option<Duration>,
    once: bool,
    kind: PhantomData<fn() -> K>,
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) key: Key,
    value: Option<Value>,
    fields: Map<String, Json>,
    context: Context,
    /// It has a condition, so the bucket must be linearizable.
    has_condition: bool,
}

impl Body {
    fn new(kind: &str, bucket: &str, key: Key) -> Body {
        let mut fields = Map::new();
        fields.insert("type".to_owned(), kind.into());
        fields.insert("bucket".to_owned(), bucket.into());
        Body { key, value: None, fields, context: Context::None, has_condition: false }
    }

    fn set(&mut self, name: &str, value: impl Into<Json>) {
        self.fields.insert(name.to_owned(), value.into());
    }

    /// As JSON. `id` is the name of a change.
    fn json(&self, attempt: Attempt, id: Option<u64>) -> Map<String, Json> {
        let mut object = self.fields.clone();
        object.insert("timeout".to_owned(), attempt.within.as_secs_f64().into());
        if let Some(id) = id {
            let name = if attempt.again { "again" } else { "id" };
            object.insert(name.to_owned(), format!("{id:016x}").into());
        }
        self.write(&mut object);
        object
    }

    fn write(&self, object: &mut Map<String, Json>) {
        self.key.write(object);
        if let Some(value) = &self.value {
            put_bytes(object, "value", &value.bytes);
            if let Some(kind) = &value.content_type {
                object.insert("contentType".to_owned(), kind.as_str().into());
            }
        }
        match &self.context {
            Context::Token(token) => object.insert("context".to_owned(), token.as_str().into()),
            Context::Version(version) => object.insert("ifVersion".to_owned(), (*version).into()),
            Context::None => None,
        };
    }

    /// The bucket's name.
    pub(crate) fn bucket(&self) -> &str {
        self.fields["bucket"].as_str().unwrap_or_default()
    }

    /// What it does: `GET`, `PUT`, `DELETE` or `ADD`.
    pub(crate) fn kind(&self) -> &str {
        self.fields["type"].as_str().unwrap_or_default()
    }

    /// Whether it may be carried out twice without an id: where siblings are kept, two writes of a value are two values, and
    /// in a linearizable bucket a change could come again behind somebody else's. A bucket of which nothing is known may be
    /// either.
    pub(crate) fn may_be_repeated(&self, rule: Option<Rule>) -> bool {
        let keeps_siblings = rule == Some(Rule::Siblings) || matches!(self.context, Context::Token(_));
        match (self.kind(), rule) {
            ("GET", _) => true,
            (_, None | Some(Rule::Linearizable)) => false,
            ("PUT", _) => !keeps_siblings,
            ("DELETE", _) => true,
            _ => false,
        }
    }

    /// As a line of a batch.
    pub(crate) fn line(&self) -> Map<String, Json> {
        let mut object = self.fields.clone();
        self.write(&mut object);
        object
    }
}

impl<'a, K> Request<'a, K> {
    fn of(bucket: &'a Bucket, kind: &str, key: Key) -> Request<'a, K> {
        let body = Body::new(kind, bucket.name(), key);
        Request { bucket, body, patience: None, once: false, kind: PhantomData }
    }

    /// How many replicas must answer; what the bucket says if not given.
    pub fn level(mut self, level: Level) -> Self {
        self.body.set("level", level.to_string());
        self
    }

    /// How long the operation may take with all its attempts.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Is not tried again if it may have been carried out.
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    pub(crate) fn into_body(self) -> Body {
        self.body
    }

    async fn answer(&self, changes: bool) -> Result<Json, Error> {
        let client = self.bucket.client();
        let rule = match client.map().await? {
            Some(map) => map.bucket(self.bucket.name()).map(|bucket| bucket.rule),
            None => None,
        };
        let is_linearizable = rule == Some(Rule::Linearizable) || self.body.has_condition;
        let id = (changes && is_linearizable && !self.once).then(|| client.chance());
        let is_safe = id.is_some() || !changes || !self.once && self.body.may_be_repeated(rule);
        let idempotence = if is_safe { Idempotence::Safe } else { Idempotence::Once };
        let bucket = self.bucket.name();
        let ask = |attempt: Attempt| {
            let body = Json::Object(self.body.json(attempt, id)).to_string();
            Ask { changes, ..Ask::json(Method::POST, "/", body) }
        };
        client
            .carry_out(&Call {
                about: About { key: Some((bucket, &self.body.key.partition)), owner_first: changes && is_linearizable },
                idempotence,
                patience: self.patience,
                ask: &ask,
                read: node::read_whole,
            })
            .await
    }
}

impl<'a> Request<'a, Get> {
    pub(crate) fn get(bucket: &'a Bucket, key: Key) -> Request<'a, Get> {
        Request::of(bucket, "GET", key)
    }

    async fn run(self) -> Result<Item, Error> {
        match self.answer(false).await {
            Ok(answer) => Item::read(&answer).ok_or_else(unfit),
            Err(Error::Refused(problem)) if problem.reason == Reason::NotFound => {
                let rule = self.bucket.rule().await?;
                Ok(Item::absent(self.body.key, &problem.body, rule == Some(Rule::Linearizable)))
            }
            Err(error) => Err(error),
        }
    }
}

impl<'a> Request<'a, Put> {
    pub(crate) fn put(bucket: &'a Bucket, key: Key, value: Value) -> Request<'a, Put> {
        let mut request = Request::of(bucket, "PUT", key);
        request.body.value = Some(value);
        request
    }

    /// How long the value lives.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.body.set("ttl", ttl.as_secs_f64());
        self
    }

    /// The media type of the value, kept with it.
    pub fn content_type(mut self, kind: impl Into<String>) -> Self {
        if let Some(value) = &mut self.body.value {
            value.content_type = Some(kind.into());
        }
        self
    }
}

impl<'a> Request<'a, Delete> {
    pub(crate) fn delete(bucket: &'a Bucket, key: Key) -> Request<'a, Delete> {
        Request::of(bucket, "DELETE", key)
    }
}

impl<'a> Request<'a, Add> {
    pub(crate) fn add(bucket: &'a Bucket, key: Key, by: i64) -> Request<'a, Add> {
        let mut request = Request::of(bucket, "ADD", key);
        request.body.set("by", by);
        request
    }

    async fn run(self) -> Result<Sum, Error> {
        let answer = self.answer(true).await?;
        Ok(Sum::read(&answer))
    }
}

/// What writes have in common.
pub trait Writing: Sized {
    /// What was seen before and is superseded; in a linearizable bucket, the version that must still be there.
    #[must_use]
    fn context(self, context: Context) -> Self;

    /// Only if there is no such item. Linearizable buckets only.
    #[must_use]
    fn if_absent(self) -> Self {
        self.context(Context::Version(0))
    }

    /// Only if the item has this value. Linearizable buckets only.
    #[must_use]
    fn if_value(self, value: impl Into<Bytes>) -> Self;

    /// When a replica may count as having written. Eventual buckets only.
    #[must_use]
    fn durability(self, durability: Durability) -> Self;
}

macro_rules! writing {
    ($($kind:ident)*) => {$(
        impl Writing for Request<'_, $kind> {
            fn context(mut self, context: Context) -> Self {
                self.body.has_condition |= matches!(context, Context::Version(_));
                self.body.context = context;
                self
            }

            fn if_value(mut self, value: impl Into<Bytes>) -> Self {
                self.body.has_condition = true;
                put_bytes(&mut self.body.fields, "ifValue", &value.into());
                self
            }

            fn durability(mut self, durability: Durability) -> Self {
                self.body.set("durability", match durability { Durability::Fsync => "fsync", Durability::Memory => "memory" });
                self
            }
        }

        impl Request<'_, $kind> {
            async fn run(self) -> Result<Written, Error> {
                let answer = self.answer(true).await?;
                Ok(Written::read(&answer))
            }
        }
    )*};
}

writing!(Put Delete);

macro_rules! awaited {
    ($($kind:ident => $answer:ty,)*) => {$(
        impl<'a> IntoFuture for Request<'a, $kind> {
            type Output = Result<$answer, Error>;
            type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(self.run())
            }
        }
    )*};
}

awaited!(Get => Item, Put => Written, Delete => Written, Add => Sum,);

/// An answer that does not fit the request.
pub(crate) fn unfit() -> Error {
    Error::Usage(
        "the node answered something that does not fit the request; check that client and nodes are of one version"
            .into(),
    )
}
