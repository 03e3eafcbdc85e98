//! `GET /v1/buckets/{bucket}/changes`: word of every change of a bucket, of one key or of keys that begin alike, as server-sent
//! events that can be gone on with where they ended.
//!
//! Invariant: a change that was begun after `ready` or `gap` was sent, and acknowledged at level quorum, is told sooner or later, or a
//! `gap` is, which says what to read again. Nothing is passed over in silence.
//! Refuses to tell values: what is read after the word is at least as new.

mod hub;
mod id;
mod places;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use hub::Hub;

use crate::access::Asker;
use crate::fields::invalid;
use crate::lines;
use crate::problem::{Kind, Problem};
use crate::query::Query;
use crate::segment::Segment;
use axum::extract;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use id::Id;
use proto::Act;
use proto::watch::Changed;
use std::sync::Arc;
use stream::Stream;

const PARAMETERS: &[&str] = &["key", "key_base64", "sort", "sort_base64", "prefix", "prefix_base64", "from"];

/// What somebody wants to hear of.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Filter {
    key: Option<Bytes>,
    sort: Option<Bytes>,
    prefix: Option<Bytes>,
}

impl Filter {
    fn read(query: &mut Query) -> Result<Filter, Problem> {
        let key = bytes(query, "key")?;
        let sort = bytes(query, "sort")?;
        let prefix = bytes(query, "prefix")?;
        if sort.is_some() && key.is_none() {
            return Err(invalid("sort", "belongs to one \"key\"; add that key"));
        }
        if prefix.is_some() && key.is_some() {
            return Err(invalid("prefix", "is of keys; give a \"key\" or a \"prefix\""));
        }
        Ok(Filter { key, sort, prefix })
    }

    fn takes(&self, change: &Changed) -> bool {
        let key = &change.key;
        self.key.as_ref().is_none_or(|only| key.partition_key == only)
            && self.sort.as_ref().is_none_or(|only| key.sort_key.as_ref() == Some(only))
            && self.prefix.as_ref().is_none_or(|prefix| key.partition_key.starts_with(prefix))
    }
}

/// A parameter as text, or in base64.
fn bytes(query: &mut Query, name: &str) -> Result<Option<Bytes>, Problem> {
    let encoded = format!("{name}_base64");
    match (query.bytes(name), query.text(&encoded)?) {
        (Some(_), Some(_)) => Err(invalid(&encoded, format!("takes the place of \"{name}\"; give one of them"))),
        (bytes, None) => Ok(bytes),
        (None, Some(text)) => match STANDARD.decode(&text) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) => Err(invalid(&encoded, format!("must be standard base64: {error}"))),
        },
    }
}

/// Answers with a stream that ends with the node.
pub(crate) async fn changes(
    Asker(api): Asker,
    Segment(bucket): Segment,
    request: extract::Request,
) -> Result<Response, Problem> {
    api.demand(Act::Read, Some(&bucket))?;
    let mut query = Query::read(request.uri().query())?;
    let filter = Filter::read(&mut query)?;
    let from = query.text("from")?;
    query.finish(PARAMETERS)?;
    let header =
        request.headers().get("last-event-id").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    // What a browser adds when it comes back is newer than what the page once wrote into the URL.
    let from = header.or(from).map(|text| Id::read(&text)).transpose()?;
    let place = Arc::clone(&api.listeners).try_acquire_owned().map_err(|_| crowded())?;
    let stream = Stream::open(&api, bucket, filter, from).await?;
    let (lines, answer) = lines::answer("text/event-stream");
    tokio::spawn(async move {
        stream.write(lines).await;
        drop(place);
    });
    Ok(answer)
}

/// Streams last, and must leave connections to those who ask and go.
fn crowded() -> Problem {
    let detail = "Too many clients listen to this node; listen to another node, or read now and then.";
    Problem::new(Kind::TooManyRequests, detail).retry_after(15)
}
