//! SET with its options, and the older commands that are SET with one of them.
//!
//! Invariant: a condition is kept by one order for all or not at all: in an eventual bucket it is refused.

use super::run;
use crate::redis::arguments::{Unit, expiry, is, ttl};
use crate::redis::call::{Become, Call, together};
use crate::redis::fault::{Fault, Outcome};
use crate::redis::table::{Command, Flag, Keys, later};
use bytes::Bytes;
use proto::{Edit, Expect, Mode, Value};
use resp::Reply;
use std::collections::BTreeMap;
use stdx::Wall;

pub(super) fn commands() -> Vec<Command> {
    const WRITE: &[Flag] = &[Flag::Write];
    let one = |command: Command| command.flags(WRITE).keys(Keys::ONE);
    vec![
        one(later("set", -3, "Writes a value", run!(set))).differs(
            "NX, XX and GET need a linearizable bucket, and times to live an eventual one. KEEPTTL keeps what a quorum \
             holds. In a bucket with a time to live of its own, that is what a value has if nothing else is said.",
        ),
        one(later("setnx", 3, "Writes a value if there is none", run!(set_if_none))).ordered(""),
        one(later("setex", 4, "Writes a value that goes in some seconds", run!(set_seconds)))
            .differs("In eventual buckets only."),
        one(later("psetex", 4, "Writes a value that goes in some milliseconds", run!(set_millis)))
            .differs("In eventual buckets only."),
        one(later("getset", 3, "Writes a value and answers with the old one", run!(get_and_set))).ordered(""),
        one(later("getdel", 2, "Deletes a key and answers with its value", run!(get_and_delete))).ordered(""),
        later("mset", -3, "Writes several values", run!(set_many)).flags(WRITE).keys(Keys::PAIRS).differs(
            "The keys are written at the same time, not at once: others may see some before the rest, and an error means \
             that some may be written.",
        ),
    ]
}

/// What SET was asked for.
#[derive(Default)]
struct Wanted {
    expires: Option<Wall>,
    keep: bool,
    only_new: bool,
    only_old: bool,
    get: bool,
}

impl Wanted {
    fn read(mut options: &[Bytes]) -> Result<Wanted, Fault> {
        let mut wanted = Wanted::default();
        while let Some((option, rest)) = options.split_first() {
            options = rest;
            match option {
                option if is(option, "NX") && !wanted.only_old => wanted.only_new = true,
                option if is(option, "XX") && !wanted.only_new => wanted.only_old = true,
                option if is(option, "GET") => wanted.get = true,
                option if is(option, "KEEPTTL") && wanted.expires.is_none() => wanted.keep = true,
                option => match Unit::of_option(option) {
                    Some(unit) if !wanted.keep && wanted.expires.is_none() => {
                        wanted.expires = Some(expiry(unit, rest.first(), "set")?);
                        options = &rest[1..];
                    }
                    _ => return Err(Fault::SYNTAX),
                },
            }
        }
        Ok(wanted)
    }
}

async fn set(call: Call) -> Outcome {
    let wanted = Wanted::read(call.args(3))?;
    let (key, value) = (call.arg(1), call.arg(2).clone());
    if call.mode().await? == Mode::Linearizable {
        if wanted.expires.is_some() {
            call.eventual("a time to live").await?;
        }
        return set_in_order(&call, key, value, &wanted).await;
    }
    if wanted.only_new || wanted.only_old {
        call.ordered(if wanted.only_new { "SET … NX" } else { "SET … XX" }).await?;
    }
    if wanted.get {
        call.ordered("SET … GET").await?;
    }
    let expires = match wanted.keep {
        true => call.read(key).await?.and_then(|item| item.expires),
        false => wanted.expires,
    };
    call.write(key, Some(value), ttl(expires)).await?;
    Ok(Reply::OK)
}

async fn set_in_order(call: &Call, key: &Bytes, value: Bytes, wanted: &Wanted) -> Outcome {
    if !wanted.get && !wanted.only_old {
        if !wanted.only_new {
            return call.write(key, Some(value), None).await.map(|()| Reply::OK);
        }
        let done = call.swap(key, Expect::Absent, Edit::Put(Value::plain(value))).await?;
        return Ok(if done.is_some() { Reply::OK } else { Reply::Null });
    }
    let change = |item: Option<&crate::redis::call::Item>| {
        let old = item.map_or(Reply::Null, |item| Reply::Bulk(item.value.bytes.clone()));
        let write = if item.is_some() { !wanted.only_new } else { !wanted.only_old };
        let then = if write { Become::Value(value.clone()) } else { Become::Same };
        let reply = match (wanted.get, write) {
            (true, _) => old,
            (false, true) => Reply::OK,
            (false, false) => Reply::Null,
        };
        Ok((then, reply))
    };
    call.change(key, change).await
}

async fn set_if_none(call: Call) -> Outcome {
    call.ordered("SETNX").await?;
    let put = Edit::Put(Value::plain(call.arg(2).clone()));
    let done = call.swap(call.arg(1), Expect::Absent, put).await?;
    Ok(Reply::Integer(i64::from(done.is_some())))
}

async fn set_seconds(call: Call) -> Outcome {
    set_for(call, Unit::Seconds).await
}

async fn set_millis(call: Call) -> Outcome {
    set_for(call, Unit::Millis).await
}

async fn set_for(call: Call, unit: Unit) -> Outcome {
    let expires = expiry(unit, Some(call.arg(2)), call.command.name)?;
    call.eventual("a time to live").await?;
    call.write(call.arg(1), Some(call.arg(3).clone()), ttl(Some(expires))).await?;
    Ok(Reply::OK)
}

async fn get_and_set(call: Call) -> Outcome {
    call.ordered("GETSET").await?;
    let wanted = Wanted { get: true, ..Wanted::default() };
    set_in_order(&call, call.arg(1), call.arg(2).clone(), &wanted).await
}

async fn get_and_delete(call: Call) -> Outcome {
    call.ordered("GETDEL").await?;
    let change = |item: Option<&crate::redis::call::Item>| {
        Ok(match item {
            Some(item) => (Become::Gone, Reply::Bulk(item.value.bytes.clone())),
            None => (Become::Same, Reply::Null),
        })
    };
    call.change(call.arg(1), change).await
}

async fn set_many(call: Call) -> Outcome {
    if call.request.len().is_multiple_of(2) {
        return Err(Fault::new("ERR wrong number of arguments for 'mset' command"));
    }
    // Of a key that is named twice, the last value counts.
    let pairs: BTreeMap<Bytes, Bytes> =
        call.args(1).chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    let writes = pairs.into_iter().map(|(key, value)| {
        let call = call.clone();
        async move { call.write(&key, Some(value), None).await }
    });
    together(writes).await?;
    Ok(Reply::OK)
}
