//! Strings: reading them whole and in parts, and changing parts of them.

use super::run;
use crate::redis::arguments::integer;
use crate::redis::call::{Become, Call, Item, read_all};
use crate::redis::fault::{Fault, Outcome};
use crate::redis::session::Session;
use crate::redis::table::{Command, Flag, Keys, Soon, later, soon};
use bytes::{Bytes, BytesMut};
use resp::Reply;

pub(super) fn commands() -> Vec<Command> {
    const READ: &[Flag] = &[Flag::Read, Flag::Fast];
    const EDIT: &str = "In an eventual bucket, one of two changes at the same time may go, as if it had come before the other. On a key of \
         which nothing is known, not even a deletion, it is a SET.";
    let read = |command: Command| command.flags(READ).keys(Keys::ONE);
    let edit = |command: Command| command.flags(&[Flag::Write]).keys(Keys::ONE).differs(EDIT);
    vec![
        read(soon("get", 2, "A value", get_soon)),
        later("mget", -2, "Several values", run!(get_many))
            .flags(&[Flag::Read, Flag::Fast, Flag::Large])
            .keys(Keys::ALL)
            .differs("The keys are read at the same time, not at once."),
        read(later("strlen", 2, "How long a value is", run!(length))),
        read(later("getrange", 4, "A part of a value", run!(range))),
        read(later("substr", 4, "A part of a value", run!(range))),
        edit(later("append", 3, "Lengthens a value", run!(append))),
        edit(later("setrange", 4, "Overwrites a part of a value", run!(set_range))),
    ]
}

fn get_soon(session: &mut Session, request: &[Bytes]) -> Soon {
    match session.glance(&request[1]) {
        Some(Some(value)) => Soon::Reply(Reply::Bulk(value)),
        Some(None) => Soon::Ask(run!(get_absent)),
        None => Soon::Ask(run!(get)),
    }
}

async fn get_absent(call: Call) -> Outcome {
    call.no_collection(call.arg(1)).await?;
    Ok(Reply::Null)
}

async fn get(call: Call) -> Outcome {
    let item = call.read_string(call.arg(1)).await?;
    Ok(item.map_or(Reply::Null, |item| Reply::Bulk(item.value.bytes)))
}

async fn get_many(call: Call) -> Outcome {
    let read = |key: &Bytes| {
        let (call, key) = (call.clone(), key.clone());
        async move { call.read(&key).await }
    };
    read_all(&call.place.sizes, call.args(1), read, |item| item.value.bytes).await
}

async fn length(call: Call) -> Outcome {
    let item = call.read_string(call.arg(1)).await?;
    Ok(Reply::Integer(item.map_or(0, |item| item.value.bytes.len() as i64)))
}

async fn range(call: Call) -> Outcome {
    let (start, end) = (integer(call.arg(2))?, integer(call.arg(3))?);
    let value = call.read_string(call.arg(1)).await?.map_or(Bytes::new(), |item| item.value.bytes);
    Ok(Reply::Bulk(part(&value, start, end)))
}

/// From `start` to `end`, both inclusive, counted from the end if negative.
fn part(value: &Bytes, start: i64, end: i64) -> Bytes {
    let len = value.len() as i64;
    if start < 0 && end < 0 && start > end {
        return Bytes::new();
    }
    let at = |place: i64| if place < 0 { (len.saturating_add(place)).max(0) } else { place };
    let (start, end) = (at(start), at(end).min(len - 1));
    if start > end || len == 0 { Bytes::new() } else { value.slice(start as usize..=end as usize) }
}

async fn append(call: Call) -> Outcome {
    let (more, max) = (call.arg(2).clone(), call.redis.options.value_bytes_max);
    let change = |item: Option<&Item>| {
        let old = item.map_or(&[][..], |item| &item.value.bytes);
        if old.len() + more.len() > max {
            return Err(Fault::TOO_LONG);
        }
        let mut value = BytesMut::with_capacity(old.len() + more.len());
        value.extend_from_slice(old);
        value.extend_from_slice(&more);
        let len = value.len() as i64;
        Ok((Become::Value(value.freeze()), Reply::Integer(len)))
    };
    call.change(call.arg(1), change).await
}

async fn set_range(call: Call) -> Outcome {
    let offset = usize::try_from(integer(call.arg(2))?).map_err(|_| Fault::OFFSET)?;
    let (part, max) = (call.arg(3).clone(), call.redis.options.value_bytes_max);
    if !part.is_empty() && offset.saturating_add(part.len()) > max {
        return Err(Fault::TOO_LONG);
    }
    let change = |item: Option<&Item>| {
        let old = item.map_or(&[][..], |item| &item.value.bytes);
        if part.is_empty() {
            return Ok((Become::Same, Reply::Integer(old.len() as i64)));
        }
        let mut value = old.to_vec();
        value.resize(old.len().max(offset + part.len()), 0);
        value[offset..offset + part.len()].copy_from_slice(&part);
        let len = value.len() as i64;
        Ok((Become::Value(Bytes::from(value)), Reply::Integer(len)))
    };
    call.change(call.arg(1), change).await
}

#[cfg(test)]
mod tests {
    use super::part;
    use bytes::Bytes;

    #[test]
    fn parts_are_those_of_redis() {
        let value = Bytes::from_static(b"This is a string");
        for (start, end, expected) in [
            (0, 3, "This"),
            (-3, -1, "ing"),
            (0, -1, "This is a string"),
            (10, 100, "string"),
            (5, 3, ""),
            (-1, -3, ""),
            (20, 30, ""),
            (-100, 1, "Th"),
            (i64::MIN, i64::MAX, "This is a string"),
        ] {
            assert_eq!(part(&value, start, end), expected, "{start} {end}");
        }
        assert_eq!(part(&Bytes::new(), 0, -1), "");
    }
}
