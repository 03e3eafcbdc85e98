//! Sets: members under a key.

use super::run;
use crate::redis::call::{Call, reading, together};
use crate::redis::element::{Element, HASH_BITS, Kind};
use crate::redis::fault::{Fault, Outcome};
use crate::redis::pattern;
use crate::redis::scanning::{Wanted, cursor};
use crate::redis::table::{Command, Flag, Keys, later};
use bytes::Bytes;
use resp::Reply;
use std::collections::BTreeSet;

pub(super) fn commands() -> Vec<Command> {
    const READ: &[Flag] = &[Flag::Read, Flag::Fast];
    const ALL: &[Flag] = &[Flag::Read, Flag::Large];
    const WRITE: &[Flag] = &[Flag::Write, Flag::Fast];
    let of = |flags: &'static [Flag], command: Command| command.flags(flags).keys(Keys::ONE);
    vec![
        of(WRITE, later("sadd", -3, "Adds members", run!(add))).differs(
            "Wins over a removal at the same time. Two who add a member at the same time may both be told that it is new. \
             New members go when the others do.",
        ),
        of(WRITE, later("srem", -3, "Removes members", run!(remove)))
            .differs("Takes away what it has seen: a member that is added at the same time stays."),
        of(READ, later("sismember", 3, "Whether a member is there", run!(has))).differs(HIDDEN),
        of(READ, later("smismember", -3, "Which of some members are there", run!(has_each))).differs(HIDDEN),
        of(ALL, later("smembers", 2, "All members", run!(members))),
        of(ALL, later("scard", 2, "How many members there are", run!(count)))
            .differs("Counts the members one by one, holding all of them; fails above 256 MiB."),
        of(ALL, later("sscan", -3, "Some members, and where to go on", run!(scan))),
    ]
}

const HIDDEN: &str =
    "Finds a member that is there also where a string has been written over the set, or a hash is under the same key.";

async fn add(call: Call) -> Outcome {
    let nature = call.of_kind(call.arg(1), Kind::Set).await?;
    let expires = nature.and_then(|nature| nature.expires);
    let members: BTreeSet<Bytes> = call.args(2).iter().cloned().collect();
    let writes = members.into_iter().map(|member| {
        let call = call.clone();
        async move {
            let item = Kind::Set.element(call.arg(1), &member);
            let (old, seen) = call.element(&item).await?;
            // Also if it is there, so that it wins over whoever removes it now.
            call.write_element(item, Some(proto::element::plain(b"")), seen, expires).await?;
            Ok(old.is_none())
        }
    });
    let new = together(writes).await?;
    Ok(Reply::Integer(new.into_iter().filter(|new| *new).count() as i64))
}

async fn remove(call: Call) -> Outcome {
    remove_all(call, Kind::Set).await
}

/// Removes the elements that are named from the third argument on.
pub(super) async fn remove_all(call: Call, kind: Kind) -> Outcome {
    if call.of_kind(call.arg(1), kind).await?.is_none() {
        return Ok(Reply::Integer(0));
    }
    let names: BTreeSet<Bytes> = call.args(2).iter().cloned().collect();
    let writes = names.into_iter().map(|name| {
        let call = call.clone();
        async move {
            let item = kind.element(call.arg(1), &name);
            let (old, seen) = call.element(&item).await?;
            let Some(old) = old else { return Ok(false) };
            call.remove_element(item, old.counted, seen).await?;
            Ok(true)
        }
    });
    let removed = reading(&call.place.sizes, writes).await?;
    Ok(Reply::Integer(removed.into_iter().filter(|removed| *removed).count() as i64))
}

async fn is_there(call: &Call, member: &Bytes) -> Result<bool, Fault> {
    call.eventual("a set").await?;
    let (element, _) = call.element(&Kind::Set.element(call.arg(1), member)).await?;
    if element.is_none() {
        call.of_kind(call.arg(1), Kind::Set).await?;
    }
    Ok(element.is_some())
}

async fn has(call: Call) -> Outcome {
    Ok(Reply::Integer(i64::from(is_there(&call, call.arg(2)).await?)))
}

async fn has_each(call: Call) -> Outcome {
    let reads: Vec<_> = call.args(2).to_vec().into_iter().map(|member| (call.clone(), member)).collect();
    let reads = reads.into_iter().map(|(call, member)| async move { is_there(&call, &member).await });
    let there = together(reads).await?;
    Ok(Reply::Array(there.into_iter().map(|there| Reply::Integer(i64::from(there))).collect()))
}

async fn members(call: Call) -> Outcome {
    let elements = call.elements(call.arg(1), Kind::Set).await?;
    Ok(Reply::Set(elements.into_iter().map(|element| Reply::Bulk(element.name)).collect()))
}

async fn count(call: Call) -> Outcome {
    Ok(Reply::Integer(call.elements(call.arg(1), Kind::Set).await?.len() as i64))
}

async fn scan(call: Call) -> Outcome {
    let wanted = Wanted::read(call.args(3))?;
    let (elements, cursor) = scanned(&call, Kind::Set, &wanted).await?;
    let members = elements.into_iter().map(|element| Reply::Bulk(element.name)).collect();
    Ok(Reply::Array(vec![cursor, Reply::Array(members)]))
}

/// Some elements from the cursor that is the second argument on, and the next cursor.
pub(super) async fn scanned(call: &Call, kind: Kind, wanted: &Wanted) -> Result<(Vec<Element>, Reply), Fault> {
    let from = cursor(call.arg(2))?;
    if wanted.kind.is_some() {
        return Err(Fault::SYNTAX);
    }
    if from >> HASH_BITS > 0 || call.of_kind(call.arg(1), kind).await?.is_none() {
        return Ok((Vec::new(), Reply::word("0")));
    }
    let (mut elements, next) = call.some_elements(call.arg(1), kind, from, wanted.count).await?;
    if let Some(pattern) = &wanted.pattern {
        elements.retain(|element| pattern::matches(pattern, &element.name));
    }
    Ok((elements, Reply::text(next.unwrap_or(0).to_string())))
}
