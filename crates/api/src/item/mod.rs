//! `/v1/buckets/{bucket}/items/{key}`, `…/{key}/{sort}`, and `/v1/buckets/{bucket}/item?key=…` for keys that fit no path: one
//! item as an HTTP resource, its value as the bytes and the media type that were written.
//!
//! Invariant: an operation is the same [`Operation`] that `POST /` reads, with its bounds and its complaints; only where its
//! fields stand is different. A condition is either kept or refused, never ignored.

mod given;
mod raw;
mod tag;

pub(crate) use given::Given;
pub(crate) use raw::ITEM_JSON;

use crate::access::Asker;
use crate::fields::Fields;
use crate::items::{self, Scope};
use crate::operation::{Action, Operation};
use crate::problem::{Kind, Problem};
use crate::router::Api;
use crate::scalar::Scalar;
use axum::extract;
use axum::http::header;
use axum::response::Response;
use bytes::Bytes;
use proto::{ItemKey, Mode, Rule};
use tag::{Form, Tag, Tags};

/// GET and HEAD of an item.
pub(crate) async fn get(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let given = Given::read(&parts)?;
    let (is_match, none_match) =
        (Tags::read(&parts.headers, &header::IF_MATCH)?, Tags::read(&parts.headers, &header::IF_NONE_MATCH)?);
    let nothing = Bytes::new();
    let operation = Operation::of("GET", Fields::of(&nothing, given.fields)?, &api.options)?;
    let Action::Get(key) = &operation.action else { return Err(unfit()) };
    let scope = Scope::of(&api, &operation).await?;
    let found = match items::read(&api, &scope, key).await {
        Ok(found) => found,
        Err(problem) => return Ok(raw::absent(problem)),
    };
    let form = raw::form(&parts.headers, &found);
    let tag = Tag::of_read(&found, form);
    if is_match.is_some_and(|tags| !tags.contain(&tag)) {
        let detail = "The item is not the one that If-Match names; read it without that header.";
        return Err(Problem::new(Kind::ConditionFailed, detail));
    }
    if form != Form::Several && none_match.is_some_and(|tags| tags.contain(&tag)) {
        return Ok(raw::unchanged(&tag));
    }
    Ok(raw::answer(form, key, &found, &tag))
}

/// PUT of an item: the body is its value.
pub(crate) async fn put(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let mut given = Given::read(&parts)?;
    given.condition(&api, &parts.headers).await?;
    let whole = api.bodies.read(extract::Request::from_parts(parts.clone(), body), &api.options).await?;
    given.fields.push(("value".into(), Scalar::Bytes(whole.bytes.clone())));
    if let Some(kind) = parts.headers.get(header::CONTENT_TYPE) {
        let kind = String::from_utf8_lossy(kind.as_bytes()).into_owned();
        given.fields.push(("contentType".into(), Scalar::Text(kind.into())));
    }
    write(&api, "PUT", given).await
}

/// DELETE of an item.
pub(crate) async fn delete(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let mut given = Given::read(&parts)?;
    given.condition(&api, &parts.headers).await?;
    write(&api, "DELETE", given).await
}

async fn write(api: &Api, kind: &str, given: Given) -> Result<Response, Problem> {
    let nothing = Bytes::new();
    let operation = Operation::of(kind, Fields::of(&nothing, given.fields)?, &api.options)?;
    let scope = Scope::of(api, &operation).await?;
    let (key, done) = match &operation.action {
        Action::Put(write) => (&write.key, items::put(api, &scope, write).await?),
        Action::Change(change) => (&change.key, items::change(api, &scope, change).await?),
        _ => return Err(unfit()),
    };
    Ok(raw::done(key, &done))
}

/// What cannot be, because an operation of a type has the action of that type.
pub(crate) fn unfit() -> Problem {
    Problem::new(Kind::Internal, "The request was read as something else; please report this as a bug.")
}

impl Given {
    /// Makes of If-Match and If-None-Match what the bucket can keep: a version, or a context.
    async fn condition(&mut self, api: &Api, headers: &axum::http::HeaderMap) -> Result<(), Problem> {
        let (matching, none) = (Tags::read(headers, &header::IF_MATCH)?, Tags::read(headers, &header::IF_NONE_MATCH)?);
        if matching.is_none() && none.is_none() {
            return Ok(());
        }
        let (_, rule, mode) = api.buckets.whole(api.database(), &self.bucket).await?;
        let field = match mode {
            Mode::Linearizable => ("ifVersion".into(), Scalar::Whole(tag::version(matching, none)?)),
            Mode::Eventual if rule.of_key(&self.key()) == Rule::Siblings => {
                ("context".into(), Scalar::Text(tag::context(matching, none)?.into()))
            }
            Mode::Eventual => return Err(tag::unsupported("the last writer wins there, whatever it has read")),
        };
        self.fields.push(field);
        Ok(())
    }

    /// The key, as far as it matters for the rule.
    fn key(&self) -> ItemKey {
        let bytes = |name: &str| {
            let field = self.fields.iter().find(|(other, _)| other == name);
            field.and_then(|(_, scalar)| if let Scalar::Bytes(bytes) = scalar { Some(bytes.clone()) } else { None })
        };
        ItemKey { partition_key: bytes("key").unwrap_or_default(), sort_key: bytes("sort") }
    }
}
