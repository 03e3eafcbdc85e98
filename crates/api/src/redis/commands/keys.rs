//! Commands about keys, whatever is under them.

use super::run;
use crate::redis::arguments::{integer, is, ttl};
use crate::redis::call::{Become, Call, Item, reading};
use crate::redis::element::Kind;
use crate::redis::fault::{Fault, Outcome};
use crate::redis::table::{Command, Flag, Keys, later};
use bytes::Bytes;
use proto::{Edit, Ends, Expect, Mode};
use resp::Reply;

pub(super) fn commands() -> Vec<Command> {
    const MANY: &str = "Several keys are looked at at the same time, not at once.";
    vec![
        later("exists", -2, "How many of the keys are there", run!(exists))
            .flags(&[Flag::Read, Flag::Fast])
            .keys(Keys::ALL)
            .differs(MANY),
        later("touch", -2, "How many of the keys are there", run!(exists))
            .flags(&[Flag::Read, Flag::Fast])
            .keys(Keys::ALL)
            .differs("Use of keys is not counted, so it is the same as EXISTS."),
        later("del", -2, "Deletes keys", run!(delete)).flags(&[Flag::Write]).keys(Keys::ALL).differs(
            "Several keys are deleted at the same time, not at once. In an eventual bucket, two who delete a key at the \
             same time may both be told that they did, and of a hash or set what it has seen is taken away: what is added at \
             the same time stays.",
        ),
        later("unlink", -2, "Deletes keys", run!(delete))
            .flags(&[Flag::Write, Flag::Fast])
            .keys(Keys::ALL)
            .differs("The same as DEL."),
        later("copy", -3, "Writes the value of a key under another one", run!(copy))
            .flags(&[Flag::Write])
            .keys(Keys { first: 1, last: 2, step: 1 })
            .differs(
                "The one key is read, then the other is written: what changes in between is not noticed. Strings only, within one \
                 database. Without REPLACE it needs a linearizable bucket.",
            ),
        later("type", 2, "What is under a key", run!(kind)).flags(&[Flag::Read, Flag::Fast]).keys(Keys::ONE),
    ]
}

async fn exists(call: Call) -> Outcome {
    let reads = call.args(1).to_vec().into_iter().map(|key| {
        let call = call.clone();
        async move { Ok(call.read(&key).await?.is_some() || call.other_kind(&key).await?.is_some()) }
    });
    let there = reading(&call.place.sizes, reads).await?;
    Ok(Reply::Integer(there.into_iter().filter(|there| *there).count() as i64))
}

async fn delete(call: Call) -> Outcome {
    let mut keys = call.args(1).to_vec();
    keys.sort_unstable();
    keys.dedup();
    let deletes = keys.into_iter().map(|key| delete_one(call.clone(), key));
    let deleted = reading(&call.place.sizes, deletes).await?;
    Ok(Reply::Integer(deleted.into_iter().filter(|deleted| *deleted).count() as i64))
}

/// Deletes a key; false if there is none.
pub(super) async fn delete_one(call: Call, key: Bytes) -> Result<bool, Fault> {
    if call.mode().await? == Mode::Linearizable {
        let change = |item: Option<&Item>| {
            Ok(match item {
                Some(_) => (Become::Gone, Reply::Boolean(true)),
                None => (Become::Same, Reply::Boolean(false)),
            })
        };
        return Ok(call.change(&key, change).await? == Reply::Boolean(true));
    }
    let there = call.read(&key).await?.is_some();
    if there {
        call.write(&key, None, None).await?;
    }
    Ok(call.all_elements(&key, None).await? || there)
}

async fn copy(call: Call) -> Outcome {
    let replaces = copy_options(&call)?;
    let (from, to) = (call.arg(1), call.arg(2));
    if from == to {
        return Err(Fault::new("ERR source and destination objects are the same"));
    }
    if !replaces {
        call.ordered("COPY without REPLACE").await?;
    }
    let Some(item) = call.read(from).await? else {
        return match call.other_kind(from).await? {
            Some(_) => Err(Fault::new("ERR COPY is served for strings only; read the hash or set and write it anew")),
            None => Ok(Reply::Integer(0)),
        };
    };
    let done = if call.mode().await? == Mode::Linearizable {
        let expect = if replaces { Expect::Any } else { Expect::Absent };
        let ends = item.expires.map_or(Ends::Never, Ends::At);
        call.swap(to, expect, Edit::Put(item.value), ends).await?.is_some()
    } else {
        call.write_value(to, Some(item.value), ttl(item.expires)).await?;
        true
    };
    Ok(Reply::Integer(i64::from(done)))
}

/// True if what is there may be replaced. `DB` must name a database of the same bucket.
fn copy_options(call: &Call) -> Result<bool, Fault> {
    let (mut options, mut replaces) = (call.args(3), false);
    while let Some((option, rest)) = options.split_first() {
        options = match rest {
            rest if is(option, "REPLACE") => {
                replaces = true;
                rest
            }
            [number, rest @ ..] if is(option, "DB") => {
                let number = u32::try_from(integer(number)?).ok();
                let there = number.and_then(|number| call.redis.places.get(number));
                if there.ok_or(Fault::new("ERR DB index is out of range"))?.bucket != call.place.bucket {
                    return Err(Fault::new("ERR COPY stays in its database; read the value here and write it there"));
                }
                rest
            }
            _ => return Err(Fault::SYNTAX),
        };
    }
    Ok(replaces)
}

async fn kind(call: Call) -> Outcome {
    let kind = match call.read(call.arg(1)).await? {
        Some(_) => Some(Kind::String),
        None => call.other_kind(call.arg(1)).await?,
    };
    Ok(Reply::Status(kind.map_or("none", Kind::word)))
}
