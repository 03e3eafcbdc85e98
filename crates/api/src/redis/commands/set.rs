//! SET with its options, and the older commands that are SET with one of them.
//!
//! Invariant: a condition is kept by one order for all or not at all: in an eventual bucket it is refused.

use super::run;
use crate::redis::arguments::{Unit, expiry, is, ttl};
use crate::redis::call::{Become, Call, Item, together};
use crate::redis::fault::{Fault, Outcome};
use crate::redis::table::{Command, Flag, Keys, later};
use crate::redis::time;
use bytes::Bytes;
use proto::{Edit, Ends, Expect, Mode, Value};
use resp::Reply;
use std::collections::BTreeMap;
use stdx::Wall;

pub(super) fn commands() -> Vec<Command> {
    const WRITE: &[Flag] = &[Flag::Write];
    let one = |command: Command| command.flags(WRITE).keys(Keys::ONE);
    vec![
        one(later("set", -3, "Writes a value", run!(set))).differs(
            "NX, XX, IFEQ, IFNE and GET need a linearizable bucket; digests (IFDEQ, IFDNE) are not served. In an eventual bucket \
             KEEPTTL keeps what a quorum holds, and in one with a time to live of its own, that is what a value has if nothing \
             else is said.",
        ),
        one(later("setnx", 3, "Writes a value if there is none", run!(set_if_none))).ordered(""),
        one(later("setex", 4, "Writes a value that goes in some seconds", run!(set_seconds))),
        one(later("psetex", 4, "Writes a value that goes in some milliseconds", run!(set_millis))),
        one(later("getset", 3, "Writes a value and answers with the old one", run!(get_and_set))).ordered(""),
        one(later("getdel", 2, "Deletes a key and answers with its value", run!(get_and_delete))).ordered(""),
        one(later("delex", -2, "Deletes a key if its value is what is said", run!(delete_if)))
            .ordered("IFEQ and IFNE; without them it is DEL, everywhere. Digests (IFDEQ, IFDNE) are not served."),
        later("alianza.version", 2, "Version, value and milliseconds left of a key", run!(version))
            .flags(&[Flag::Read, Flag::Fast])
            .keys(Keys::ONE)
            .ordered("The version of a lock is its fencing token: it never goes back, also over a deletion or an end."),
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
    /// The end was given as a time from now.
    relative: bool,
    keep: bool,
    only: Option<Only>,
    get: bool,
}

/// On which condition a value is written.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Only {
    /// NX: there is none.
    New,
    /// XX: there is one.
    Old,
    /// IFEQ: it is this.
    Is(Bytes),
    /// IFNE: it is not this, or there is none.
    IsNot(Bytes),
}

impl Only {
    /// The name of its option.
    fn word(&self) -> &'static str {
        match self {
            Only::New => "NX",
            Only::Old => "XX",
            Only::Is(_) => "IFEQ",
            Only::IsNot(_) => "IFNE",
        }
    }

    fn holds(&self, present: Option<&Bytes>) -> bool {
        match self {
            Only::New => present.is_none(),
            Only::Old => present.is_some(),
            Only::Is(value) => present == Some(value),
            Only::IsNot(value) => present != Some(value),
        }
    }
}

impl Wanted {
    fn read(mut options: &[Bytes]) -> Result<Wanted, Fault> {
        let mut wanted = Wanted::default();
        while let Some((option, rest)) = options.split_first() {
            options = rest;
            match option {
                option if is(option, "GET") => wanted.get = true,
                option if is(option, "KEEPTTL") && wanted.expires.is_none() => wanted.keep = true,
                option => match (Unit::of_option(option), condition(option, rest)) {
                    (Some(unit), _) if !wanted.keep && wanted.expires.is_none() => {
                        wanted.expires = Some(expiry(unit, rest.first(), "set")?);
                        wanted.relative = matches!(unit, Unit::Seconds | Unit::Millis);
                        options = &rest[1..];
                    }
                    (None, Some((only, rest))) if wanted.only.as_ref().is_none_or(|other| *other == only) => {
                        (wanted.only, options) = (Some(only), rest);
                    }
                    _ => return Err(Fault::SYNTAX),
                },
            }
        }
        Ok(wanted)
    }

    /// When the value ends, in a linearizable bucket.
    fn ends(&self) -> Ends {
        match (self.keep, self.expires) {
            (true, _) => Ends::Kept,
            (false, None) => Ends::Never,
            // By the clock of whoever carries it out, which is also the one by which it is judged most often.
            (false, Some(at)) if self.relative => Ends::After(time::until(at)),
            (false, Some(at)) => Ends::At(at),
        }
    }
}

/// The condition that an option and its argument are, and what comes behind them.
fn condition<'a>(option: &Bytes, rest: &'a [Bytes]) -> Option<(Only, &'a [Bytes])> {
    match option {
        option if is(option, "NX") => Some((Only::New, rest)),
        option if is(option, "XX") => Some((Only::Old, rest)),
        option if is(option, "IFEQ") => rest.split_first().map(|(value, rest)| (Only::Is(value.clone()), rest)),
        option if is(option, "IFNE") => rest.split_first().map(|(value, rest)| (Only::IsNot(value.clone()), rest)),
        _ => None,
    }
}

async fn set(call: Call) -> Outcome {
    let wanted = Wanted::read(call.args(3))?;
    let (key, value) = (call.arg(1), call.arg(2).clone());
    if call.mode().await? == Mode::Linearizable {
        return set_in_order(&call, key, value, &wanted).await;
    }
    if let Some(only) = &wanted.only {
        call.ordered(&format!("SET … {}", only.word())).await?;
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
    let expect = match &wanted.only {
        _ if wanted.get => None,
        None => Some(Expect::Any),
        Some(Only::New) => Some(Expect::Absent),
        Some(Only::Is(old)) => Some(Expect::Value(old.clone())),
        Some(Only::Old | Only::IsNot(_)) => None,
    };
    if let Some(expect) = expect {
        let done = call.swap(key, expect, Edit::Put(Value::plain(value)), wanted.ends()).await?;
        return Ok(if done.is_some() { Reply::OK } else { Reply::Null });
    }
    let change = |item: Option<&Item>| {
        let old = item.map(|item| &item.value.bytes);
        let write = wanted.only.as_ref().is_none_or(|only| only.holds(old));
        let then = if write { Become::Value(value.clone()) } else { Become::Same };
        let reply = match (wanted.get, write) {
            (true, _) => old.map_or(Reply::Null, |old| Reply::Bulk(old.clone())),
            (false, true) => Reply::OK,
            (false, false) => Reply::Null,
        };
        Ok((then, reply))
    };
    call.change_in_order(key, wanted.ends(), change).await
}

async fn set_if_none(call: Call) -> Outcome {
    call.ordered("SETNX").await?;
    let put = Edit::Put(Value::plain(call.arg(2).clone()));
    let done = call.swap(call.arg(1), Expect::Absent, put, Ends::Never).await?;
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
    call.write(call.arg(1), Some(call.arg(3).clone()), ttl(Some(expires))).await?;
    Ok(Reply::OK)
}

/// Deletes a key if its value is this, or is not: what lets a lock go, and only one's own.
async fn delete_if(call: Call) -> Outcome {
    let only = match call.args(2) {
        [] => None,
        [option, value] if is(option, "IFEQ") => Some(Only::Is(value.clone())),
        [option, value] if is(option, "IFNE") => Some(Only::IsNot(value.clone())),
        [option, _] if is(option, "IFDEQ") || is(option, "IFDNE") => {
            return Err(Fault::new("ERR Digests are not served; compare the value itself with IFEQ or IFNE."));
        }
        _ => return Err(Fault::SYNTAX),
    };
    let key = call.arg(1);
    let done = match only {
        None => super::keys::delete_one(call.clone(), key.clone()).await?,
        Some(Only::Is(value)) => {
            call.ordered("DELEX … IFEQ").await?;
            call.swap(key, Expect::Value(value), Edit::Delete, Ends::Never).await?.is_some()
        }
        Some(only) => {
            call.ordered("DELEX … IFNE").await?;
            let change = |item: Option<&Item>| {
                let gone = item.is_some_and(|item| only.holds(Some(&item.value.bytes)));
                Ok((if gone { Become::Gone } else { Become::Same }, Reply::Boolean(gone)))
            };
            call.change(key, change).await? == Reply::Boolean(true)
        }
    };
    Ok(Reply::Integer(i64::from(done)))
}

async fn get_and_set(call: Call) -> Outcome {
    call.ordered("GETSET").await?;
    let wanted = Wanted { get: true, ..Wanted::default() };
    set_in_order(&call, call.arg(1), call.arg(2).clone(), &wanted).await
}

async fn get_and_delete(call: Call) -> Outcome {
    call.ordered("GETDEL").await?;
    let change = |item: Option<&Item>| {
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

/// What a holder of a lock hands on with what it does: the version, and the value, to be sure that it is its own.
async fn version(call: Call) -> Outcome {
    call.ordered("ALIANZA.VERSION").await?;
    let Some(item) = call.read(call.arg(1)).await? else { return Ok(Reply::Null) };
    let left = item.expires.map_or(-1, |at| time::until(at).as_millis() as i64);
    Ok(Reply::Array(vec![Reply::Integer(item.version as i64), Reply::Bulk(item.value.bytes), Reply::Integer(left)]))
}
