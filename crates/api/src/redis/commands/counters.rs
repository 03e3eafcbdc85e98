//! Counters: adding to a number.
//!
//! Invariant: no increment that was acknowledged is lost to another one or to a new end, on however many nodes they are asked
//! for at once. A write of the value takes the place of what was added before: SET, DEL, and APPEND and SETRANGE if nothing at
//! all is known of the key, not even a deletion.

use super::run;
use crate::redis::arguments::integer;
use crate::redis::call::{Become, Call, Item};
use crate::redis::fault::{Fault, Outcome};
use crate::redis::table::{Command, Flag, Keys, later};

use proto::{Amendment, Cas, Decimal, Edit, Ends, Expect, ItemKey, Mode, Refusal, Request, Response, Tried, Unchanged};
use resp::Reply;

pub(super) fn commands() -> Vec<Command> {
    const WRITE: &[Flag] = &[Flag::Write, Flag::Fast];
    let one = |command: Command| command.flags(WRITE).keys(Keys::ONE).differs(COUNTS);
    vec![
        one(later("incr", 2, "Adds 1 to a number", run!(increment))),
        one(later("decr", 2, "Takes 1 from a number", run!(decrement))),
        one(later("incrby", 3, "Adds to a number", run!(increment_by))),
        one(later("decrby", 3, "Takes from a number", run!(decrement_by))),
        one(later("incrbyfloat", 3, "Adds to a number, which may have a fraction", run!(increment_by_float)))
            .differs(COUNTS_DECIMALS),
    ]
}

const COUNTS: &str = "The answer is the sum where it is made; what is added elsewhere at the same time is in it later. An answer \
                      that is lost may have been counted. Does not look whether the key is a hash or set.";

const COUNTS_DECIMALS: &str = "The answer is the sum where it is made; what is added elsewhere at the same time is in it later. An \
                               answer that is lost may have been counted. Does not look whether the key is a hash or set. Adds decimal \
                               numbers exactly: up to 10^21 with 17 digits behind the point; what is larger is refused.";

async fn increment(call: Call) -> Outcome {
    add(call, 1).await
}

async fn decrement(call: Call) -> Outcome {
    add(call, -1).await
}

async fn increment_by(call: Call) -> Outcome {
    let by = integer(call.arg(2))?;
    add(call, by).await
}

async fn decrement_by(call: Call) -> Outcome {
    let by = integer(call.arg(2))?.checked_neg().ok_or(Fault::new("ERR decrement would overflow"))?;
    add(call, by).await
}

async fn add(call: Call, by: i64) -> Outcome {
    let key = call.arg(1);
    if call.mode().await? == Mode::Eventual {
        let amendment = Amendment::Add { by: Decimal::whole(by), whole: true };
        let sum = call.on_top(key, amendment).await?.map_err(|why| match why {
            Unchanged::OutOfRange => Fault::OVERFLOW,
            _ => Fault::NOT_INTEGER,
        })?;
        return resp::integer(&sum).map(Reply::Integer).ok_or(Fault::NOT_INTEGER);
    }
    let cas = Cas {
        bucket: call.place.bucket.clone(),
        key: ItemKey::plain(key.clone()),
        expect: Expect::Any,
        edit: Edit::Add(by),
        ends: Ends::Never,
        id: None,
        tried: Tried::No,
    };
    let sum = match call.ask(Request::Cas(cas)).await {
        Response::Swapped(current) => current.value.and_then(|value| resp::integer(&value.bytes)),
        // One sentence stands for two errors; what is there tells them apart.
        Response::Refused(Refusal::Invalid(_)) => {
            let item = call.read(key).await?;
            let is_number = item.is_none_or(|item| resp::integer(&item.value.bytes).is_some());
            return Err(match is_number {
                true => Fault::OVERFLOW,
                false => Fault::NOT_INTEGER,
            });
        }
        other => return Err(Fault::unexpected(other)),
    };
    sum.map(Reply::Integer).ok_or(Fault::new(
        "ERR The number was changed as asked, but others have changed it since, so the sum is not known; read it, and do not repeat this.",
    ))
}

async fn increment_by_float(call: Call) -> Outcome {
    let by = Decimal::parse(call.arg(2)).ok_or(Fault::NOT_FLOAT)?;
    if call.mode().await? == Mode::Eventual {
        let sum = call.on_top(call.arg(1), Amendment::Add { by, whole: false }).await?;
        return sum.map(Reply::Bulk).map_err(|why| match why {
            Unchanged::OutOfRange => Fault::OUT_OF_RANGE,
            _ => Fault::NOT_FLOAT,
        });
    }
    let change = |item: Option<&Item>| {
        let old = match item {
            Some(item) => Decimal::parse(&item.value.bytes).ok_or(Fault::NOT_FLOAT)?,
            None => Decimal::ZERO,
        };
        let sum = old.plus(by).ok_or(Fault::OUT_OF_RANGE)?.to_string();
        Ok((Become::Value(sum.clone().into()), Reply::text(sum)))
    };
    call.change(call.arg(1), change).await
}
