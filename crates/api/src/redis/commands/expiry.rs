//! Times to live: how long a key has, and giving it another.
//!
//! Invariant: giving a string a time to live changes nothing else of it, whatever others do at the same time.

use super::run;
use crate::redis::arguments::{Unit, expiry, integer, is};
use crate::redis::call::Call;
use crate::redis::fault::{Fault, Outcome};
use crate::redis::table::{Command, Flag, Keys, later};
use crate::redis::time;
use bytes::Bytes;
use proto::{Mode, When};
use resp::Reply;
use stdx::Wall;

pub(super) fn commands() -> Vec<Command> {
    const READ: &[Flag] = &[Flag::Read, Flag::Fast];
    const WRITE: &[Flag] = &[Flag::Write, Flag::Fast];
    const WITHIN: &str = "In eventual buckets, conditions are checked on what a quorum holds, and of a hash or set every element is \
                          written again: those that are added at the same time may stay, and those that are removed come back.";
    let read = |command: Command| command.flags(READ).keys(Keys::ONE);
    let write = |command: Command| command.flags(WRITE).keys(Keys::ONE).differs(WITHIN);
    vec![
        read(later("ttl", 2, "Seconds that a key has", run!(ttl))),
        read(later("pttl", 2, "Milliseconds that a key has", run!(pttl))),
        read(later("expiretime", 2, "When a key goes, in seconds since 1970", run!(expire_time))),
        read(later("pexpiretime", 2, "When a key goes, in milliseconds since 1970", run!(pexpire_time))),
        write(later("expire", -3, "Lets a key go in some seconds", run!(expire))),
        write(later("pexpire", -3, "Lets a key go in some milliseconds", run!(pexpire))),
        write(later("expireat", -3, "Lets a key go at a time, in seconds since 1970", run!(expire_at))),
        write(later("pexpireat", -3, "Lets a key go at a time, in milliseconds since 1970", run!(pexpire_at))),
        write(later("persist", 2, "Lets a key stay", run!(persist))),
        write(later("getex", -2, "A value, and another time to live for it", run!(get_and_expire))),
    ]
}

/// Milliseconds that come of when a key goes: -2 if it is not there, -1 if it stays.
async fn told(call: &Call, millis: impl Fn(Wall) -> i64) -> Outcome {
    let number = match end(call).await? {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => millis(at),
    };
    Ok(Reply::Integer(number))
}

/// When a key goes, if it is there.
async fn end(call: &Call) -> Result<Option<Option<Wall>>, Fault> {
    if let Some(item) = call.read(call.arg(1)).await? {
        return Ok(Some(item.expires));
    }
    match call.mode().await? {
        Mode::Linearizable => Ok(None),
        Mode::Eventual => Ok(call.nature_but_string(call.arg(1)).await?.map(|nature| nature.expires)),
    }
}

fn left(at: Wall) -> i64 {
    time::until(at).as_millis() as i64
}

async fn ttl(call: Call) -> Outcome {
    told(&call, |at| (left(at) + 500) / 1_000).await
}

async fn pttl(call: Call) -> Outcome {
    told(&call, left).await
}

async fn expire_time(call: Call) -> Outcome {
    told(&call, |at| (at.0 as i64 + 500) / 1_000).await
}

async fn pexpire_time(call: Call) -> Outcome {
    told(&call, |at| at.0 as i64).await
}

async fn expire(call: Call) -> Outcome {
    expire_in(call, Unit::Seconds).await
}

async fn pexpire(call: Call) -> Outcome {
    expire_in(call, Unit::Millis).await
}

async fn expire_at(call: Call) -> Outcome {
    expire_in(call, Unit::AtSeconds).await
}

async fn pexpire_at(call: Call) -> Outcome {
    expire_in(call, Unit::AtMillis).await
}

/// On which of the present times to live another is given.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Condition {
    none: bool,
    some: bool,
    later: bool,
    sooner: bool,
}

impl Condition {
    fn read(flags: &[bytes::Bytes]) -> Result<Condition, Fault> {
        let mut condition = Condition::default();
        for flag in flags {
            match flag {
                flag if is(flag, "NX") => condition.none = true,
                flag if is(flag, "XX") => condition.some = true,
                flag if is(flag, "GT") => condition.later = true,
                flag if is(flag, "LT") => condition.sooner = true,
                other => {
                    let other = String::from_utf8_lossy(other).into_owned();
                    return Err(Fault::new(format!("ERR Unsupported option {other}")));
                }
            }
        }
        if condition.none && (condition.some || condition.later || condition.sooner) {
            return Err(Fault::new("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if condition.later && condition.sooner {
            return Err(Fault::new("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(condition)
    }

    /// The same for a string, but that one with XX and LT must be seen to have an end before.
    fn when(self) -> When {
        match self {
            Condition { later: true, .. } => When::Later,
            Condition { sooner: true, .. } => When::Earlier,
            Condition { none: true, .. } => When::Endless,
            Condition { some: true, .. } => When::Ending,
            _ => When::There,
        }
    }

    /// A key that stays goes later than any other.
    fn holds(self, present: Option<Wall>, wanted: Wall) -> bool {
        !(self.none && present.is_some()
            || self.some && present.is_none()
            || self.later && present.is_none_or(|present| wanted <= present)
            || self.sooner && present.is_some_and(|present| wanted >= present))
    }
}

async fn expire_in(call: Call, unit: Unit) -> Outcome {
    let at = unit.at(integer(call.arg(2))?, call.command.name)?;
    let condition = Condition::read(call.args(3))?;
    let key = call.arg(1);
    if condition.some && condition.sooner && call.read(key).await?.is_some_and(|item| item.expires.is_none()) {
        return Ok(Reply::Integer(0));
    }
    let done = match call.give_end(key, Some(at), condition.when()).await? {
        Some(done) => done,
        None if call.mode().await? == Mode::Linearizable => false,
        None => {
            let nature = call.nature_but_string(key).await?.filter(|nature| condition.holds(nature.expires, at));
            nature.is_some() && call.all_elements(key, Some(Some(at))).await?
        }
    };
    Ok(Reply::Integer(i64::from(done)))
}

async fn persist(call: Call) -> Outcome {
    let key = call.arg(1);
    let done = match call.give_end(key, None, When::Ending).await? {
        Some(done) => done,
        None if call.mode().await? == Mode::Linearizable => false,
        None => {
            let ending = call.nature_but_string(key).await?.is_some_and(|nature| nature.expires.is_some());
            ending && call.all_elements(key, Some(None)).await?
        }
    };
    Ok(Reply::Integer(i64::from(done)))
}

async fn get_and_expire(call: Call) -> Outcome {
    let key = call.arg(1);
    let wanted = wanted_end(call.args(2))?;
    let Some(item) = call.read_string(key).await? else { return Ok(Reply::Null) };
    if let Some(expires) = wanted
        && expires != item.expires
    {
        call.give_end(key, expires, When::There).await?;
    }
    Ok(Reply::Bulk(item.value.bytes))
}

/// The end that the options of GETEX ask for, if they do. One option may come several times; the last counts.
fn wanted_end(mut options: &[Bytes]) -> Result<Option<Option<Wall>>, Fault> {
    let (mut first, mut wanted) = (None, None);
    while let Some((option, rest)) = options.split_first() {
        if !first.get_or_insert(option).eq_ignore_ascii_case(option) {
            return Err(Fault::SYNTAX);
        }
        (wanted, options) = match rest {
            rest if is(option, "PERSIST") => (Some(None), rest),
            [time, rest @ ..] => {
                let unit = Unit::of_option(option).ok_or(Fault::SYNTAX)?;
                (Some(Some(expiry(unit, Some(time), "getex")?)), rest)
            }
            [] => return Err(Fault::SYNTAX),
        };
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::Condition;
    use bytes::Bytes;
    use stdx::Wall;

    fn condition(flags: &[&'static str]) -> Result<Condition, String> {
        let flags: Vec<Bytes> = flags.iter().map(|flag| Bytes::from_static(flag.as_bytes())).collect();
        Condition::read(&flags).map_err(|fault| format!("{fault:?}"))
    }

    #[test]
    fn conditions_hold_as_in_redis() {
        let holds = |flags: &[&'static str], present: Option<u64>, wanted: u64| {
            condition(flags).unwrap().holds(present.map(Wall), Wall(wanted))
        };
        assert!(holds(&[], None, 1) && holds(&[], Some(2), 1));
        assert!(holds(&["nx"], None, 1) && !holds(&["NX"], Some(1), 2));
        assert!(!holds(&["XX"], None, 1) && holds(&["XX"], Some(1), 2));
        assert!(!holds(&["GT"], None, 1) && holds(&["GT"], Some(1), 2) && !holds(&["GT"], Some(2), 2));
        assert!(holds(&["LT"], None, 1) && !holds(&["LT"], Some(1), 2) && holds(&["LT"], Some(2), 1));
        assert!(!holds(&["XX", "LT"], None, 1));
        for flags in [&["NX", "GT"][..], &["NX", "XX"], &["GT", "LT"], &["YY"]] {
            assert!(condition(flags).is_err(), "{flags:?}");
        }
    }
}
