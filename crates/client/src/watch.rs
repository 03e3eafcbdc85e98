//! Watching: a stream of word that items have changed, gone on with at another node when the one it comes from is lost.
//!
//! Invariant: the stream is taken up again behind the last event that was given out, so between [`Told::Ready`] or [`Told::Gap`] and now
//! nothing was passed over (`docs/guarantees.md`, Watching). It ends only when the cluster has said that nothing more is told.
//! Refuses to know values: what is read after the word is at least as new.

use crate::address::Address;
use crate::bucket::Bucket;
use crate::client::Call;
use crate::error::Error;
use crate::item::{Key, take_bytes};
use crate::node;
use crate::nodes::About;
use crate::request::unfit;
use crate::retry::Idempotence;
use crate::transport::{Ask, Reply};
use bytes::Bytes;
use futures_core::Stream;
use hyper::body::Incoming;
use liveness::Backoff;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::Value as Json;
use sse_stream::{Sse, SseStream};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use stdx::{Prng, Span};
use tokio::time::{Instant, Sleep, sleep};

/// A node says something every 15 s; one that is silent for longer than this is lost.
const SILENCE_MAX: Duration = Duration::from_secs(40);
/// Waits before a stream that told nothing is opened again.
const PAUSE: (Span, Span) = (Span::millis(50), Span::secs(5));

/// What a watch tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// From now on changes are told. Read what you need after it, not before.
    Ready,
    /// An item has changed.
    Change(Change),
    /// Something may be missing before this, for this reason: read again what you watch. From now on changes are told.
    Gap(String),
}

/// That an item has changed. Several changes of one item may be told by one of these, and one change by several.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Its key.
    pub key: Key,
    /// When its newest version was written, in milliseconds since the Unix epoch; none if versions count there.
    pub at: Option<u64>,
    /// When it ends, in milliseconds since the Unix epoch. Nothing is told when it does.
    pub expires: Option<u64>,
    /// Nothing is left of it.
    pub gone: bool,
}

type Opening = Pin<Box<dyn Future<Output = Result<Incoming, Error>> + Send>>;

enum State {
    Closed,
    Opening(Opening),
    /// And the time at which its silence has been too long.
    Open(Box<SseStream<Incoming>>, Pin<Box<Sleep>>),
    Over,
}

/// A stream of changes. Nothing is asked for before it is read.
pub struct Watch {
    bucket: Bucket,
    partition: Option<Bytes>,
    /// Parameters that say what is wanted.
    filter: String,
    /// The id of the last event.
    last: Option<String>,
    state: State,
    backoff: Backoff,
    prng: Prng,
    /// How long to wait before the stream is opened.
    pause: Duration,
}

impl Watch {
    pub(crate) fn of(bucket: Bucket) -> Watch {
        let prng = Prng::new(bucket.client().chance());
        Watch {
            bucket,
            partition: None,
            filter: String::new(),
            last: None,
            state: State::Closed,
            backoff: Backoff::new(PAUSE.0, PAUSE.1),
            prng,
            pause: Duration::ZERO,
        }
    }

    /// Only this item, or, without a sort key, all items of this partition key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Key>) -> Watch {
        let Key { partition, sort } = key.into();
        self.filter = format!("key={}", encoded(&partition));
        if let Some(sort) = sort {
            self.filter += &format!("&sort={}", encoded(&sort));
        }
        self.partition = Some(partition);
        self
    }

    /// Only items whose partition keys begin like this.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<Bytes>) -> Watch {
        self.filter = format!("prefix={}", encoded(&prefix.into()));
        self.partition = None;
        self
    }

    /// Goes on where another watch of the same items was.
    #[must_use]
    pub fn resume(mut self, position: impl Into<String>) -> Watch {
        self.last = Some(position.into());
        self
    }

    /// Where to go on later; none before anything was told.
    pub fn position(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Waits for the next word; none when nothing more will be told. After a failure it may be asked again, unless the failure was the
    /// cluster's last word, such as that the token was revoked.
    pub async fn next(&mut self) -> Result<Option<Told>, Error> {
        std::future::poll_fn(|context| self.poll_told(context)).await.transpose()
    }

    fn poll_told(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Told, Error>>> {
        loop {
            match &mut self.state {
                State::Over => return Poll::Ready(None),
                State::Closed => self.state = State::Opening(self.open()),
                State::Opening(opening) => match ready!(opening.as_mut().poll(context)) {
                    Ok(body) => {
                        self.state = State::Open(Box::new(SseStream::new(body)), Box::pin(sleep(SILENCE_MAX)));
                    }
                    Err(error) => {
                        self.close();
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                State::Open(stream, silence) => match Pin::new(&mut **stream).poll_next(context) {
                    Poll::Ready(Some(Ok(event))) => {
                        silence.as_mut().reset(Instant::now() + SILENCE_MAX);
                        if let Some(told) = self.take(event).transpose() {
                            return Poll::Ready(Some(told));
                        }
                    }
                    // The node has ended, or what is between here and it: the next one goes on.
                    Poll::Ready(Some(Err(_)) | None) => self.close(),
                    Poll::Pending => {
                        ready!(silence.as_mut().poll(context));
                        self.close();
                    }
                },
            }
        }
    }

    /// Asks a node for the stream, after a pause.
    fn open(&self) -> Opening {
        let (bucket, partition, pause) = (self.bucket.clone(), self.partition.clone(), self.pause);
        let from = self.last.as_ref().map(|id| format!("from={}", encoded(id.as_bytes())));
        let query: Vec<&str> = [self.filter.as_str(), from.as_deref().unwrap_or_default()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        let path = format!("/v1/buckets/{}/changes?{}", encoded(bucket.name().as_bytes()), query.join("&"));
        Box::pin(async move {
            sleep(pause).await;
            let call = Call {
                about: About { key: partition.as_ref().map(|key| (bucket.name(), &key[..])), owner_first: false },
                idempotence: Idempotence::Safe,
                patience: None,
                ask: &|_| Ask { streams: true, ..Ask::get(path.clone()) },
                read: read_stream,
            };
            bucket.client().carry_out(&call).await
        })
    }

    /// Makes of an event what is told; signs of life tell nothing. An event that cannot be read is the last one.
    fn take(&mut self, event: Sse) -> Result<Option<Told>, Error> {
        let told = read(&event);
        if told.is_err() {
            self.state = State::Over;
        }
        // A stream that does more than begin may be opened again at once.
        if event.event.as_deref().is_none_or(|kind| kind == "change") {
            self.backoff.reset();
        }
        if event.id.is_some() {
            self.last = event.id;
        }
        told
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.pause = Duration::from(self.backoff.next(&mut self.prng));
    }
}

fn encoded(bytes: &[u8]) -> impl fmt::Display {
    percent_encode(bytes, NON_ALPHANUMERIC)
}

fn read_stream(node: &Address, reply: Reply) -> Result<Incoming, Error> {
    match reply.stream {
        Some(stream) => Ok(stream),
        None => Err(node::read(node, &reply).err().unwrap_or_else(unfit)),
    }
}

fn read(event: &Sse) -> Result<Option<Told>, Error> {
    let Some(kind) = &event.event else { return Ok(None) };
    let data: Json = serde_json::from_str(event.data.as_deref().unwrap_or_default()).map_err(|_| unfit())?;
    match kind.as_str() {
        "ready" => Ok(Some(Told::Ready)),
        "change" => read_change(&data).map(|change| Some(Told::Change(change))).ok_or_else(unfit),
        "gap" => Ok(Some(Told::Gap(data["reason"].as_str().unwrap_or_default().to_owned()))),
        "end" => {
            let status = data["status"].as_u64().and_then(|status| u16::try_from(status).ok()).ok_or_else(unfit)?;
            Err(node::refusal(status, None, data).unwrap_or_else(unfit))
        }
        // That it was taken up again; and what later versions may say.
        _ => Ok(None),
    }
}

fn read_change(data: &Json) -> Option<Change> {
    let key = Key { partition: take_bytes(data, "key")?, sort: take_bytes(data, "sort") };
    let gone = data["gone"].as_bool().unwrap_or(false);
    Some(Change { key, at: data["at"].as_u64(), expires: data["expires"].as_u64(), gone })
}

impl Stream for Watch {
    type Item = Result<Told, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_told(context)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("bucket", &self.bucket.name())
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}
