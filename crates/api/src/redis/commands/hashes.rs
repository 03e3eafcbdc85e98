//! Hashes: fields under a key.

use super::run;
use crate::redis::arguments::{integer, is};
use crate::redis::call::{Call, read_all, reading};
use crate::redis::element::{Element, Kind};
use crate::redis::fault::{Fault, Outcome};
use crate::redis::scanning::Wanted;
use crate::redis::table::{Command, Flag, Keys, later};
use bytes::Bytes;
use proto::{Amendment, Decimal, Unchanged, element};
use resp::Reply;
use std::collections::BTreeMap;

pub(super) fn commands() -> Vec<Command> {
    const READ: &[Flag] = &[Flag::Read, Flag::Fast];
    const MANY: &[Flag] = &[Flag::Read, Flag::Fast, Flag::Large];
    const ALL: &[Flag] = &[Flag::Read, Flag::Large];
    const WRITE: &[Flag] = &[Flag::Write, Flag::Fast];
    const COUNTED: &str = "Counts the fields one by one, holding all of them; fails above 256 MiB.";
    let of = |flags: &'static [Flag], command: Command| command.flags(flags).keys(Keys::ONE);
    vec![
        of(WRITE, later("hset", -4, "Writes fields", run!(set))).differs(FIELDS),
        of(WRITE, later("hmset", -4, "Writes fields", run!(set_many))).differs(FIELDS),
        of(WRITE, later("hdel", -3, "Removes fields", run!(remove)))
            .differs("Takes away what it has seen: a field that is written at the same time stays, and so does what is added to it."),
        of(WRITE, later("hincrby", 4, "Adds to a field", run!(increment))).differs(COUNTS),
        of(WRITE, later("hincrbyfloat", 4, "Adds to a field, which may have a fraction", run!(increment_by_float)))
            .differs(COUNTS),
        of(READ, later("hget", 3, "A field", run!(get))).differs(HIDDEN),
        of(MANY, later("hmget", -3, "Several fields", run!(get_many))).differs(HIDDEN),
        of(READ, later("hexists", 3, "Whether a field is there", run!(exists))).differs(HIDDEN),
        of(READ, later("hstrlen", 3, "How long a field is", run!(length))).differs(HIDDEN),
        of(ALL, later("hlen", 2, "How many fields there are", run!(count))).differs(COUNTED),
        of(ALL, later("hgetall", 2, "All fields and their values", run!(get_all))),
        of(ALL, later("hkeys", 2, "All fields", run!(names))),
        of(ALL, later("hvals", 2, "All values", run!(values))),
        of(ALL, later("hscan", -3, "Some fields, and where to go on", run!(scan))),
    ]
}

const FIELDS: &str = "Fields are written at the same time, not at once; of two writes of one field at the same time the later \
                      one counts. New fields go when the others do.";

const HIDDEN: &str = "Answers with a field that is there also where a string has been written over the hash.";

const COUNTS: &str = "No increment is lost, on any number of nodes at once, and HDEL and HSET take away exactly those they have seen. The \
                      answer is the sum where it is made; what is added elsewhere at the same time is in it later. An answer that is \
                      lost may have been counted.";

async fn set(call: Call) -> Outcome {
    write(call).await.map(Reply::Integer)
}

async fn set_many(call: Call) -> Outcome {
    write(call).await.map(|_| Reply::OK)
}

/// Writes fields; how many are new.
async fn write(call: Call) -> Result<i64, Fault> {
    if !call.request.len().is_multiple_of(2) {
        return Err(Fault::new(format!("ERR wrong number of arguments for '{}' command", call.command.name)));
    }
    let nature = call.of_kind(call.arg(1), Kind::Hash).await?;
    let expires = nature.and_then(|nature| nature.expires);
    let fields: BTreeMap<Bytes, Bytes> =
        call.args(2).chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    let writes = fields.into_iter().map(|(name, value)| {
        let call = call.clone();
        async move {
            let item = Kind::Hash.element(call.arg(1), &name);
            let (old, seen) = call.element(&item).await?;
            let value = Some(element::plain(&value));
            if old.as_ref().is_some_and(|old| old.counted) {
                call.amend_element(item, Amendment::Put(value), expires).await?.ok();
            } else {
                call.write_element(item, value, seen, expires).await?;
            }
            Ok(old.is_none())
        }
    });
    let new = reading(&call.place.sizes, writes).await?;
    Ok(new.into_iter().filter(|new| *new).count() as i64)
}

async fn increment(call: Call) -> Outcome {
    let amendment = Amendment::Add { by: Decimal::whole(integer(call.arg(3))?), whole: true };
    let sum = add(&call, amendment).await?.map_err(|why| match why {
        Unchanged::OutOfRange => Fault::OVERFLOW,
        _ => Fault::new("ERR hash value is not an integer"),
    })?;
    resp::integer(&sum).map(Reply::Integer).ok_or(Fault::new("ERR hash value is not an integer"))
}

async fn increment_by_float(call: Call) -> Outcome {
    let by = Decimal::parse(call.arg(3)).ok_or(Fault::NOT_FLOAT)?;
    let sum = add(&call, Amendment::Add { by, whole: false }).await?;
    sum.map(Reply::Bulk).map_err(|why| match why {
        Unchanged::OutOfRange => Fault::OUT_OF_RANGE,
        _ => Fault::new("ERR hash value is not a float"),
    })
}

async fn add(call: &Call, amendment: Amendment) -> Result<Result<Bytes, Unchanged>, Fault> {
    let nature = call.of_kind(call.arg(1), Kind::Hash).await?;
    let item = Kind::Hash.element(call.arg(1), call.arg(2));
    call.amend_element(item, amendment, nature.and_then(|nature| nature.expires)).await
}

async fn remove(call: Call) -> Outcome {
    super::sets::remove_all(call, Kind::Hash).await
}

/// One field; refuses a key of another kind if it is not there.
async fn field(call: &Call, name: &Bytes) -> Result<Option<Element>, Fault> {
    call.eventual("a hash").await?;
    let (element, _) = call.element(&Kind::Hash.element(call.arg(1), name)).await?;
    if element.is_none() {
        call.of_kind(call.arg(1), Kind::Hash).await?;
    }
    Ok(element)
}

async fn get(call: Call) -> Outcome {
    let element = field(&call, call.arg(2)).await?;
    Ok(element.map_or(Reply::Null, |element| Reply::Bulk(element.value)))
}

async fn get_many(call: Call) -> Outcome {
    let read = |name: &Bytes| {
        let (call, name) = (call.clone(), name.clone());
        async move { field(&call, &name).await }
    };
    read_all(&call.place.sizes, call.args(2), read, |element| element.value).await
}

async fn exists(call: Call) -> Outcome {
    Ok(Reply::Integer(i64::from(field(&call, call.arg(2)).await?.is_some())))
}

async fn length(call: Call) -> Outcome {
    let element = field(&call, call.arg(2)).await?;
    Ok(Reply::Integer(element.map_or(0, |element| element.value.len() as i64)))
}

async fn all(call: &Call) -> Result<Vec<Element>, Fault> {
    call.elements(call.arg(1), Kind::Hash).await
}

async fn count(call: Call) -> Outcome {
    Ok(Reply::Integer(all(&call).await?.len() as i64))
}

async fn get_all(call: Call) -> Outcome {
    let pair = |element: Element| (Reply::Bulk(element.name), Reply::Bulk(element.value));
    Ok(Reply::Map(all(&call).await?.into_iter().map(pair).collect()))
}

async fn names(call: Call) -> Outcome {
    Ok(Reply::Array(all(&call).await?.into_iter().map(|element| Reply::Bulk(element.name)).collect()))
}

async fn values(call: Call) -> Outcome {
    Ok(Reply::Array(all(&call).await?.into_iter().map(|element| Reply::Bulk(element.value)).collect()))
}

async fn scan(call: Call) -> Outcome {
    let mut options = call.args(3).to_vec();
    let bare = options.last().is_some_and(|last| is(last, "NOVALUES"));
    if bare {
        options.pop();
    }
    let wanted = Wanted::read(&options)?;
    let (elements, cursor) = super::sets::scanned(&call, Kind::Hash, &wanted).await?;
    let mut replies = Vec::new();
    for element in elements {
        replies.push(Reply::Bulk(element.name));
        if !bare {
            replies.push(Reply::Bulk(element.value));
        }
    }
    Ok(Reply::Array(vec![cursor, Reply::Array(replies)]))
}
